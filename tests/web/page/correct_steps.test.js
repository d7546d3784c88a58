// Undo and redo, the frames on which a spread is shown, and the frames that want a look.
import assert from "node:assert/strict";
import * as history from "../../../src/kinemacolor/web/page/correct/history.js";
import { Drafts } from "../../../src/kinemacolor/web/page/correct/drafts.js";
import { chooseSpreadFrames } from "../../../src/kinemacolor/web/page/correct/spread-frames.js";
import { describePlace, listUnsure, nextUnsure } from "../../../src/kinemacolor/web/page/correct/unsure.js";

/** @param {string} color @returns {history.Operation} */
const area = (color) => ({ kind: "area", color, strength: 1, mask: "" });
const [red, green, blue] = ["#ff0000", "#00ff00", "#0000ff"].map(area);

Deno.test("strokes are taken back and done again", () => {
  let now = history.add(history.add(history.EMPTY, red), green);
  assert.ok(!history.canRedo(now));
  now = history.undo(now);
  assert.deepEqual(history.operationsOf(now), [red]);
  assert.deepEqual(history.operationsOf(history.redo(now)), [red, green]);
  now = history.undo(history.undo(now));
  assert.deepEqual(history.operationsOf(now), []);
  assert.ok(!history.canUndo(now));
});

Deno.test("a new stroke ends what could be done again", () => {
  const back = history.undo(history.add(history.add(history.EMPTY, red), green));
  const now = history.add(back, blue);
  assert.deepEqual(history.operationsOf(now), [red, blue]);
  assert.ok(!history.canRedo(now));
});

Deno.test("what took the place of a stroke, and taking all away, are steps of their own", () => {
  let now = history.amend(history.add(history.EMPTY, red), blue);
  assert.deepEqual(history.operationsOf(now), [blue]);
  now = history.change(now, []);
  assert.deepEqual(history.operationsOf(now), []);
  assert.deepEqual(history.operationsOf(history.undo(now)), [blue]);
  assert.deepEqual(history.operationsOf(history.undo(history.undo(now))), [red]);
});

Deno.test("a history is kept as text, with its steps", () => {
  const now = history.undo(history.add(history.add(history.EMPTY, red), green));
  const read = history.unpackHistory(history.packHistory(now));
  assert.deepEqual(read, now);
  assert.equal(read.states[1][0], read.states[2][0]); // the same operation, so nothing is painted anew
});

Deno.test("a spread is shown at both ends of the shot and a quarter before and after", () => {
  assert.deepEqual(
    chooseSpreadFrames({ first: 100, last: 199 }, 150),
    [100, 125, 175, 199],
  );
  const chosen = chooseSpreadFrames({ first: 0, last: 999 }, 0);
  assert.ok(chosen.includes(999) && chosen.includes(250) && !chosen.includes(0));
  assert.equal(chosen.length, 4);
});

Deno.test("a spread is never shown on the painted frame, twice, outside, or on more than four", () => {
  for (const [first, last] of [[0, 0], [7, 8], [0, 4], [0, 5], [3, 9], [10, 60], [0, 5000]]) {
    for (const frame of [first, last, Math.floor((first + last) / 2)]) {
      const chosen = chooseSpreadFrames({ first, last }, frame);
      assert.ok(chosen.length === Math.min(4, last - first));
      assert.ok(
        chosen.every((one, index) =>
          one >= first && one <= last && one !== frame && (!index || one > chosen[index - 1])
        ),
      );
    }
  }
});

const SHOTS = [
  {
    number: 1,
    first: 0,
    last: 9,
    middle: 5,
    needs_look: true,
    doubt: 0.5,
    fault: "cast",
    reason: "a cast of 23.8 Lab units to blue",
  },
  { number: 2, first: 10, last: 19, middle: 15, needs_look: false, doubt: 0.1, fault: null, reason: null },
  { number: 3, first: 20, last: 29, middle: 25, needs_look: true, doubt: 0.7, fault: null, reason: null },
];

Deno.test("frames that want a look: the unsurest first, at the report's frame where there is one", () => {
  assert.deepEqual(listUnsure(SHOTS, null).map(({ shot, frame }) => [shot, frame]), [[3, 25], [1, 5]]);
  const report = { shots: [{ number: 1, least_sure: 8 }, { number: 3, least_sure: 900 }] };
  assert.deepEqual(listUnsure(SHOTS, report).map(({ frame }) => frame), [25, 8]);
});

