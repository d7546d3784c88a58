const root = element.querySelector(".kc");
const STEP = 0.02;
const picture = make("img", { alt: "", draggable: "false" });
const cross = make("span", { class: "cross", hidden: true, "aria-hidden": "true" });
const field = make("div", {
  class: "field", tabindex: 0, role: "application",
  "aria-label": "The frame. Arrow keys move the cross, Enter asks where the colour comes from there",
  onclick: (event) => asked(event), onkeydown: (event) => pressed(event),
}, picture, cross);
const list = make("ul", { class: "references" });
const answer = make("p", { class: "answer", role: "status" });
const hint = "Click a point of the frame, or move the cross with the arrow keys and press Enter.";
root.append(
  make("div", { class: "columns" },
    make("div", {}, make("p", { class: "title" }, "The frame"), field, answer),
    make("div", {}, make("p", { class: "title" }, "Where its colour comes from"), list)),
);

let at = { x: 0.5, y: 0.5 };
let known = "";

const within = (part) => Math.min(1, Math.max(0, part));

function place(mark, x, y) {
  mark.hidden = false;
  [mark.style.left, mark.style.top] = [`${x * 100}%`, `${y * 100}%`];
}

function moveTo(x, y) {
  at = { x: within(x), y: within(y) };
  place(cross, at.x, at.y);
}

function ask() {
  write(answer, "Looking…");
  trigger("select", { x: at.x, y: at.y });
}

function asked(event) {
  const box = picture.getBoundingClientRect();
  moveTo((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  ask();
}

function pressed(event) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const far = event.shiftKey ? 5 : 1;
  if (by) {
    moveTo(at.x + by[0] * STEP * far, at.y + by[1] * STEP * far);
    write(answer, `Cross ${percent(at.x)} across, ${percent(at.y)} down. Enter asks.`);
  } else if (event.key === "Enter" || event.key === " ") ask();
  else return;
  event.preventDefault();
}

function showReferences(references) {
  const wanted = JSON.stringify(references);
  if (wanted === known) return;
  known = wanted;
  list.replaceChildren(...references.map(({ name, image }) =>
    make("li", {},
      make("div", { class: "field" }, make("img", { src: image, alt: "" }), make("span", { class: "ring", hidden: true, "aria-hidden": "true" })),
      make("p", { class: "quiet" }, name))));
}

function show() {
  const value = props.value;
  root.hidden = !value;
  if (!value) return;
  put(picture, "src", value.frame.image);
  put(picture, "width", value.frame.width);
  put(picture, "height", value.frame.height);
  showReferences(value.references);
  const origin = value.origin;
  if (origin) moveTo(origin.x, origin.y);
  [...list.children].forEach((item, index) => {
    const ring = item.querySelector(".ring");
    const found = origin?.reference === index;
    item.classList.toggle("found", found);
    ring.hidden = true;
    if (found) place(ring, origin.rx, origin.ry);
  });
  write(answer, origin ? origin.text : hint);
}

field.addEventListener("focus", () => moveTo(at.x, at.y));
watch("value", show);
show();
