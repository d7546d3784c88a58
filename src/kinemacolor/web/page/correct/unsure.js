/**
 * Frames that want a look: one of each shot that is unsure, those that need it most first, and where in the frame.
 *
 * @typedef {{shot: number, frame: number, doubt: number, reason: string}} Unsure
 */
import { wantsLook } from "../filmstrip/shot-list.js";
import { describeFault } from "../core/faults.js";

/**
 * @param {any[]} shots of `GET shots` @param {any} report of `GET report`; null: there is none
 * @returns {Unsure[]}
 */
export function listUnsure(shots, report) {
  /** @type {Map<number, any>} */
  const reported = new Map((report?.shots ?? []).map((/** @type {any} */ one) => [one.number, one]));
  return shots
    .filter(wantsLook)
    .map((shot) => {
      const seen = reported.get(shot.number);
      const isInside = seen && seen.least_sure >= shot.first && seen.least_sure <= shot.last;
      return {
        shot: shot.number,
        frame: isInside ? seen.least_sure : shot.middle,
        doubt: shot.doubt ?? 0,
        reason: describeFault(shot.fault, shot.reason),
      };
    })
    .sort((one, other) => other.doubt - one.doubt || one.shot - other.shot);
}

/**
 * The one that is looked at next; the list is gone through from its start again.
 *
 * @param {Unsure[]} list @param {number | null} shot where one is @param {1 | -1} step @returns {Unsure | null}
 */
export function nextUnsure(list, shot, step) {
  if (!list.length) return null;
  const here = list.findIndex((one) => one.shot === shot);
  if (here < 0) return list[step > 0 ? 0 : list.length - 1];
  return list.length === 1 ? null : list[(here + step + list.length) % list.length];
}

/**
 * Where most of the doubt lies, in words; null where it lies everywhere.
 *
 * @param {Uint8ClampedArray} rgba confidence as a picture, white: sure @param {number} width @returns {string | null}
 */
export function describePlace(rgba, width) {
  const height = rgba.length / 4 / width;
  const cells = new Float64Array(9);
  for (let at = 0; at < rgba.length / 4; at++) {
    const column = Math.floor((3 * (at % width)) / width);
    const row = Math.floor((3 * Math.floor(at / width)) / height);
    cells[3 * row + column] += 255 - rgba[4 * at];
  }
  const sum = cells.reduce((total, one) => total + one, 0);
  if (!sum) return null;
  const columns = [0, 1, 2].map((index) => (cells[index] + cells[3 + index] + cells[6 + index]) / sum);
  const rows = [0, 1, 2].map((index) => (cells[3 * index] + cells[3 * index + 1] + cells[3 * index + 2]) / sum);
  const across = nameOf(columns, ["at the left", "in the middle", "at the right"]);
  const down = nameOf(rows, ["at the top", "in the middle", "at the bottom"]);
  if (across && down && across !== down) {
    return across === "in the middle"
      ? down
      : down === "in the middle"
      ? across
      : `${down} ${across.slice("at the ".length)}`;
  }
  return across ?? down;
}

const CLEARLY = 0.45; // of all doubt in a third of the frame

/** @param {number[]} shares @param {string[]} names */
function nameOf(shares, names) {
  const most = shares.indexOf(Math.max(...shares));
  return shares[most] >= CLEARLY ? names[most] : null;
}
