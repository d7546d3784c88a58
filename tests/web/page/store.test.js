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

Deno.test("the frame that is looked at stays where the part of the film begins elsewhere", () => {
  const store = new FilmStore("a", () => {});
  const project = (/** @type {number} */ start, rate = 24) => /** @type {any} */ ({
    film: { start_seconds: start, rate },
  });
  store.set({ frame: 120 });
  store.setShots(null, { project: project(1) }); // it is opened
  assertEquals(store.state.frame, 120);
  store.setShots(null, { project: project(3) });
  assertEquals(store.state.frame, 72);
  store.setShots(null, { project: project(0) });
  assertEquals(store.state.frame, 144);
  store.setShots(null, { project: project(60) });
  assertEquals(store.state.frame, 0);
});

/** Answers of a server that come when they are let go, in any order. */
function slowServer() {
  /** @type {{path: string, answer: (body: unknown) => void}[]} */
  const waiting = [];
  globalThis.fetch =
    /** @type {any} */ ((/** @type {string} */ path, /** @type {RequestInit} */ { signal }) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        waiting.push({ path, answer: (body) => resolve(Response.json(body)) });
      }));
  /** @param {string} ending of the address @param {unknown} body */
  return async (ending, body) => {
    waiting.splice(waiting.findIndex(({ path }) => path.endsWith(ending)), 1)[0].answer(body);
    await new Promise((resolve) => setTimeout(resolve));
  };
}

Deno.test("an older answer never takes the place of a newer one, and a film that was left hears of none", async () => {
  const answer = slowServer();
  const told = /** @type {string[]} */ ([]);
  const store = new FilmStore("a", (text) => told.push(text));
  const older = store.actions.reload();
  await answer("/a", { revision: "1", looked_at: true });
  const newer = store.actions.reload();
  await answer("/shots", { frames: 1, shots: [{}] }); // of the older one
  await answer("/players", {});
  await answer("/a", { revision: "2" });
  await answer("/players", {});
  await answer("/first-look", { frame: 0 });
  await Promise.all([older, newer]);
  assertEquals([store.state.project?.revision, store.state.shots], ["2", null]);
  const last = store.actions.reload();
  store.close();
  await last;
  assertEquals([store.state.project?.revision, told], ["2", []]);
});

Deno.test("shots that get other numbers are not chosen any more", () => {
  const store = new FilmStore("a", () => {});
  const given = (/** @type {number} */ count) => /** @type {any} */ ({ frames: 9, shots: Array(count).fill({}) });
  store.setShots(given(4));
  store.set({ chosen: new Set([2, 3]) });
  store.setShots(given(4));
  assertEquals(store.state.chosen.size, 2);
  store.setShots(given(5)); // a split, here or in another tab, or one that was taken back
  assertEquals(store.state.chosen.size, 0);
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
