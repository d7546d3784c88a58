const root = element.querySelector(".kc");
const KIND = "application/x-kinemacolor-reference";
const chosen = new Set(); // numbers of shots
const cards = new Map(); // number of a shot: its card
const chips = new Map(); // name of a reference: its card
let value = props.value, picked = null, lastChosen = null;

const strip = make("ul", { class: "strip" });
const told = make("span", { role: "status" });
const none = make("button", { type: "button", onclick: () => choose([...chosen], false) }, "Choose none");
const gallery = make("ul", { class: "shots" });
root.append(
  make("section", { class: "references", "aria-label": "Pictures that give the colours" },
    strip, make("div", { class: "row quiet" }, told, none)),
  make("section", { "aria-label": "Shots" }, gallery),
);

const shots = () => value?.shots ?? [];
const references = () => value?.references ?? [];
const names = (shot) => shot.references.map(({ name }) => name);

// What the user chose is shown at once, and told after that: Gradio takes its time over a large value.
function change(shotNumbers, edit) {
  const numbers = new Set(shotNumbers);
  const edited = shots().map((shot) => (numbers.has(shot.number) ? { ...shot, references: edit(shot) } : shot));
  const uses = new Map();
  for (const shot of edited) for (const name of names(shot)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const counted = references().map((reference) => ({ ...reference, used: uses.get(reference.name) ?? 0 }));
  value = { ...value, shots: edited, references: counted };
  show();
}

function tell(event, data) {
  setTimeout(() => {
    props.value = value;
    trigger(event, data);
  });
}

const withReference = (name) => (shot) => (names(shot).includes(name) ? shot.references : [...shot.references, { name, score: null }]);

function give(name, numbers) {
  const all = numbers === "all";
  change(all ? shots().map(({ number }) => number) : numbers, withReference(name));
  if (!all && numbers.length === 1) tellShot(numbers[0]);
  else tell("apply", { reference: name, shots: numbers });
}

function take(number, name) {
  change([number], (shot) => shot.references.filter((given) => given.name !== name));
  tellShot(number);
}

function tellShot(number) {
  tell("input", { shot: number, references: names(shots().find((shot) => shot.number === number)) });
}

function choose(numbers, on) {
  for (const number of numbers) {
    if (on) chosen.add(number);
    else chosen.delete(number);
    const card = cards.get(number);
    if (card) card.box.checked = on;
    card?.node.classList.toggle("chosen", on);
  }
  showChosen();
}

function showChosen() {
  write(told, chosen.size ? `${count(chosen.size, "shot", "shots")} chosen` : "Drag a picture onto a shot, or open “Choose pictures” below it. The number beside a picture says how well it fits (100 %: the same scene).");
  none.hidden = !chosen.size;
  for (const { some } of chips.values()) some.hidden = !chosen.size;
}

function boxClicked(event, number) {
  const order = shots().map((shot) => shot.number);
  const [from, to] = [order.indexOf(lastChosen), order.indexOf(number)];
  const range = event.shiftKey && from >= 0 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [number];
  choose(range, event.target.checked);
  lastChosen = number;
}

function makeChip(name) {
  const image = make("img", { alt: "", loading: "lazy", draggable: "false" });
  const about = make("p", { class: "quiet" });
  const some = make("button", { type: "button", "aria-label": `Give ${name} to the chosen shots`, onclick: () => give(name, [...chosen]) }, "To chosen shots");
  const node = make("li", {
    class: "reference", draggable: "true",
    ondragstart: (event) => {
      event.dataTransfer.setData(KIND, name);
      event.dataTransfer.effectAllowed = "copy";
    },
  },
    image,
    make("div", { class: "about" }, make("p", { class: "title", title: name }, name), about,
      make("div", { class: "row" },
        make("button", { type: "button", "aria-label": `Give ${name} to all shots`, onclick: () => give(name, "all") }, "To all shots"), some,
        iconButton("remove", `Remove ${name}`, () => trigger("delete", { reference: name })))),
  );
  const update = (reference) => {
    put(image, "src", reference.image);
    const facts = [reference.frame === null ? null : `frame ${reference.frame}`, reference.partial ? "partial" : null,
      reference.used ? `used in ${count(reference.used, "shot", "shots")}` : "not used"];
    write(about, facts.filter(Boolean).join(" · "));
  };
  return { node, some, update };
}

function makeCard(number) {
  const image = make("img", { alt: "", loading: "lazy", decoding: "async", draggable: "false" });
  const look = make("button", { type: "button", class: "look", "aria-label": `Look at shot ${number}`, onclick: () => trigger("select", { shot: number }) }, image);
  const box = make("input", { type: "checkbox", "aria-label": `Choose shot ${number}`, onclick: (event) => boxClicked(event, number) });
  const time = make("span", { class: "quiet" }), about = make("p", { class: "quiet" });
  const given = make("ul", { class: "given", "aria-label": `Pictures of shot ${number}` });
  const field = make("fieldset", {}, make("legend", { class: "unseen" }, `Pictures for shot ${number}`));
  const details = make("details", { ontoggle: () => details.open && update(known) }, make("summary", { "aria-label": `Choose pictures for shot ${number}` }, "Choose pictures"), field);
  const node = make("li", { class: "shot" }, look,
    make("div", { class: "row head" }, make("label", { class: "row" }, box, make("span", { class: "title" }, `Shot ${number}`)), time), about, given, details);
  listenToDrops(node, number);
  let known = null;

  function update(shot) {
    known = shot;
    put(image, "src", shot.image);
    write(time, shot.time);
    const begins = shot.transition ? `${shot.transition}, ${percent(shot.certainty)} sure` : null;
    write(about, [`frames ${shot.first}–${shot.last}`, begins].filter(Boolean).join(" · "));
    showGiven(given, shot, details.querySelector("summary"));
    if (details.open) showChoice(field, shot);
  }
  return { node, box, update };
}

function listenToDrops(node, number) {
  const over = (on) => node.classList.toggle("over", on);
  node.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes(KIND)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    over(true);
  });
  node.addEventListener("dragleave", (event) => node.contains(event.relatedTarget) || over(false));
  node.addEventListener("drop", (event) => {
    const name = event.dataTransfer.getData(KIND);
    over(false);
    if (!name) return;
    event.preventDefault();
    give(name, chosen.has(number) ? [...chosen] : [number]);
  });
}

