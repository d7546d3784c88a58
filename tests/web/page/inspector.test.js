import {
  inSteps,
  mixedOf,
  qualities,
  renderSeconds,
  scopeOf,
  shotsOf,
  unlessOwn,
  valuesOf,
} from "../../../src/kinemacolor/web/page/inspector/look-choices.js";
import { progressOf } from "../../../src/kinemacolor/web/page/inspector/progress.js";
import {
  parseTime,
  purposeOf,
  purposes,
  queryOf,
  taskOf,
} from "../../../src/kinemacolor/web/page/inspector/purposes.js";
import { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert";

const MODEL = { name: "kinema", short_side: 216, saturation: 1, edge_filter: "none" };

Deno.test("qualities are sizes that a plan may have, the model's own among them", () => {
  assertEquals(qualities(MODEL).map((one) => one.value), [144, 216, 360]);
  assertEquals([inSteps(1), inSteps(217), inSteps(5000)], [64, 216, 1080]);
});

Deno.test("a render takes as long as the last one by the same plan", () => {
  const jobs = [{ project: "p", kind: "render", state: "done", created: 100, ended: 120 }];
  const given = (/** @type {string} */ state) => ({ jobs, id: "p", project: { state } });
  assertEquals([renderSeconds(given("rendered")), renderSeconds(given("outdated"))], [20, null]);
  assertEquals(renderSeconds({ ...given("rendered"), id: "q" }), null);
});

Deno.test("a choice is for the film, a shot, or the chosen ones", () => {
  assertEquals(shotsOf("film", 3, new Set([1])), null);
  assertEquals(shotsOf("shot", 3, new Set()), [3]);
  assertEquals(shotsOf("chosen", 3, new Set([11, 2])), [2, 11]);
});

Deno.test("only a choice for the film reaches the whole film", () => {
  assertEquals([shotsOf("chosen", 3, new Set()), shotsOf("shot", null, new Set([1, 2]))], [[], []]);
  assertEquals([new Set(), new Set([2]), new Set([2, 5])].map((chosen) => scopeOf("chosen", chosen)), [
    "shot",
    "shot",
    "chosen",
  ]);
  assertEquals(scopeOf("film", new Set()), "film");
});

Deno.test("what differs among the chosen shots is mixed, whoever says it", () => {
  const shots = [{ saturation: null, edge_filter: "fgs" }, { saturation: 1, edge_filter: "none" }];
  assertEquals(mixedOf(MODEL, {}, shots), new Set(["edge_filter"]));
  assertEquals(mixedOf(MODEL, { saturation: 1.2 }, shots), new Set(["saturation", "edge_filter"]));
  assertEquals([mixedOf(MODEL, {}, []), mixedOf(MODEL, {}, shots.slice(1))], [new Set(), new Set()]);
});

Deno.test("what a shot does not say, the film says, then the model", () => {
  assertEquals(valuesOf(MODEL, { saturation: 1.2 }, { short_side: 144, saturation: null }), {
    short_side: 144,
    saturation: 1.2,
    edge_filter: "none",
  });
  assertEquals([unlessOwn(216, 216), unlessOwn(144, 216)], [null, 144]);
});

Deno.test("each purpose is known again by its choice", () => {
  for (const isPhotograph of [false, true]) {
    for (const { name, choice } of purposes(isPhotograph)) assertEquals(purposeOf(choice, isPhotograph), name);
  }
  assertEquals(purposeOf({ form: "vp9", layer: false, confidence: true }, false), null);
  assertEquals(taskOf({ form: null, layer: true, confidence: false }), {
    kind: "render",
    layer: true,
    confidence: false,
  });
  assertEquals(queryOf({ form: "h264", layer: false, confidence: true }), "form=h264&layer=false&confidence=true");
});

Deno.test("times as people write them", () => {
  assertEquals(["", "7", "1:02.5", "1:00:01", "2,5"].map(parseTime), [null, 7, 62.5, 3601, 2.5]);
  for (const wrong of ["x", "1:2:3:4", "-1", "1:"]) assertThrows(() => parseTime(wrong), RangeError);
});

Deno.test("progress in words", () => {
  const job = { state: "running", done: 72, expected: 120, rate: 12.4, seconds_left: 4, is_stopping: false };
  assertEquals(progressOf(job), "72 of 120, 60 % · 12.4 frames/s · 4 s left");
  assertEquals(progressOf({ ...job, state: "stopped" }), "72 of 120, 60 %");
  assertEquals(progressOf({ state: "queued", done: 0, place: 2 }), "number 2 in the queue");
});
