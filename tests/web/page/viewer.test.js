import {
  chooseStream,
  dragFrame,
  frameAt,
  middleOf,
  parsePlace,
  secondsOf,
} from "../../../src/kinemacolor/web/page/viewer/film-time.js";
import { chooseNotice, describeJob, describeOrigin } from "../../../src/kinemacolor/web/page/viewer/words.js";
import {
  choosePictures,
  chooseReferences,
  chooseSize,
  plannedSaturation,
} from "../../../src/kinemacolor/web/page/viewer/look-at.js";
import { cutPath, shotPath } from "../../../src/kinemacolor/web/page/viewer/timeline-marks.js";
import { turnIntoDoubt } from "../../../src/kinemacolor/web/page/viewer/doubt.js";
import {
  fitView,
  panBy,
  pinch,
  pointInPicture,
  resize,
  seenPart,
  zoomAt,
} from "../../../src/kinemacolor/web/page/viewer/zoom.js";
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";

const BOX = { width: 900, height: 500 };
const PICTURE = { width: 1920, height: 1080 };

/** @param {number} a @param {number} b */
const isNear = (a, b) => Math.abs(a - b) < 1e-6;

Deno.test("a fitted picture is whole and in the middle", () => {
  const view = fitView(BOX, PICTURE);
  assert(isNear(view.scale, 500 / 1080) && isNear(view.y, 0) && isNear(view.x, (900 - 1920 * view.scale) / 2));
  assertEquals(seenPart(view, BOX, PICTURE), { left: 0, top: 0, right: 1, bottom: 1 });
});

Deno.test("zooming keeps the point below the pointer", () => {
  const point = { x: 500, y: 200 };
  let view = zoomAt(fitView(BOX, PICTURE), 1, { x: 450, y: 250 }, BOX, PICTURE);
  for (const scale of [1.5, 4, 2, 9]) {
    const before = pointInPicture(view, point, PICTURE);
    view = zoomAt(view, scale, point, BOX, PICTURE);
    const after = pointInPicture(view, point, PICTURE);
    assert(before && after && isNear(before.x, after.x) && isNear(before.y, after.y));
  }
});

Deno.test("zoom ends at the whole picture and at large pixels, and near the whole picture it fits", () => {
  const fit = fitView(BOX, PICTURE);
  assertEquals(zoomAt(fit, 0.001, { x: 0, y: 0 }, BOX, PICTURE), fit);
  assertEquals(zoomAt(fit, fit.scale * 1.005, { x: 0, y: 0 }, BOX, PICTURE).isFit, true);
  assertEquals(zoomAt(fit, 1e6, { x: 0, y: 0 }, BOX, PICTURE, 2).scale, 16);
  const small = { width: 100, height: 50 }; // may be seen pixel by pixel, though that is less than the box
  assertEquals(zoomAt(fitView(BOX, small), 1, { x: 450, y: 250 }, BOX, small).scale, 1);
});

Deno.test("a picture larger than the box always covers it, a smaller one stays in the middle", () => {
  const view = panBy(
    zoomAt(fitView(BOX, PICTURE), 1, { x: 0, y: 0 }, BOX, PICTURE),
    { x: 9999, y: -9999 },
    BOX,
    PICTURE,
  );
  assertEquals([view.x, view.y], [0, BOX.height - PICTURE.height]);
  const small = { width: 300, height: 5000 };
  const tall = panBy({ scale: 1, x: 0, y: 0, isFit: false }, { x: 50, y: -30 }, BOX, small);
  assertEquals([tall.x, tall.y], [300, -30]);
});

Deno.test("what lies between two fingers follows them", () => {
  const view = zoomAt(fitView(BOX, PICTURE), 1, { x: 450, y: 250 }, BOX, PICTURE);
  const before = pointInPicture(view, { x: 400, y: 250 }, PICTURE);
  const next = pinch(
    view,
    [{ x: 350, y: 250 }, { x: 450, y: 250 }],
    [{ x: 320, y: 270 }, { x: 520, y: 270 }],
    BOX,
    PICTURE,
  );
  const after = pointInPicture(next, { x: 420, y: 270 }, PICTURE);
  assert(isNear(next.scale, 2) && before && after && isNear(before.x, after.x) && isNear(before.y, after.y));
});

Deno.test("another size of the box keeps its middle, and what was fitted stays fitted", () => {
  const other = { width: 700, height: 400 };
  assertEquals(resize(fitView(BOX, PICTURE), BOX, other, PICTURE), fitView(other, PICTURE));
  const view = zoomAt(fitView(BOX, PICTURE), 2, { x: 300, y: 200 }, BOX, PICTURE);
  const [before, after] = [
    pointInPicture(view, { x: 450, y: 250 }, PICTURE),
    pointInPicture(resize(view, BOX, other, PICTURE), { x: 350, y: 200 }, PICTURE),
  ];
  assert(before && after && isNear(before.x, after.x) && isNear(before.y, after.y));
  assertEquals(resize(view, BOX, { width: 9000, height: 5000 }, PICTURE).isFit, true);
});

