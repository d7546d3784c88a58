/** Marks on the time line, as paths in a box of width 1 and height 6. Pure. */

const CUT_PX = 8; // marks that are nearer than this to the last one are left out
const SHOT_PX = 2; // what is narrower is drawn as wide as this

/** @typedef {{first: number, last: number}} Part frames */

/**
 * A stroke for each cut; of those that would run together only some.
 * @param {Part[]} shots in order @param {number} frames of the film @param {number} width of the line in pixels
 */
export function cutPath(shots, frames, width) {
  let last = 0;
  let path = "";
  for (const { first } of shots.slice(1)) {
    const at = first / frames;
    if ((at - last) * width < CUT_PX) continue;
    path += `M${at.toFixed(5)} 0V6`;
    last = at;
  }
  return path;
}

/**
 * A bar for each part.
 * @param {Part[]} parts @param {number} frames of the film @param {number} width of the line in pixels
 * @param {number} [top] of the bars, 0..6
 */
export function shotPath(parts, frames, width, top = 0) {
  return parts.map(({ first, last }) => {
    const length = Math.max((last - first + 1) / frames, SHOT_PX / width);
    return `M${(first / frames).toFixed(5)} ${top}h${length.toFixed(5)}V6h-${length.toFixed(5)}z`;
  }).join("");
}
