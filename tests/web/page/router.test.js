import { deepStrictEqual as assertEquals } from "node:assert";
import { FilmStore } from "../../../src/kinemacolor/web/page/core/film-store.js";
import { FilmRouter, readPlace, writePlace } from "../../../src/kinemacolor/web/page/core/router.js";

Deno.test("an address that was written is read as the same place", () => {
  for (
    const place of /** @type {import("../../../src/kinemacolor/web/page/core/router.js").Place[]} */ ([
      { shot: 3, frame: 120, panel: "correct" },
      { shot: null, frame: null, panel: "look" },
      { shot: 1, frame: 0, panel: "report" },
    ])
  ) assertEquals(readPlace(writePlace(place)), place);
  assertEquals(writePlace({ shot: null, frame: null, panel: "look" }), "");
});

Deno.test("what nobody wrote is left out", () => {
  assertEquals(readPlace("?shot=-1&frame=1e9&panel=<b>"), { shot: null, frame: null, panel: "look" });
});

/** A window's history, without a window: what the router needs of it. @param {string} address */
function makeWindow(address) {
  const entries = [address];
  const at = () => new URL(entries[entries.length - 1], "http://localhost");
  Object.defineProperty(globalThis, "location", { configurable: true, get: at });
  Object.defineProperty(globalThis, "history", {
    configurable: true,
    value: {
      pushState: (/** @type {unknown} */ _state, /** @type {string} */ _title, /** @type {string} */ next) =>
        entries.push(next),
      replaceState: (/** @type {unknown} */ _state, /** @type {string} */ _title, /** @type {string} */ next) =>
        entries.splice(-1, 1, next),
    },
  });
  return entries;
}

const SHOTS = {
  frames: 30,
  shots: [0, 10, 20].map((first, index) => ({ number: index + 1, first, last: first + 9, middle: first + 5 })),
};

Deno.test("another shot is a step to come back to, another frame is none", async () => {
  const entries = makeWindow("/films/a?shot=1&frame=5");
  const store = new FilmStore("a", () => {});
  store.set({ shots: SHOTS, frame: 5 });
  const router = new FilmRouter(store);
  const rest = () => new Promise((resolve) => setTimeout(resolve, 400));
  store.set({ frame: 6 });
  await rest();
  assertEquals(entries, ["/films/a?shot=1&frame=6"]);
  store.set({ frame: 15 });
  store.set({ frame: 25 }); // at once: it runs by
  await rest();
  assertEquals(entries, ["/films/a?shot=1&frame=6", "/films/a?shot=3&frame=25"]);
  store.set({ panel: "render" });
  await rest();
  assertEquals(entries.slice(2), ["/films/a?shot=3&frame=25&panel=render"]);
  store.set({ frame: 24 }); // has not rested when the panel changes, or the film is left
  store.set({ panel: "look" });
  assertEquals(entries.slice(2), ["/films/a?shot=3&frame=24&panel=render", "/films/a?shot=3&frame=24"]);
  store.set({ frame: 23 });
  dispatchEvent(new Event("kc-leave"));
  assertEquals(entries.slice(3), ["/films/a?shot=3&frame=23"]);
  router.stop();
});

Deno.test("a film that plays is one step, however many shots it passes", async () => {
  const entries = makeWindow("/films/a?shot=1&frame=5");
  const store = new FilmStore("a", () => {});
  store.set({ shots: SHOTS, frame: 5 });
  const router = new FilmRouter(store);
  for (const frame of [10, 20]) {
    store.set({ frame, isPassing: true });
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  store.set({ frame: 29, isPassing: false }); // it stops
  await new Promise((resolve) => setTimeout(resolve, 400));
  assertEquals(entries, ["/films/a?shot=1&frame=5", "/films/a?shot=3&frame=29"]);
  router.stop();
});

Deno.test("the address follows a frame whose number changes with the part of the film", async () => {
  const entries = makeWindow("/films/a?shot=2&frame=15");
  const store = new FilmStore("a", () => {});
  const project = (/** @type {number} */ start) => /** @type {any} */ ({ film: { start_seconds: start, rate: 10 } });
  store.set({ shots: SHOTS, frame: 15, project: project(0) });
  const router = new FilmRouter(store);
  store.setShots(null, { project: project(1) });
  await new Promise((resolve) => setTimeout(resolve, 400));
  assertEquals(entries, ["/films/a?frame=5"]);
  router.stop();
});

Deno.test("going back shows what the address says", async () => {
  makeWindow("/films/a?shot=2&panel=report");
  const store = new FilmStore("a", () => {});
  store.set({ shots: SHOTS });
  /** @type {number[]} */
  const shown = [];
  store.actions.showFrame = (frame) => Promise.resolve(void shown.push(frame));
  const router = new FilmRouter(store);
  await router.go();
  assertEquals([shown, store.state.panel], [[15], "report"]);
  router.stop();
});
