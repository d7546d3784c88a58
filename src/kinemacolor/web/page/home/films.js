/** What the list of films says of each, and in which order. All of it is pure. */
import { percent } from "../core/format.js";
import { phaseOf } from "../queue/words.js";

/** @typedef {import("../core/api.d.ts").ProjectView} ProjectView */
/** @typedef {import("../core/api.d.ts").JobView} JobView */
/** @typedef {"changed" | "title" | "size"} Order */
/** @typedef {{words: string, kind: string, icon?: string, part?: number}} FilmState `kind`: class of its chip; `part`: 0..1 */

/** @type {Record<string, FilmState>} */
const STATES = {
  new: { words: "new", kind: "" },
  looking: { words: "finding shots", kind: "on", icon: "resume" },
  shots: { words: "wants pictures", kind: "" },
  planned: { words: "ready to render", kind: "" },
  rendered: { words: "rendered", kind: "good", icon: "check" },
  outdated: { words: "changed since it was rendered", kind: "", icon: "edit" },
  damaged: { words: "cannot be read", kind: "bad", icon: "warn" },
};

/** @param {ProjectView} project @param {JobView[]} jobs of it @returns {FilmState} */
export function describeState(project, jobs) {
  const running = jobs.find((job) => job.state === "running");
  if (running) {
    const part = running.expected ? Math.min(1, running.done / running.expected) : undefined;
    const step = phaseOf(running).toLowerCase();
    return { words: part === undefined ? step : `${step} ${percent(part)}`, kind: "on", icon: "resume", part };
  }
  if (jobs.some((job) => job.state === "queued")) return { words: "waiting", kind: "on", icon: "queue" };
  const last = jobs.at(-1);
  if (last?.state === "failed") return { words: "failed", kind: "bad", icon: "warn" };
  if (last?.state === "stopped" && last.kind === "render") return { words: "stopped", kind: "", icon: "stop" };
  if (project.is_photograph && project.state === "shots") return { words: "photograph", kind: "" };
  return STATES[project.state] ?? STATES.new;
}

/**
 * @param {ProjectView[]} projects @param {string} wanted part of the name @param {Order} order
 * @returns {ProjectView[]}
 */
export function orderFilms(projects, wanted, order) {
  const letters = wanted.trim().toLocaleLowerCase();
  const found = projects.filter(({ title }) => title.toLocaleLowerCase().includes(letters));
  /** @type {Record<Order, (one: ProjectView, other: ProjectView) => number>} */
  const orders = {
    changed: (one, other) => other.changed - one.changed,
    title: (one, other) => one.title.localeCompare(other.title, undefined, { numeric: true }),
    size: (one, other) => (other.size_bytes ?? 0) - (one.size_bytes ?? 0),
  };
  return found.sort(orders[order]);
}
