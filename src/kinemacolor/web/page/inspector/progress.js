/** How far a job is, in words. */
import { count, percent, span, speed, unitOf } from "../core/format.js";

/** @param {import("../core/api.d.ts").JobView} job */
export function progressOf(job) {
  const far = job.expected
    ? `${job.done.toLocaleString("en")} of ${job.expected.toLocaleString("en")}, ${percent(job.done / job.expected)}`
    : job.done
    ? count(job.done, unitOf(job.step))
    : "";
  const isRunning = job.state === "running" && !job.is_stopping;
  const rate = isRunning && job.rate ? speed(job.rate, unitOf(job.step)) : "";
  const left = isRunning && job.seconds_left ? `${span(job.seconds_left)} left` : "";
  const place = job.state === "queued" && job.place ? `number ${job.place} in the queue` : "";
  return [far, rate, left, place].filter(Boolean).join(" · ");
}
