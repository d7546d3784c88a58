import { deepStrictEqual as assertEquals } from "node:assert";
import { describeState, orderFilms } from "../../../src/kinemacolor/web/page/home/films.js";
import { describeJob, describeSending, listJobs } from "../../../src/kinemacolor/web/page/queue/words.js";

const JOB = {
  id: "a",
  project: "p",
  title: "film.mp4",
  kind: "render",
  state: "running",
  place: null,
  step: "Colouring",
  done: 132,
  expected: 241,
  rate: 12.4,
  seconds_left: 9.1,
  is_stopping: false,
};

Deno.test("a job says what it does, how fast, and how long", () => {
  assertEquals(describeJob(JOB), {
    doing: "Colouring 132 of 241",
    part: 132 / 241,
    speed: "12.4 frames/s",
    left: "9 s left",
  });
  const silent = { ...JOB, step: null, done: 0, expected: null, rate: null, seconds_left: null };
  assertEquals(describeJob(silent), { doing: "Colouring", part: null, speed: "", left: "" });
  assertEquals(describeJob({ ...JOB, kind: "plan", step: "Choosing pictures" }).speed, "12.4 pictures/s");
  assertEquals(describeJob({ ...JOB, is_stopping: true }).doing, "stopping…");
});

Deno.test("a job that does not run says why, and what is kept", () => {
  const say = (/** @type {object} */ changes) => describeJob({ ...JOB, ...changes }).doing;
  assertEquals(say({ state: "stopped" }), "Stopped, 132 of 241 frames kept");
  assertEquals(say({ state: "failed", done: 0 }), "Failed");
  assertEquals(say({ state: "stopped", kind: "plan" }), "Stopped"); // what it looked at is no frame of the result
  assertEquals([say({ state: "queued", place: 1 }), say({ state: "queued", place: 3 })], [
    "waits, next",
    "waits, 2 before it",
  ]);
});

Deno.test("an upload says how much is there, or that it waits", () => {
  const sending = { name: "a", size: 1e9, received: 25e7, rate: 5e7, isBroken: false, stop: () => {} };
  assertEquals(describeSending(sending), {
    doing: "Uploading 25 % of 1.0 GB",
    part: 0.25,
    speed: "50 MB/s",
    left: "15 s left",
  });
  assertEquals(describeSending({ ...sending, rate: null, isBroken: true }).doing, "waiting for the connection");
});

Deno.test("what runs comes first, and few that have ended stay", () => {
  const ended = Array.from({ length: 9 }, (_, index) => ({ ...JOB, id: `e${index}`, state: "done", ended: index }));
  assertEquals(listJobs([{ ...JOB, kind: "look", state: "done" }]), []); // one sees its shots
  const jobs = [{ ...JOB, id: "q2", state: "queued", place: 2 }, { ...JOB, id: "q1", state: "queued", place: 1 }, JOB];
  assertEquals(listJobs([...ended, ...jobs]).map(({ id }) => id), ["a", "q1", "q2", "e8", "e7", "e6", "e5", "e4"]);
});

Deno.test("a film says what happens to it, then what it is", () => {
  const project = { state: "rendered", is_photograph: false };
  const words = (/** @type {object[]} */ ...jobs) => describeState(project, jobs).words;
  assertEquals(words(), "rendered");
  assertEquals(words({ ...JOB }), "colouring 55 %");
  assertEquals(words({ ...JOB, state: "queued" }), "waiting");
  assertEquals(words({ ...JOB, state: "stopped" }), "stopped");
  assertEquals(words({ ...JOB, state: "done" }), "rendered");
});

Deno.test("films are found by a part of their name, in the order that is wanted", () => {
  const films = [["b 10", 1, 5], ["B 9", 3, null], ["c", 2, 9]].map(([title, changed, size_bytes]) => ({
    title,
    changed,
    size_bytes,
  }));
  const order = (/** @type {string} */ wanted, /** @type {"changed" | "title" | "size"} */ by) =>
    orderFilms(films, wanted, by).map(({ title }) => title);
  assertEquals(order("", "changed"), ["B 9", "c", "b 10"]);
  assertEquals(order(" b", "title"), ["B 9", "b 10"]);
  assertEquals(order("", "size"), ["c", "b 10", "B 9"]);
});
