import { deepStrictEqual as assertEquals } from "node:assert";
import { FilmStore } from "../../../src/kinemacolor/web/page/core/film-store.js";
import { nameKeys, showKeys } from "../../../src/kinemacolor/web/page/core/key-names.js";
import { Store } from "../../../src/kinemacolor/web/page/core/store.js";

Deno.test("who listens hears of what changed, and of nothing else", () => {
  const store = new Store({ a: 1, b: 2 });
  /** @type {unknown[]} */
  const heard = [];
  const stop = store.listen((state, before) => heard.push([before.a, state.a]));
  store.set({ a: 1 });
  store.set({ a: 3 });
  stop();
  store.set({ a: 4 });
  assertEquals([heard, store.state], [[[1, 3]], { a: 4, b: 2 }]);
});

Deno.test("the shot of a frame is found among many", () => {
  const store = new FilmStore("a", () => {});
  assertEquals([store.shotNumber(), store.shot()], [null, null]);
  const shots = Array.from({ length: 1500 }, (_, index) => ({ number: index + 1, first: 100 * index }));
  store.set({ shots: { frames: 150_000, shots } });
  assertEquals([0, 99, 100, 149_999].map((frame) => store.shotNumber(frame)), [1, 1, 2, 1500]);
});

Deno.test("keys have one name, whatever the keyboard says", () => {
  const press = (/** @type {string} */ key, /** @type {string} */ held = "") =>
    nameKeys({ key, ctrlKey: held.includes("C"), metaKey: held.includes("M"), shiftKey: held.includes("S") });
  assertEquals([press("z", "C"), press("z", "M"), press("Z", "CS"), press("Z")], [
    "Ctrl+Z",
    "Ctrl+Z",
    "Shift+Ctrl+Z",
    "Z",
  ]);
  assertEquals([press("?", "S"), press(" "), press("ArrowLeft", "S"), press("[")], [
    "?",
    "Space",
    "Shift+ArrowLeft",
    "[",
  ]);
  assertEquals([showKeys("Shift+Ctrl+Z", true), showKeys("Ctrl++", false)], ["Shift ⌘ Z", "Ctrl +"]);
});

Deno.test("only the last change is offered to be taken back", () => {
  /** @type {string[]} */
  const shown = [];
  const store = new FilmStore("a", (text) => {
    shown.push(text);
    return () => shown.splice(shown.indexOf(text), 1);
  });
  store.set({ project: { revision: "1" } });
  store.offerUndo("first");
  store.set({ frame: 3, project: { revision: "1" } });
  assertEquals(shown, ["first"]);
  store.offerUndo("second");
  assertEquals(shown, ["second"]);
  store.set({ project: { revision: "2" } });
  assertEquals([shown, store.listeners.size], [[], 0]);
});