Deno.test("one goes from unsure shot to unsure shot, round and back", () => {
  const list = listUnsure(SHOTS, null);
  assert.equal(nextUnsure(list, 2, 1)?.shot, 3);
  assert.equal(nextUnsure(list, 3, 1)?.shot, 1);
  assert.equal(nextUnsure(list, 1, 1)?.shot, 3);
  assert.equal(nextUnsure(list, 3, -1)?.shot, 1);
  assert.equal(nextUnsure([], 3, 1), null);
  assert.equal(nextUnsure(list.slice(0, 1), 3, 1), null);
});

/** Confidence with doubt where `isUnsure`. @param {(x: number, y: number) => boolean} isUnsure */
const confidence = (isUnsure) =>
  Uint8ClampedArray.from(
    Array.from({ length: 30 * 30 }, (_, at) => isUnsure(at % 30, Math.floor(at / 30)) ? 40 : 250).flatMap((
      v,
    ) => [v, v, v, 255]),
  );

Deno.test("where a frame is unsure is said in words", () => {
  assert.equal(describePlace(confidence((x) => x < 8), 30), "at the left");
  assert.equal(describePlace(confidence((x, y) => x > 20 && y < 9), 30), "at the top right");
  assert.equal(describePlace(confidence((_, y) => y > 22), 30), "at the bottom");
  assert.equal(describePlace(confidence(() => true), 30), null);
  assert.equal(describePlace(confidence((x, y) => Math.abs(x - 15) < 4 && Math.abs(y - 15) < 4), 30), "in the middle");
});

/** A shelf like the browser's. @param {number} room characters */
function shelf(room = 1e6) {
  /** @type {Map<string, string>} */
  const things = new Map();
  return {
    getItem: (/** @type {string} */ name) => things.get(name) ?? null,
    setItem(/** @type {string} */ name, /** @type {string} */ text) {
      if (text.length > room) throw new Error("QuotaExceededError");
      things.set(name, text);
    },
    removeItem: (/** @type {string} */ name) => void things.delete(name),
    key: (/** @type {number} */ index) => [...things.keys()][index] ?? null,
    get length() {
      return things.size;
    },
  };
}

Deno.test("strokes that were not kept are there again for their film, frame and size", () => {
  const shared = shelf();
  const drafts = new Drafts("film", shared);
  const draft = { width: 8, height: 6, isWhole: true, history: history.add(history.EMPTY, red) };
  assert.ok(drafts.save(12, draft));
  assert.ok(drafts.save(3, draft));
  assert.deepEqual(new Drafts("film", shared).load(12, 8, 6), draft);
  assert.deepEqual(drafts.frames(), [3, 12]);
  shared.setItem("kinemacolor.strokes.film.3", JSON.stringify({ time: Date.now() + 1, count: 1 }));
  assert.equal(drafts.latest(), 3);
  assert.equal(drafts.load(12, 16, 12), null);
  assert.equal(drafts.load(13, 8, 6), null);
  assert.deepEqual([new Drafts("other", shared).frames(), new Drafts("other", shared).latest()], [[], null]);
  assert.deepEqual(new Drafts("film", shared, 1.5).frames(), []); // another part of the film: other frames
  drafts.drop(3);
  drafts.save(12, { ...draft, history: history.undo(draft.history) });
  assert.deepEqual(drafts.frames(), []); // nothing is painted, but it can be done again
  assert.ok(history.canRedo(/** @type {any} */ (drafts.load(12, 8, 6)).history));
});

Deno.test("strokes for which there is no room are told, old and damaged ones go", () => {
  const draft = { width: 8, height: 6, isWhole: false, history: history.add(history.EMPTY, red) };
  assert.ok(!new Drafts("film", shelf(10)).save(1, draft));
  const shared = shelf();
  shared.setItem("kinemacolor.strokes.film.1", "{");
  shared.setItem("kinemacolor.strokes.film.2", JSON.stringify({ time: 1, width: 8, height: 6 }));
  shared.setItem("another", "stays");
  assert.deepEqual(new Drafts("film", shared).frames(), []);
  assert.equal(shared.length, 1);
});
