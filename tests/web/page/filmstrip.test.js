import { deepStrictEqual as assertEquals } from "node:assert";
import { describeFault } from "../../../src/kinemacolor/web/page/core/faults.js";
import { canMoveCut, canSplit, nearestCut } from "../../../src/kinemacolor/web/page/filmstrip/cuts.js";
import { FilmStore } from "../../../src/kinemacolor/web/page/core/film-store.js";
import { listUnsure } from "../../../src/kinemacolor/web/page/correct/unsure.js";
import { Listing } from "../../../src/kinemacolor/web/page/filmstrip/listing.js";
import * as list from "../../../src/kinemacolor/web/page/filmstrip/shot-list.js";
import * as windowing from "../../../src/kinemacolor/web/page/filmstrip/windowing.js";

/** @typedef {import("../../../src/kinemacolor/web/page/filmstrip/shot-list.js").Shot} Shot */

/** Shots of 10 frames each. @param {number} number @param {Partial<Shot>} [changes] @returns {Shot} */
const shot = (number, changes = {}) => ({
  number,
  first: 10 * number - 10,
  last: 10 * number - 1,
  middle: 10 * number - 5,
  start_seconds: number - 1,
  end_seconds: number,
  picture: "",
  references: [{ name: "a.png", score: 0.9 }],
  doubt: 0.1,
  needs_look: false,
  fault: null,
  reason: null,
  state: "planned",
  ...changes,
});
const numbers = (/** @type {Shot[]} */ shots) => shots.map(({ number }) => number);
const names = (/** @type {string[]} */ ...given) => given.map((name) => ({ name, score: null }));

Deno.test("only what is seen is drawn, and a few more", () => {
  const row = { extent: 1000, pitch: 100, count: 1500, spare: 3 };
  assertEquals(windowing.findWindow({ ...row, scroll: 0 }), { first: 0, end: 13 });
  assertEquals(windowing.findWindow({ ...row, scroll: 50_050 }), { first: 497, end: 514 });
  assertEquals(windowing.findWindow({ ...row, scroll: 149_000 }), { first: 1487, end: 1500 });
  assertEquals(windowing.findWindow({ ...row, count: 0, scroll: 0 }), { first: 0, end: 0 });
});

Deno.test("a row that became shorter shows its end", () => {
  assertEquals(windowing.findWindow({ scroll: 9000, extent: 1000, pitch: 100, count: 20 }), { first: 7, end: 20 });
  assertEquals(windowing.findWindow({ scroll: 9000, extent: 1000, pitch: 100, count: 4 }), { first: 0, end: 4 });
});

Deno.test("the row moves only as far as a shot needs", () => {
  const row = { extent: 1000, pitch: 100, count: 50 };
  assertEquals(windowing.scrollToItem({ ...row, index: 5, scroll: 0 }), 0);
  assertEquals(windowing.scrollToItem({ ...row, index: 10, scroll: 0 }), 150); // with half of the next
  assertEquals(windowing.scrollToItem({ ...row, index: 3, scroll: 2000 }), 250);
  assertEquals(windowing.scrollToItem({ ...row, index: 0, scroll: 2000 }), 0);
  assertEquals(windowing.scrollToItem({ ...row, index: 49, scroll: 0 }), 4000);
});

Deno.test("cards have the shape of the film, within bounds; rows have one height", () => {
  const box = { width: 1440, height: 136, isVertical: false };
  assertEquals(windowing.findLayout({ ...box, aspect: 1.37 }).pitch, 137 + windowing.GAP);
  assertEquals(windowing.findLayout({ ...box, aspect: 4 }).pitch, 220 + windowing.GAP);
  assertEquals(windowing.findLayout({ ...box, aspect: 0.5 }).pitch, 104 + windowing.GAP);
  assertEquals(windowing.findLayout({ width: 390, height: 500, isVertical: true, aspect: 4 }).extent, 500);
});

Deno.test("what is dragged pulls the row near its ends", () => {
  assertEquals([0, 28, 500, 972, 1000].map((at) => windowing.findPull(at, 1000)), [-1, -0.5, 0, 0.5, 1]);
});

Deno.test("shots are listed in six more ways, with counts", () => {
  const shots = [
    shot(1, { state: "rendered", references: [{ name: "a.png", score: 0.2 }] }),
    shot(2, { doubt: 0.7, needs_look: true }),
    shot(3, { doubt: 0.9, references: names("mine.png") }),
    shot(4, { doubt: null, state: "outdated", needs_look: true }),
  ];
  assertEquals(numbers(list.arrange(shots, "all")), [1, 2, 3, 4]);
  assertEquals(numbers(list.arrange(shots, "unsure")), [2, 3, 4]);
  assertEquals(numbers(list.arrange(shots, "no-picture")), [1]);
  assertEquals(numbers(list.arrange(shots, "unsure-first")), [3, 2, 1, 4]);
  assertEquals(numbers(list.arrange(shots, "needs-look")), [2, 3, 4]); // as they are counted everywhere
  assertEquals(numbers(list.arrange(shots, "by-me")), [3]);
  assertEquals(numbers(list.arrange(shots, "not-rendered")), [2, 3, 4]);
  assertEquals(Object.values(list.countShots(shots)), [4, 3, 1, 4, 3, 1, 3]);
});

