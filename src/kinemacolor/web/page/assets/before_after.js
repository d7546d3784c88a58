const root = element.querySelector(".kc");
const doubt = `kc-doubt-${Math.random().toString(36).slice(2)}`;
const gray = make("img"), color = make("img", { class: "color" });
const unsure = make("img", { class: "unsure", alt: "", hidden: true });
const stage = makeStage(() => {}, gray, color, unsure);
const box = make("input", { type: "checkbox", onchange: () => showDoubt() });
const choice = make("label", { class: "choice" }, box, "Show where it is unsure (pink)");
const meaning = make("p", { class: "quiet" }, "Pink: nothing in the pictures explains this place well, so its colour is a guess or stays pale. A picture that shows it helps.");
// Black (unsure) becomes pink, white (sure) nothing.
const matrix = "0 0 0 0 0.9  0 0 0 0 0.05  0 0 0 0 0.55  -0.17 -0.57 -0.06 0 0.8";
root.append(
  drawing("svg", { width: 0, height: 0, "aria-hidden": "true", class: "unseen" },
    drawing("filter", { id: doubt, "color-interpolation-filters": "sRGB" }, drawing("feColorMatrix", { type: "matrix", values: matrix }))),
  stage, choice, meaning,
);
unsure.style.filter = `url(#${doubt})`;

function show() {
  const value = props.value;
  root.hidden = !value;
  if (!value) return;
  put(root, "aria-label", value.alt);
  stage.setAspect(value.width, value.height);
  put(gray, "src", value.gray);
  put(gray, "alt", `${value.alt}, in gray`);
  put(color, "src", value.color);
  put(color, "alt", `${value.alt}, in colour`);
  put(unsure, "src", value.confidence);
  choice.hidden = !value.confidence;
  showDoubt();
}

function showDoubt() {
  unsure.hidden = meaning.hidden = choice.hidden || !box.checked;
}

stage.move();
watch("value", show);
show();
