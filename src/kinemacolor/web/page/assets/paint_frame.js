const root = element.querySelector(".kc");
const SWATCHES = {
  Skin: "#b08a6e", Rose: "#a8574a", Brick: "#8a3b2f", Straw: "#c9a34e", Sand: "#d9c9b0", Wood: "#6b4a2f",
  Leaf: "#5f7a3a", Pine: "#33553f", Sky: "#5f8fb0", Navy: "#2f3f6f", Violet: "#7a4f8a", Gray: "#808080",
};
const WIDEST = 240; // px of a brush
const strokes = []; // what was painted: {color (null: taken away), size, points}
let value = null, tool = "brush", at = { x: 0.5, y: 0.5 }, stroke = null;

const picture = make("img", { alt: "", draggable: "false" });
const canvas = make("canvas", {});
const pen = canvas.getContext("2d");
const ring = make("span", { class: "brush", "aria-hidden": "true" });
const stage = make("div", {
  class: "stage", tabindex: 0, role: "application",
  "aria-label": "The frame. Arrow keys move the brush, space paints a dot, Shift and an arrow key paint a line",
  onpointerdown: begin, onpointermove: move, onpointerup: end, onpointercancel: end, onkeydown: press,
}, picture, canvas, ring);
const tools = ["Brush", "Eraser", "Colour picker"].map((name) =>
  make("button", { type: "button", onclick: () => take(name === "Colour picker" ? "picker" : name.toLowerCase()) }, name));
const color = make("input", { type: "color", value: SWATCHES.Skin, oninput: () => chosen() });
const swatches = Object.entries(SWATCHES).map(([name, code]) =>
  make("button", { type: "button", class: "square swatch", style: `--swatch: ${code}`, "aria-label": name, title: name, onclick: () => choose(code) }));
const size = make("input", { type: "range", min: 2, max: WIDEST, value: 24, oninput: () => place() });
const zoom = make("select", { onchange: () => stage.style.setProperty("--zoom", zoom.value) },
  ...["1", "2", "4"].map((times) => make("option", { value: times }, times === "1" ? "Whole frame" : `${times} × as large`)));
const undo = make("button", { type: "button", onclick: () => { strokes.pop(); paintAll(); } }, "Undo");
const clear = make("button", { type: "button", onclick: () => { strokes.length = 0; paintAll(); } }, "Take all away");
const references = make("div", { class: "row sources" });
const invites = make("p", { class: "quiet" }, "Click on a reference to take its colour there:");
const whole = make("input", { type: "checkbox" });
const save = make("button", { type: "button", class: "main", onclick: send }, "Take this, and render again");
const said = make("p", { class: "quiet", role: "status" });
const named = (text, field) => make("label", { class: "choice" }, make("span", {}, text), field);
root.append(
  make("div", { class: "row" }, ...tools, named("Colour", color), ...swatches),
  make("div", { class: "row" }, named("Brush", size), named("Show", zoom), make("span", { class: "gap" }), undo, clear),
  make("div", { class: "sheet" }, stage),
  invites, references, said,
  make("div", { class: "row" }, make("label", { class: "choice" }, whole, "All other colours of this frame are right, too"), make("span", { class: "gap" }), save),
);

function take(name) {
  tool = name;
  tools.forEach((button, index) => put(button, "aria-pressed", String(["brush", "eraser", "picker"][index] === tool)));
  stage.dataset.tool = tool;
  place();
}

function choose(code) {
  color.value = code;
  chosen();
}

function chosen() {
  if (tool !== "brush") take("brush");
  place();
}

// The ring is as large as the brush; `at` is its place in parts of the frame.
function place() {
  const across = tool === "picker" ? "12px" : `${(100 * size.value) / canvas.width}%`;
  ring.style.cssText = `left: ${at.x * 100}%; top: ${at.y * 100}%; width: ${across}; --ink: ${tool === "brush" ? color.value : "transparent"}`;
}