function showGiven(list, shot, next) {
  const content = JSON.stringify([shot.references, references().map(({ name, image }) => [name, image])]);
  if (list.content === content) return;
  list.content = content;
  const hadFocus = list.contains(document.activeElement);
  const alone = shot.references.length === 1;
  list.replaceChildren(...shot.references.map(({ name, score }) => make("li", {},
    make("img", { src: references().find((one) => one.name === name)?.image, alt: "", loading: "lazy", draggable: "false" }),
    make("span", { class: "file", title: name }, name),
    score === null ? null : make("span", { class: "quiet score", title: "How well it fits" }, percent(score)),
    iconButton("remove", `Take ${name} from shot ${shot.number}`, () => take(shot.number, name), { disabled: alone }))));
  if (hadFocus) (list.querySelector("button:enabled") ?? next).focus();
}

function showChoice(field, shot) {
  const offered = JSON.stringify(references().map(({ name }) => name));
  if (field.offered !== offered) {
    field.offered = offered;
    field.replaceChildren(field.firstChild, ...references().map(({ name }) => make("label", { class: "row" },
      make("input", { type: "checkbox", value: name, onchange: (event) => (event.target.checked ? give(name, [shot.number]) : take(shot.number, name)) }),
      make("span", {}, name))));
  }
  for (const box of field.querySelectorAll("input")) {
    box.checked = names(shot).includes(box.value);
    box.disabled = box.checked && shot.references.length === 1;
  }
}

// Cards stay where their shot stays, with focus and what is open.
function showAll(list, known, entries, key, makeOne) {
  const wanted = new Set(entries.map(key));
  for (const [name, one] of known) {
    if (wanted.has(name)) continue;
    one.node.remove();
    known.delete(name);
  }
  entries.forEach((entry, index) => {
    if (!known.has(key(entry))) known.set(key(entry), makeOne(key(entry)));
    const one = known.get(key(entry));
    if (list.children[index] !== one.node) list.insertBefore(one.node, list.children[index] ?? null);
    const content = JSON.stringify(entry);
    if (one.content !== content || one.offers !== offers) one.update(entry);
    [one.content, one.offers] = [content, offers];
  });
}

let offers = "";
function show() {
  root.hidden = !value;
  offers = JSON.stringify(references().map(({ name, image }) => [name, image]));
  showAll(strip, chips, references(), (one) => one.name, makeChip);
  showAll(gallery, cards, shots(), (one) => one.number, makeCard);
  choose([...chosen].filter((number) => !cards.has(number)), false);
  const now = value?.picked ?? null;
  for (const [number, { node }] of cards) put(node, "aria-current", number === now ? "true" : null);
  if (now !== picked && now !== null) cards.get(now)?.node.scrollIntoView({ block: "nearest" });
  picked = now;
}

watch("value", () => {
  value = props.value;
  show();
});
show();
