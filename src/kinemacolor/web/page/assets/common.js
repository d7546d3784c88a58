// What all parts share. What users name (files!) goes into the page as text and attributes only, never as markup.
const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  back: "M6 5h3v14H6zM20 5v14L9 12z",
  forward: "M15 5h3v14h-3zM4 5v14l11-7z",
  sound: "M4 9v6h4l5 5V4L8 9zM16 8a5 5 0 0 1 0 8v-2a3 3 0 0 0 0-4z",
  silent: "M4 9v6h4l5 5V4L8 9zM15 9l1.4-1.4 6 6L21 15zM21 7.6 22.4 9l-6 6L15 13.6z",
  full: "M4 4h7v2H6v5H4zM13 4h7v7h-2V6h-5zM4 13h2v5h5v2H4zM18 13h2v7h-7v-2h5z",
  remove: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4L12 13.4 6.4 19 5 17.6l5.6-5.6L5 6.4z",
  grip: "M9 6v12l-6-6zM15 6v12l6-6z",
};
const SVG = "http://www.w3.org/2000/svg";

// An element; `onclick: f` listens, true sets an attribute, null and false leave it out.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else put(node, name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function put(node, name, value) {
  const text = value === true ? "" : name === "src" || name === "href" ? address(value) : value;
  if (text === null || text === undefined || text === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(text)) node.setAttribute(name, text);
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Only addresses that load something; null for the rest (javascript:).
function address(text) {
  if (!text || !URL.canParse(text, location.href)) return null;
  const { protocol } = new URL(text, location.href);
  return ["http:", "https:", "blob:"].includes(protocol) || text.startsWith("data:image/") ? text : null;
}

function drawing(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function icon(name) {
  const box = { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" };
  return drawing("svg", box, drawing("path", { d: ICONS[name] }));
}

// A button with a picture alone, and its name for those who do not see it.
function iconButton(name, label, onclick, extra = {}) {
  return make("button", { type: "button", class: "square", "aria-label": label, title: label, onclick, ...extra }, icon(name));
}

function clock(seconds) {
  const tenths = Math.max(0, Math.floor(seconds * 10 + 1e-6));
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

function percent(part) {
  return `${Math.round(part * 100)} %`;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The direction of an arrow key; null for other keys, and for what is the browser's own (Alt and an arrow go back).
function arrowOf(event) {
  return event.ctrlKey || event.altKey || event.metaKey ? null : (ARROWS[event.key] ?? null);
}

function within(part) {
  return Math.min(1, Math.max(0, part));
}

// Where in a picture an event happened, in parts of its width and height.
function pointOf(event, picture) {
  const box = picture.getBoundingClientRect();
  return { x: within((event.clientX - box.left) / box.width), y: within((event.clientY - box.top) / box.height) };
}

function place(mark, { x, y }) {
  mark.hidden = false;
  [mark.style.left, mark.style.top] = [`${x * 100}%`, `${y * 100}%`];
}

// A picture of which a point can be chosen: by a click, or by arrow keys and Enter. `moved` hears of the keys.
function makeField(label, chosen, moved = () => {}) {
  const picture = make("img", { alt: "", draggable: "false" });
  const cross = make("span", { class: "cross", hidden: true, "aria-hidden": "true" });
  const node = make("div", { class: "field point", tabindex: 0, role: "application", "aria-label": label }, picture, cross);
  let at = { x: 0.5, y: 0.5 };
  function moveTo(point) {
    at = point;
    place(cross, at);
  }
  node.addEventListener("focus", () => moveTo(at));
  node.addEventListener("click", (event) => {
    moveTo(pointOf(event, picture));
    chosen(at);
  });
  node.addEventListener("keydown", (event) => {
    const by = arrowOf(event);
    if (by) {
      const far = event.shiftKey ? 0.1 : 0.02;
      moveTo({ x: within(at.x + by[0] * far), y: within(at.y + by[1] * far) });
      moved(at);
    } else if (event.key === "Enter" || event.key === " ") chosen(at);
    else return;
    event.preventDefault();
  });
  return { node, picture, moveTo };
}

// Pictures with a divider over them: what is left of it is gray, what is right of it has colour.
function makeStage(moved, ...pictures) {
  const input = make("input", {
    type: "range", class: "divider", min: 0, max: 100, step: "any", "aria-label": "Divider between gray and colour",
    oninput: () => move(),
  });
  input.value = 50;
  const line = make("div", { class: "line", "aria-hidden": "true" }, make("span", { class: "grip" }, icon("grip")));
  const names = ["Gray", "Colour"].map((name) => make("span", { class: `name ${name.toLowerCase()}`, "aria-hidden": "true" }, name));
  const stage = make("div", { class: "stage" }, ...pictures, ...names, input, line);
  function move() {
    const at = Number(input.value);
    stage.style.setProperty("--at", `${at}%`);
    input.setAttribute("aria-valuetext", `${Math.round(at)} % gray, ${100 - Math.round(at)} % colour`);
    moved(at / 100);
  }
  stage.setAspect = (width, height) => stage.style.setProperty("--aspect", width / height);
  stage.move = move;
  return stage;
}
