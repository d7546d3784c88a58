const root = element.querySelector(".kc");
const SWATCHES = {
  Skin: "#b08a6e", Rose: "#a8574a", Brick: "#8a3b2f", Straw: "#c9a34e", Sand: "#d9c9b0", Wood: "#6b4a2f",
  Leaf: "#5f7a3a", Pine: "#33553f", Sky: "#5f8fb0", Navy: "#2f3f6f", Violet: "#7a4f8a", Gray: "#808080",
};
const TOOLS = { brush: "Brush", eraser: "Eraser", picker: "Colour picker", hand: "Move" };
const HINT = "Paint with the colour that it should have: light and shade stay those of the film.";
const strokes = []; // what was painted: {color (null: taken away), size, points}
let value = null, tool = "brush", at = { x: 0.5, y: 0.5 };
let stroke = null, pointer = null; // what is being painted, and by which pointer (null: by keys)

const title = make("p", { class: "title" });
const picture = make("img", { alt: "", draggable: "false" });
const canvas = make("canvas", {});
const pen = canvas.getContext("2d", { willReadFrequently: true });
const ring = make("span", { class: "brush", "aria-hidden": "true" });
const stage = make("div", {
  class: "stage", tabindex: 0, role: "application",
  "aria-label": "The frame. Arrow keys move the brush, space paints a dot, Shift and arrow keys paint a line",
  onpointerdown: begin, onpointermove: move, onpointerup: end, onlostpointercapture: end, onpointercancel: cancel,
  onkeydown: press, onkeyup: (event) => event.key === "Shift" && endStroke(),
}, picture, canvas, ring);
const sheet = make("div", { class: "sheet" }, stage);
const tools = Object.entries(TOOLS).map(([name, label]) => make("button", { type: "button", onclick: () => take(name) }, label));
const color = make("input", { type: "color", value: SWATCHES.Skin, oninput: () => take("brush") });
const swatches = Object.entries(SWATCHES).map(([name, code]) =>
  make("button", { type: "button", class: "square swatch", style: `--swatch: ${code}`, "aria-label": name, title: name, onclick: () => choose(code) }));
const size = make("input", { type: "range", min: 2, oninput: () => showRing() });
const zoom = make("select", { onchange: () => stage.style.setProperty("--zoom", zoom.value) },
  ...["1", "2", "4"].map((times) => make("option", { value: times }, times === "1" ? "Whole frame" : `${times} × as large`)));
const undo = make("button", { type: "button", onclick: () => takenBack(1) }, "Undo");
const clear = make("button", { type: "button", onclick: () => takenBack(strokes.length) }, "Take all away");
const invites = make("p", { class: "quiet" }, "Take a colour from a reference: click there, or move its cross with the arrow keys and press Enter.");
const references = make("div", { class: "row sources" });
const whole = make("input", { type: "checkbox" });
const save = make("button", { type: "button", class: "main", onclick: send }, "Take this, and render again");
const said = make("p", { class: "quiet", role: "status" });
const named = (text, field) => make("label", { class: "choice" }, make("span", {}, text), field);
const table = make("div", {},
  make("div", { class: "row" }, ...tools, named("Colour", color), ...swatches),
  make("div", { class: "row" }, named("Brush size", size), named("Show", zoom), make("span", { class: "gap" }), undo, clear),
  sheet, invites, references);
root.append(title, table, said,
  make("div", { class: "row" }, make("label", { class: "choice" }, whole, "All other colours of this frame are right, too"), make("span", { class: "gap" }), save));

function take(name) {
  tool = name;
  tools.forEach((button, index) => put(button, "aria-pressed", String(Object.keys(TOOLS)[index] === tool)));
  stage.dataset.tool = tool;
  showRing();
}

function choose(code) {
  color.value = code;
  take("brush");
}

// As large as the brush, where the next stroke begins.
function showRing() {
  const across = tool === "picker" ? "12px" : `${(100 * size.value) / canvas.width}%`;
  ring.style.cssText = `left: ${at.x * 100}%; top: ${at.y * 100}%; width: ${across}; --ink: ${tool === "brush" ? color.value : "transparent"}`;
}

function begin(event) {
  if (event.button || event.ctrlKey || !event.isPrimary) return;
  event.preventDefault();
  stage.focus({ preventScroll: true });
  at = pointOf(event, canvas);
  showRing();
  if (tool === "picker") return pickHere();
  endStroke();
  pointer = event.pointerId;
  stage.setPointerCapture(pointer);
  if (tool !== "hand") startStroke();
}

function move(event) {
  if (pointer === null ? !event.isPrimary : event.pointerId !== pointer) return;
  if (tool === "hand" && pointer !== null) sheet.scrollBy(-event.movementX, -event.movementY);
  at = pointOf(event, canvas);
  showRing();
  if (stroke && pointer !== null) continueStroke();
}