Deno.test("frames and times at a steady rate", () => {
  for (const rate of [16, 18, 24, 24000 / 1001, 25, 60]) {
    for (const frame of [0, 1, 7, 999, 150_000]) {
      assertEquals(frameAt(frame / rate, { rate, times: null }), frame);
      assertEquals(frameAt(middleOf(frame, { rate }), { rate }), frame);
      assert(isNear(secondsOf(frame, { rate }), frame / rate));
    }
  }
});

Deno.test("frames and times of a film whose rate changes are those of its frames", () => {
  const exact = Array.from({ length: 40 }, (_, frame) => frame < 20 ? frame / 10 : 2 + (frame - 20) / 30);
  const clock = { rate: 39 / exact[39], times: exact.map((time) => Math.round(time * 1e4) / 1e4) };
  for (const [frame, time] of exact.entries()) {
    assertEquals([frameAt(time, clock), frameAt(middleOf(frame, clock), clock)], [frame, frame]);
    assert(Math.abs(secondsOf(frame, clock) - time) < 1e-4);
  }
  assertEquals([-1, 1.95, 1.99, 99].map((seconds) => frameAt(seconds, clock)), [0, 19, 19, 39]);
  assertEquals([frameAt(5, { rate: 24, times: [0] }), secondsOf(-1, clock)], [0, 0]);
  assert(Math.abs(secondsOf(40, clock) - 8 / 3) < 2e-4); // where it ends
  assertEquals(["0:02", "2.1s", "30"].map((text) => parsePlace(text, clock, 0)), [20, 23, 30]);
});

Deno.test("a place is typed as a frame, a time, or from here", () => {
  const typed = ["120", " 0 ", "0:05", "1:02:03.5", "5 s", "2.5", "+10", "-10", "1,5s"];
  assertEquals(typed.map((text) => parsePlace(text, { rate: 24 }, 100)), [120, 0, 120, 89_364, 120, 60, 110, 90, 36]);
  for (const wrong of ["", "x", "1:2:3:4", "--1", "1:"]) assertEquals(parsePlace(wrong, { rate: 24 }, 0), null);
});

Deno.test("what shows the plan as it is plays", () => {
  const film = { url: "film", rate: 25, start_frame: 0, frames: 300, is_outdated: false };
  const clip = { url: "clip", rate: 25, start_frame: 100, frames: 75, is_outdated: false };
  const urlAt = (/** @type {any} */ players, /** @type {number} */ frame) => chooseStream(players, frame)?.url ?? null;
  assertEquals(urlAt(null, 0), null);
  assertEquals([99, 100, 174, 175].map((frame) => urlAt({ film: null, clip }, frame)), [null, "clip", "clip", null]);
  assertEquals(urlAt({ film, clip }, 120), "film");
  const old = { ...film, is_outdated: true };
  assertEquals([99, 120].map((frame) => urlAt({ film: old, clip }, frame)), ["film", "clip"]);
  assertEquals(urlAt({ film: old, clip: { ...clip, is_outdated: true } }, 120), "film");
});

Deno.test("a drag away from the line is finer, down to a frame for each pixel", () => {
  assertEquals(dragFrame(0, 10, 0, 1000, 150_000), 1500);
  assertEquals(dragFrame(75_000, 10, 500, 1000, 150_000), 75_010);
  assert(dragFrame(75_000, 10, 120, 1000, 150_000) < 76_500);
  assertEquals(dragFrame(5, 10, 500, 1000, 100), 6); // a short film is finer than that already
  assertEquals([dragFrame(5, -999, 0, 1000, 100), dragFrame(5, 9999, 0, 1000, 100)], [0, 99]);
});

Deno.test("marks of the time line do not run together", () => {
  const shots = Array.from({ length: 1500 }, (_, index) => ({ first: index * 100, last: index * 100 + 99 }));
  assert(cutPath(shots, 150_000, 900).split("M").length < 230);
  assertEquals(cutPath(shots.slice(0, 3), 300, 900), "M0.33333 0V6M0.66667 0V6");
  assertEquals(shotPath([{ first: 0, last: 9 }], 150_000, 1000), "M0.00000 0h0.00200V6h-0.00200z");
});

Deno.test("doubt is drawn where confidence is low", () => {
  const pixels = new Uint8ClampedArray([255, 255, 255, 255, 0, 0, 0, 255, 128, 128, 128, 255]);
  const share = turnIntoDoubt(pixels);
  assert(isNear(share, 1 / 3));
  assertEquals([pixels[3], pixels[7]], [0, 255]);
  assert(pixels[11] > 80 && pixels[11] < 170);
});