Deno.test("thumbnails tell of doubt, and shots stay where they stand meanwhile", () => {
  const given = [shot(1, { doubt: null }), shot(2, { doubt: 0.6 }), shot(3, { doubt: null })];
  const store = new FilmStore("a", () => {});
  store.setShots(/** @type {any} */ ({ frames: 30, shots: given }));
  const listing = new Listing();
  const update = (/** @type {list.Order} */ order = "unsure-first") =>
    listing.update(store.state.shots, store.listShots(), order);
  update();
  assertEquals(numbers(listing.listed), [2, 1, 3]);
  store.set({ doubts: new Map([[given[2].middle, 0.9], [given[1].middle, 0.1]]) });
  update();
  assertEquals(listing.listed.map(({ number, doubt }) => [number, doubt]), [[2, 0.6], [1, null], [3, 0.9]]);
  store.setShots(/** @type {any} */ ({ frames: 30, shots: given }));
  update();
  assertEquals(numbers(listing.listed), [3, 2, 1]);
  assertEquals([store.listShots().filter(list.wantsLook).length, listUnsure(store.listShots(), null).length], [2, 2]);
  update("unsure");
  assertEquals(numbers(listing.listed), [2, 3]);
});

Deno.test("doubt and scores are words", () => {
  assertEquals([0.1, 0.3, 0.5].map(list.describeDoubt), ["sure", "mostly sure", "unsure"]);
  assertEquals([0.95, 0.6, 0.2, null].map(list.describeScore), [
    "95 %, fits well",
    "60 %, fits partly",
    "20 %, fits badly",
    "chosen by you",
  ]);
});

Deno.test("a shot wants a picture when none fits, when it is unsure, or when it needs a look", () => {
  assertEquals(list.wantsPicture(shot(1)), false);
  assertEquals(list.wantsPicture(shot(1, { references: [{ name: "a", score: 0.2 }] })), true);
  assertEquals(list.wantsPicture(shot(1, { references: names("mine.png") })), false);
  assertEquals(list.wantsPicture(shot(1, { doubt: 0.6 })), true);
  assertEquals(list.wantsPicture(shot(1, { needs_look: true })), true);
});

Deno.test("a fault is told in words that a viewer knows", () => {
  assertEquals(describeFault("cast", "a cast of 23.8 Lab units to blue"), "Tinted blue");
  assertEquals(describeFault("gray", "pale: it has 15 % of the colour of its reference"), "Paler than its picture");
  assertEquals([describeFault(null, null), describeFault("new", "?")], Array(2).fill("It may not look right"));
});

Deno.test("shots between two are those between them as they are listed", () => {
  const listed = [5, 1, 4, 2].map((number) => shot(number));
  assertEquals(list.numbersBetween(listed, 4, 5), [5, 1, 4]);
  assertEquals(list.numbersBetween(listed, 3, 2), [2]); // what it began with is not listed
  assertEquals(list.numbersBetween(listed, 1, 9), []);
});

Deno.test("what was not ticked stays as each shot has it", () => {
  const shots = [shot(1, { references: names("a", "b") }), shot(2, { references: names("c") })];
  assertEquals(list.assignReferences(shots, new Map()), {});
  assertEquals(list.assignReferences(shots, new Map([["b", true]])), { 2: ["c", "b"] });
  assertEquals(list.assignReferences(shots, new Map([["c", false], ["d", true]])), { 1: ["a", "b", "d"], 2: ["d"] });
  assertEquals(list.assignReferences(shots, new Map([["c", false]])), { 2: [] });
});

Deno.test("the nearest cut is at the start of a shot or of the next", () => {
  const shots = [1, 2, 3].map((number) => shot(number));
  assertEquals(nearestCut(shots, 0), { number: 2, first: 10, least: 1, most: 19 });
  assertEquals(nearestCut(shots, 12)?.number, 2);
  assertEquals(nearestCut(shots, 18)?.number, 3);
  assertEquals(nearestCut(shots, 29)?.number, 3);
  assertEquals(nearestCut([shot(1)], 5), null);
});

Deno.test("a cut stays between its neighbours, a split parts a shot", () => {
  const cut = nearestCut([1, 2, 3].map((number) => shot(number)), 10);
  assertEquals([0, 1, 10, 19, 20].map((first) => canMoveCut(cut, first)), [false, true, false, true, false]);
  assertEquals([10, 11, 19, 20].map((frame) => canSplit(shot(2), frame)), [false, true, true, false]);
});
