/** What is said of jobs and uploads. All of it is pure. */
import { bytes, percent, span, speed, unitOf } from "../core/format.js";
import { isActive } from "../core/jobs.js";

/** @typedef {import("../core/api.d.ts").JobView} JobView */
/** @typedef {import("../core/client.js").Sending} Sending */
/**
 * @typedef {object} Words
 * @property {string} doing what is done, and how much of it
 * @property {number | null} part 0..1; null: nobody knows
 * @property {string} speed may be empty
 * @property {string} left may be empty
 */

/** @type {Record<string, string>} */
const KINDS = { look: "Finding shots", plan: "Choosing pictures", try: "Trying a few seconds", render: "Colouring" };

/** What is worth a line when it is done: of other jobs one sees what they did in the film. @type {Record<string, string>} */
const DONE = { try: "a few seconds were tried", render: "coloured" };

const MOST = 5; // ended jobs in the list

/** What a job does now. @param {JobView} job */
export const phaseOf = (job) => job.step ?? KINDS[job.kind] ?? "At work";

/** @param {JobView} job @returns {Words} */
export function describeJob(job) {
  const what = phaseOf(job);
  const nothing = { part: null, speed: "", left: "" };
  if (job.state === "queued") return { ...nothing, doing: `waits, ${place(job.place)}` };
  if (job.state === "done") return { ...nothing, doing: DONE[job.kind] ?? "done" };
  if (job.state === "failed" || job.state === "stopped") {
    return { ...nothing, doing: describeEnd(job) };
  }
  if (job.is_stopping) return { ...nothing, doing: "stopping…" };
  if (!job.expected) return { ...nothing, doing: job.done ? `${what} ${job.done}` : what };
  return {
    doing: `${what} ${job.done} of ${job.expected}`,
    part: Math.min(1, job.done / job.expected),
    speed: job.rate ? speed(job.rate, unitOf(job.step)) : "",
    left: job.seconds_left === null || job.seconds_left === undefined ? "" : `${span(job.seconds_left)} left`,
  };
}

/** What became of a job that was stopped or failed: `Stopped, 4 of 360 frames kept`. @param {JobView} job */
export function describeEnd({ state, kind, step, done, expected }) {
  const word = state === "failed" ? "Failed" : "Stopped";
  return kind === "render" && expected && done ? `${word}, ${done} of ${expected} ${unitOf(step)}s kept` : word;
}

/** @param {number | null} place in the queue, from 1 */
const place = (place) => place === null || place <= 1 ? "next" : `${place - 1} before it`;

/** @param {Sending} sending @returns {Words} */
export function describeSending({ size, received, rate, isBroken }) {
  const part = size ? received / size : 1;
  return {
    doing: isBroken ? "waiting for the connection" : `Uploading ${percent(part)} of ${bytes(size)}`,
    part,
    speed: rate ? `${bytes(rate)}/s` : "",
    left: rate ? `${span((size - received) / rate)} left` : "",
  };
}

/** Active jobs in their order, then the few that ended last. @param {JobView[]} jobs @returns {JobView[]} */
export function listJobs(jobs) {
  const order = (/** @type {JobView} */ job) => (job.state === "running" ? -1 : job.place ?? 0);
  const active = jobs.filter(isActive).sort((one, other) => order(one) - order(other));
  const told = jobs.filter((job) => !isActive(job) && (job.state !== "done" || job.kind in DONE));
  const ended = told.sort((one, other) => (other.ended ?? 0) - (one.ended ?? 0));
  return [...active, ...ended.slice(0, MOST)];
}
