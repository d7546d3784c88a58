/**
 * What is said about shots, and in which order they stand: plain functions of `ShotList`.
 *
 * @typedef {import("../core/api.d.ts").ShotView} Shot a `score` of null: the user chose that reference
 */
import { percent } from "../core/format.js";

/** From which doubt on a shot is not sure any more, and unsure: the report's own limit, and half of it. */
const MOSTLY_SURE = 0.25, UNSURE = 0.5;
/** Below this score a picture shows something else than the shot. */
const POOR_SCORE = 0.5, GOOD_SCORE = 0.8;

/** @typedef {"all" | "unsure" | "no-picture" | "unsure-first" | "needs-look" | "by-me" | "not-rendered"} Order */

/** How many of the ways to list shots are always in sight; the rest are in a menu. */
export const MAIN_ORDERS = 3;

/** The ways to list shots. @type {{name: Order, label: string}[]} */
export const ORDERS = [
  { name: "all", label: "All" },
  { name: "unsure", label: "Unsure" },
  { name: "no-picture", label: "No picture" },
  { name: "unsure-first", label: "Unsure first" },
  { name: "needs-look", label: "Needs a look" },
  { name: "by-me", label: "Chosen by me" },
  { name: "not-rendered", label: "Not rendered" },
];

/** @type {Record<Order, (shot: Shot) => boolean>} */
const BELONGS = {
  all: () => true,
  unsure: (shot) => wantsLook(shot),
  "no-picture": (shot) => lacksPicture(shot),
  "unsure-first": () => true,
  "needs-look": (shot) => wantsLook(shot),
  "by-me": (shot) => shot.references.some(({ score }) => score === null),
  "not-rendered": (shot) => shot.state !== "rendered",
};

/**
 * The shots of a way to list them.
 * @param {Shot[]} shots @param {Order} order
 */
export function arrange(shots, order) {
  if (order === "unsure-first") {
    return [...shots].sort((one, other) => (other.doubt ?? -1) - (one.doubt ?? -1) || one.number - other.number);
  }
  return shots.filter(BELONGS[order]);
}

/** How many shots belong to each way to list them. @param {Shot[]} shots */
export function countShots(shots) {
  const counts = /** @type {Record<Order, number>} */ ({});
  for (const { name } of ORDERS) counts[name] = shots.filter(BELONGS[name]).length;
  return counts;
}

/** @param {number} doubt 0..1 @returns {"sure" | "mostly sure" | "unsure"} */
export const describeDoubt = (doubt) => doubt < MOSTLY_SURE ? "sure" : doubt < UNSURE ? "mostly sure" : "unsure";

/** @param {number | null} doubt 0..1; null: unknown */
export const isUnsure = (doubt) => doubt !== null && doubt >= UNSURE;

/** Is it unsure, or does the report name it? All parts of the page count by this. @param {Shot} shot */
export const wantsLook = (shot) => shot.needs_look || isUnsure(shot.doubt);

/** @type {Record<Shot["state"], string>} */
const STATES = {
  unplanned: "no picture yet",
  planned: "planned",
  rendered: "rendered",
  outdated: "changed since",
};

/** @param {Shot} shot */
export const describeState = (shot) => STATES[shot.state];

/** How well a picture fits a shot. @param {number | null} score null: chosen by the user */
export function describeScore(score) {
  if (score === null) return "chosen by you";
  return `${percent(score)}, ${score >= GOOD_SCORE ? "fits well" : score >= POOR_SCORE ? "fits partly" : "fits badly"}`;
}

/** Would another picture help this shot most? @param {Shot} shot */
export const wantsPicture = (shot) => wantsLook(shot) || lacksPicture(shot);

/** Does no picture fit it? @param {Shot} shot */
const lacksPicture = (shot) => shot.references.every(({ score }) => score !== null && score < POOR_SCORE);

/** The numbers from one shot to another as they are listed. @param {Shot[]} listed @param {number} from @param {number} to */
export function numbersBetween(listed, from, to) {
  const [start, end] = [from, to].map((number) => listed.findIndex((shot) => shot.number === number));
  if (end < 0) return [];
  if (start < 0) return [to];
  return listed.slice(Math.min(start, end), Math.max(start, end) + 1).map((shot) => shot.number);
}

/**
 * What the references of shots are after pictures were ticked and unticked: what was not touched stays as each shot has it.
 * @param {Shot[]} shots @param {Map<string, boolean>} ticked names that were touched
 * @returns {Record<string, string[]>} names of each shot that changes; empty names: the shot would have none
 */
export function assignReferences(shots, ticked) {
  /** @type {Record<string, string[]>} */
  const changed = {};
  for (const shot of shots) {
    const before = shot.references.map(({ name }) => name);
    const after = before.filter((name) => ticked.get(name) !== false);
    for (const [name, isOn] of ticked) if (isOn && !after.includes(name)) after.push(name);
    if (after.length !== before.length || after.some((name) => !before.includes(name))) changed[shot.number] = after;
  }
  return changed;
}