function point(event) {
  const box = canvas.getBoundingClientRect();
  at = { x: within((event.clientX - box.left) / box.width), y: within((event.clientY - box.top) / box.height) };
  place();
}

const within = (part) => Math.min(1, Math.max(0, part));

function begin(event) {
  if (event.button) return;
  event.preventDefault();
  stage.focus({ preventScroll: true });
  point(event);
  if (tool === "picker") return pick(picture, at);
  stage.setPointerCapture(event.pointerId);
  startStroke();
}

function move(event) {
  point(event);
  if (stroke) continueStroke();
}

function end() {
  stroke = null;
}

function startStroke() {
  stroke = { color: tool === "eraser" ? null : color.value, size: Number(size.value), points: [] };
  strokes.push(stroke);
  continueStroke();
}

function continueStroke() {
  stroke.points.push([at.x * canvas.width, at.y * canvas.height]);
  paint(stroke, stroke.points.slice(-2));
  told();
}

// What is painted lies over the frame with its colour only: light and shade stay the frame's (`mix-blend-mode`).
function paint({ color, size }, points) {
  pen.globalCompositeOperation = color ? "source-over" : "destination-out";
  [pen.strokeStyle, pen.lineWidth, pen.lineCap, pen.lineJoin] = [color ?? "#000", size, "round", "round"];
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (const [x, y] of points) pen.lineTo(x + 0.01, y); // a line of no length would be no dot
  pen.stroke();
}

function paintAll() {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  for (const one of strokes) paint(one, one.points);
  told();
}

function told() {
  const painted = strokes.some((one) => one.color);
  undo.disabled = clear.disabled = !strokes.length;
  save.disabled = !painted;
  write(said, painted ? count(strokes.length, "stroke", "strokes") : "Paint with the colour that it should have: light and shade stay those of the film.");
}

function press(event) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (by) {
    if (event.shiftKey && tool !== "picker") startStroke();
    at = { x: within(at.x + by[0] * 0.02), y: within(at.y + by[1] * 0.02) };
    place();
    if (stroke) continueStroke();
  } else if (event.key === " " || event.key === "Enter") {
    if (tool === "picker") pick(picture, at);
    else startStroke();
  } else return;
  stroke = null;
  event.preventDefault();
}

function pick(image, { x, y }) {
  const sheet = make("canvas", { width: 1, height: 1 }).getContext("2d");
  sheet.drawImage(image, Math.floor(within(x) * (image.naturalWidth - 1)), Math.floor(within(y) * (image.naturalHeight - 1)), 1, 1, 0, 0, 1, 1);
  choose(`#${[...sheet.getImageData(0, 0, 1, 1).data.slice(0, 3)].map((one) => one.toString(16).padStart(2, "0")).join("")}`);
  write(said, `The colour ${color.value} was taken.`);
}

function pickFrom(event) {
  const box = event.target.getBoundingClientRect();
  pick(event.target, { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height });
}

function send() {
  trigger("submit", { project: value.project, frame: value.frame, layer: canvas.toDataURL("image/png"), whole: whole.checked });
}

function show() {
  const before = value;
  value = props.value;
  root.hidden = !value;
  if (!value) return;
  put(root, "aria-label", `Paint on frame ${value.frame}`);
  references.replaceChildren(...value.references.map(({ name, image }) => make("img", { src: image, alt: name, title: name, onclick: pickFrom })));
  if (before?.image === value.image && before.frame === value.frame) return place();
  put(picture, "src", value.image);
  [canvas.width, canvas.height] = [value.width, value.height];
  stage.style.setProperty("--aspect", value.width / value.height);
  [strokes.length, whole.checked] = [0, false];
  [size.max, size.value] = [Math.min(WIDEST, Math.round(value.width / 3)), Math.round(value.width / 30)];
  paintAll();
  place();
}

stage.style.setProperty("--zoom", "1");
take("brush");
watch("value", show);
show();
