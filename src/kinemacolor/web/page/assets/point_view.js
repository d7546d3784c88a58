const root = element.querySelector(".kc");
const frame = makeField("The frame. Arrow keys move the cross, Enter asks where the colour comes from there", ask, tellPlace);
const list = make("ul", { class: "references" });
const answer = make("p", { class: "answer", role: "status" });
const hint = "Click a point of the frame, or move the cross with the arrow keys and press Enter.";
root.append(
  make("div", { class: "columns" },
    make("div", {}, make("p", { class: "title" }, "The frame"), frame.node, answer),
    make("div", {}, make("p", { class: "title" }, "Where its colour comes from"), list)),
);

let known = "";

function ask(point) {
  write(answer, "Looking…");
  trigger("select", point);
}

function tellPlace({ x, y }) {
  write(answer, `Cross ${percent(x)} across, ${percent(y)} down. Enter asks.`);
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
  put(frame.picture, "src", value.frame.image);
  put(frame.picture, "width", value.frame.width);
  put(frame.picture, "height", value.frame.height);
  showReferences(value.references);
  const origin = value.origin;
  if (origin) frame.moveTo(origin);
  [...list.children].forEach((item, index) => {
    const ring = item.querySelector(".ring");
    const found = origin?.reference === index;
    item.classList.toggle("found", found);
    ring.hidden = true;
    if (found) place(ring, { x: origin.rx, y: origin.ry });
  });
  write(answer, origin ? origin.text : hint);
}

watch("value", show);
show();