function end(event) {
  if (event.pointerId === pointer) endStroke();
}

function cancel(event) {
  if (event.pointerId !== pointer) return;
  if (stroke) strokes.pop();
  paintAll();
}

function startStroke() {
  stroke = { color: tool === "eraser" ? null : color.value, size: Number(size.value), points: [] };
  strokes.push(stroke);
  continueStroke();
}

function continueStroke() {
  stroke.points.push([at.x * canvas.width, at.y * canvas.height]);
  paint(stroke, stroke.points.slice(-2));
}

function endStroke() {
  const painted = stroke;
  stroke = pointer = null;
  if (painted) tell();
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
  stroke = pointer = null;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  for (const one of strokes) paint(one, one.points);
  tell();
}

function takeBack(number) {
  strokes.length = Math.max(0, strokes.length - number);
  paintAll();
}

// A button that is of no use any more loses the focus: the frame takes it.
function takenBack(number) {
  takeBack(number);
  if (!strokes.length) stage.focus({ preventScroll: true });
}

function isPainted() {
  return pen.getImageData(0, 0, canvas.width, canvas.height).data.some((part, index) => index % 4 === 3 && part);
}

function tell(text = null) {
  undo.disabled = clear.disabled = !strokes.length;
  save.disabled = !strokes.length || !isPainted();
  write(said, text ?? (strokes.length ? count(strokes.length, "stroke", "strokes") : HINT));
}

function press(event) {
  const by = arrowOf(event);
  if (by) moveBrush(by, event.shiftKey && ["brush", "eraser"].includes(tool));
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) takeBack(1);
  else if (event.key === " " || event.key === "Enter") {
    if (event.repeat || tool === "hand") return event.preventDefault();
    if (tool === "picker") pickHere();
    else {
      startStroke();
      endStroke();
    }
  } else return;
  event.preventDefault();
}

function moveBrush(by, paints) {
  const far = Math.max(1, size.value / 2);
  if (paints && !stroke) startStroke();
  at = { x: within(at.x + (by[0] * far) / canvas.width), y: within(at.y + (by[1] * far) / canvas.height) };
  showRing();
  ring.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (paints) continueStroke();
  else write(said, `Brush ${percent(at.x)} across, ${percent(at.y)} down.`);
}

// The colour of a point: what is painted there, or else the picture's.
function pickHere() {
  const painted = pen.getImageData(Math.floor(at.x * (canvas.width - 1)), Math.floor(at.y * (canvas.height - 1)), 1, 1).data;
  if (painted[3] > 127) chooseRgb(painted);
  else pick(picture, at);
}

function pick(image, { x, y }) {
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  if (!width) return;
  const dot = make("canvas", { width: 1, height: 1 }).getContext("2d");
  dot.drawImage(image, Math.floor(x * (width - 1)), Math.floor(y * (height - 1)), 1, 1, 0, 0, 1, 1);
  chooseRgb(dot.getImageData(0, 0, 1, 1).data);
}

function chooseRgb(data) {
  choose(`#${[...data.slice(0, 3)].map((one) => one.toString(16).padStart(2, "0")).join("")}`);
  write(said, `The colour ${color.value} was taken.`);
}

// What was sent stays as it is until there is an answer.
function lock(on) {
  table.inert = on;
  save.disabled = whole.disabled = on;
}

function send() {
  const layer = canvas.toDataURL("image/png");
  lock(true);
  tell("Sending…");
  save.disabled = true;
  trigger("submit", { project: value.project, frame: value.frame, image: value.image, layer, whole: whole.checked });
}

function showReferences() {
  invites.hidden = !value.references.length;
  references.replaceChildren(...value.references.map(({ name, image }) => {
    const field = makeField(`Reference ${name}. Arrow keys move the cross, Enter takes the colour there`, (point) => pick(field.picture, point));
    put(field.picture, "src", image);
    put(field.node, "title", name);
    return field.node;
  }));
}

function show() {
  const before = value;
  value = props.value;
  root.hidden = !value;
  if (!value) return takeBack(strokes.length);
  lock(false);
  put(root, "aria-label", `Paint on frame ${value.frame}`);
  write(title, `Frame ${value.frame}`);
  if (JSON.stringify(before?.references) !== JSON.stringify(value.references)) showReferences();
  if (before?.project === value.project && before.image === value.image && before.frame === value.frame) return tell();
  put(picture, "src", value.image);
  [canvas.width, canvas.height] = [value.width, value.height];
  stage.style.setProperty("--aspect", value.width / value.height);
  size.max = Math.round(value.width / 3);
  if (!before) size.value = Math.round(value.width / 30);
  [strokes.length, whole.checked, at] = [0, false, { x: 0.5, y: 0.5 }];
  paintAll();
  showRing();
}

stage.style.setProperty("--zoom", "1");
take("brush");
watch("value", show);
show();
