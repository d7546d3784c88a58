/** What the viewer says. Pure. */
import { percent } from "../core/format.js";
import { isFirstLook } from "./look-at.js";

/**
 * Where a colour comes from.
 * @param {any} answer of `GET frames/N/origin`; null: it is not there yet
 */
export function describeOrigin(answer) {
  if (!answer) return "Looking…";
  if (!answer.reference) return "This model looks at a picture as a whole: no single place gave this colour.";
  const isAll = answer.matched === null || answer.matched === undefined || answer.matched > 0.995;
  const share = isAll ? "This colour comes" : `${percent(answer.matched)} of this colour comes`;
  const guess = answer.filled > 0.005 ? ` ${percent(answer.filled)} of it is a guess that no picture shows.` : "";
  const sure = typeof answer.confidence === "number" ? ` Sure: ${percent(answer.confidence)}.` : "";
  return `${share} from the ringed place in ${answer.reference}.${guess}${sure}`;
}

/**
 * How far a job is.
 * @param {any} job
 */
export function describeJob(job) {
  if (job.is_stopping) return "Stopping…";
  if (job.state === "queued") return job.place > 1 ? `Waiting, number ${job.place}` : "Waiting";
  const count = job.expected ? ` ${job.done} of ${job.expected}` : "";
  return `${job.step ?? "Starting"}${count}`;
}

/**
 * What is to be said in the middle of the viewer, if anything.
 * @param {import("../core/film-store.js").FilmState} state
 * @param {boolean} isBroken a picture could not be loaded
 * @returns {"problem" | "invite" | "first" | null}
 */
export function chooseNotice(state, isBroken) {
  if (!state.project) return null;
  if (state.lookProblem || isBroken) return "problem";
  if (state.plan || state.isLooking) return null;
  if (!state.project.references?.length) return "invite";
  return isFirstLook(state, state.frame) && state.firstLook.color ? "first" : null;
}
