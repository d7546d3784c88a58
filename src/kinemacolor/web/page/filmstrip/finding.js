/** What stands in the strip while shots are found, or when they could not be. */
import { count, span, unitOf } from "../core/format.js";
import { isActive } from "../core/jobs.js";
import { html, nothing } from "../vendor/lit.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("../core/film-store.js").JobView} JobView */

/** The job of this film that finds shots or chooses their pictures; undefined: none runs or waits. @param {FilmStore} store */
export function findShotJob(store) {
  return ofFilm(store).find(isActive);
}

/** Jobs of this film that make shots, the latest first. @param {FilmStore} store @returns {JobView[]} */
function ofFilm(store) {
  const { id, jobs } = store.state;
  return jobs.filter((job) => job.project === id && ["look", "plan"].includes(job.kind)).reverse();
}

/**
 * How far a job is: "Finding shots … 1,204 frames, 12 s left", "Choosing pictures for 30 shots … 4 of 32".
 * @param {JobView} job @param {number} shots that are found; 0: none yet
 */
export function describeJob(job, shots) {
  const given = job.step ?? (job.kind === "look" ? "Finding shots" : "Choosing pictures");
  const step = job.kind === "plan" && shots ? `Choosing pictures for ${count(shots, "shot")}` : given;
  if (job.state === "queued") return `${step}: ${(job.place ?? 1) <= 1 ? "next" : `number ${job.place}`} in the queue`;
  const many = count(job.done, unitOf(job.step));
  const done = job.expected ? `${job.done.toLocaleString("en")} of ${job.expected.toLocaleString("en")}` : many;
  const left = job.seconds_left ? `${span(job.seconds_left)} left` : "";
  return [step, [job.done ? done : "", left].filter(Boolean).join(", ")].filter(Boolean).join(" … ");
}

/** How far a job is, as a line that moves. @param {JobView} job */
export const drawProgress = (job) =>
  html`
    <progress aria-label=${job.step ?? "Finding shots"} max=${job.expected ?? 1}
      value=${job.expected && job.state === "running" ? job.done : nothing}></progress>
  `;

/** What stands in the place of shots. @param {FilmStore} store */
export function drawFinding(store) {
  const job = findShotJob(store);
  if (job) return html`<div class="nothing"><p role="status">${describeJob(job, 0)}</p>${drawProgress(job)}</div>`;
  const failed = ofFilm(store).find((one) => one.state === "failed");
  return html`
    <div class="nothing">
      <p>${failed
        ? `The shots were not found: ${failed.message ?? "something went wrong"}`
        : "The shots of this film are not found yet."}</p>
      <button class="button" @click=${() => void store.actions.submit({ kind: "look" })}>
        ${failed ? "Try again" : "Find the shots"}
      </button>
    </div>
  `;
}
