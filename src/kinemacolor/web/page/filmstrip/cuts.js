/** Where shots begin, and where they could: plain functions of `ShotList`. */

/** @typedef {import("./shot-list.js").Shot} Shot */
/** @typedef {{number: number, first: number, least: number, most: number}} Cut first frame of a shot, and its bounds */

/**
 * The cut that is nearest to a frame: the start of its shot or of the next one.
 * @param {Shot[]} shots in order @param {number} frame
 * @returns {Cut | null} null: there is only one shot
 */
export function nearestCut(shots, frame) {
  let [low, high] = [0, shots.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (shots[middle].first <= frame) low = middle;
    else high = middle - 1;
  }
  const [before, after] = [low > 0 ? low : null, low + 1 < shots.length ? low + 1 : null];
  if (before === null && after === null) return null;
  const isBefore = after === null || (before !== null && frame - shots[before].first <= shots[after].first - frame);
  const index = /** @type {number} */ (isBefore ? before : after);
  const [shot, previous] = [shots[index], shots[index - 1]];
  return { number: shot.number, first: shot.first, least: previous.first + 1, most: shot.last };
}

/** Could a cut be moved there? Both shots keep a frame at least. @param {Cut | null} cut @param {number} first */
export const canMoveCut = (cut, first) =>
  cut !== null && first !== cut.first && first >= cut.least && first <= cut.most;

/** Could a shot be split so that its second half begins at `frame`? @param {Shot | null} shot @param {number} frame */
export const canSplit = (shot, frame) => shot !== null && frame > shot.first && frame <= shot.last;