/** @param {object} changes @returns {any} */
const stateWith = (changes) => ({
  id: "f",
  project: { references: [], film: null },
  plan: null,
  frame: 5,
  look: null,
  firstLook: null,
  isLooking: false,
  lookProblem: null,
  ...changes,
});

Deno.test("a frame is never shown with the colours of another", () => {
  const look = { frame: 5, gray: "g", color: "c", confidence: "u", width: 640, height: 360 };
  const planned = stateWith({ plan: {}, look });
  assertEquals(choosePictures(planned, 5, null, 1)?.color, "c");
  for (const state of [stateWith({ plan: {}, look, frame: 6 }), planned]) {
    const shown = choosePictures(state, 6, null, 1);
    assertEquals([shown?.color, shown?.gray], [null, "/api/projects/f/frames/6/gray?start=0"]);
  }
});

Deno.test("a frame of another part has another address", () => {
  const addresses = [0, 1.5].map((start) =>
    choosePictures(stateWith({ plan: {}, project: { references: [], film: { start_seconds: start } } }), 5, null, 1)
  );
  assertEquals(new Set(addresses.map((one) => one?.gray)).size, 2);
  assertEquals(new Set(addresses.map((one) => one?.key)).size, 2);
});

Deno.test("a trial is asked for by its values, and known by its strength", () => {
  const state = stateWith({ plan: {}, look: { frame: 5, gray: "g", color: "c", confidence: "u" } });
  const shown = choosePictures(state, 5, { edge_filter: "fgs" }, 1.1);
  assertEquals([shown?.color, shown?.saturation], ["/api/projects/f/frames/5/color?edge_filter=fgs&of=c", 1.1]);
  const other = choosePictures(state, 5, { saturation: 0.5, edge_filter: "fgs" }, 1.1);
  assertEquals([other?.color, other?.saturation], [
    "/api/projects/f/frames/5/color?saturation=0.5&edge_filter=fgs&of=c",
    0.5,
  ]);
});

Deno.test("strength is the shot's own, else the film's, else the model's", () => {
  const models = [{ name: "a", saturation: 1.25 }];
  const state = stateWith({ plan: { model: "a", options: { saturation: 0.9 } } });
  assertEquals(plannedSaturation(state, { options: { saturation: 1.1 } }, models), 1.1);
  assertEquals(plannedSaturation(state, { options: {} }, models), 0.9);
  assertEquals(plannedSaturation(stateWith({ plan: { model: "a", options: {} } }), null, models), 1.25);
  assertEquals(plannedSaturation(stateWith({}), null, []), 1);
});

Deno.test("before the plan: an invitation, then the first look, gray beside it", () => {
  const firstLook = { frame: 5, gray: "g", color: null, confidence: null, width: 320, height: 240 };
  assertEquals(chooseNotice(stateWith({ firstLook }), false), "invite");
  const references = [{ name: "a", url: "a.jpg" }];
  const state = stateWith({ project: { references }, firstLook: { ...firstLook, color: "c" } });
  assertEquals(chooseNotice(state, false), "first");
  assertEquals(choosePictures(state, 5, null, 1)?.color, "c");
  assertEquals(choosePictures({ ...state, plan: /** @type {any} */ ({}) }, 5, null, 1)?.color, "c"); // until there is a look
  assertEquals(choosePictures({ ...state, frame: 6 }, 6, null, 1), null);
  assertEquals(chooseSize(state), { width: 320, height: 240 });
  assertEquals(chooseReferences(state, null), references);
  assertEquals(chooseNotice({ ...state, lookProblem: "no" }, false), "problem");
  assertEquals(chooseNotice({ ...state, plan: {} }, true), "problem");
});

Deno.test("where a colour comes from, in a sentence", () => {
  const answer = { reference: "a.jpg", confidence: 0.93, matched: 1, filled: 0 };
  assertEquals(describeOrigin(answer), "This colour comes from the ringed place in a.jpg. Sure: 93 %.");
  assertEquals(
    describeOrigin({ ...answer, matched: 0.8, filled: 0.1 }),
    "80 % of this colour comes from the ringed place in a.jpg. 10 % of it is a guess that no picture shows. Sure: 93 %.",
  );
  assert(describeOrigin({ reference: null }).includes("as a whole"));
});

Deno.test("how far a clip is", () => {
  const job = { state: "running", step: "Colouring", done: 3, expected: 72 };
  assertEquals(describeJob(job), "Colouring 3 of 72");
  assertEquals(describeJob({ ...job, state: "queued", place: 2 }), "Waiting, number 2");
  assertEquals(describeJob({ ...job, is_stopping: true }), "Stopping…");
});
