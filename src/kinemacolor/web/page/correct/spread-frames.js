/**
 * On which frames of a shot the spread of a correction is shown.
 */

const MOST_FRAMES = 4; // besides the painted one, which stands among them
const QUARTER = 0.25;

/**
 * The ends of the shot, a quarter of it before and after the painted frame, and where the widest gap is left: the
 * longer the way from the painted frame, the more can go wrong. In the order of the film, without the painted frame.
 *
 * @param {{first: number, last: number}} shot @param {number} frame that is painted on @returns {number[]}
 */
export function chooseSpreadFrames({ first, last }, frame) {
  const length = last - first + 1;
  if (length <= MOST_FRAMES + 1) {
    return Array.from({ length }, (_, index) => first + index).filter((one) => one !== frame);
  }
  const step = Math.max(1, Math.round(length * QUARTER));
  const chosen = new Set(
    [first, frame - step, frame + step, last].filter((one) => one >= first && one <= last && one !== frame),
  );
  while (chosen.size < MOST_FRAMES) {
    const middle = middleOfWidestGap([...chosen, frame, first, last]);
    if (middle === null) break;
    chosen.add(middle);
  }
  return [...chosen].sort((one, other) => one - other);
}

/** @param {number[]} frames @returns {number | null} */
function middleOfWidestGap(frames) {
  const sorted = [...frames].sort((one, other) => one - other);
  /** @type {[number, number]} */
  let widest = [0, 0];
  for (let index = 1; index < sorted.length; index++) {
    if (sorted[index] - sorted[index - 1] > widest[1] - widest[0]) widest = [sorted[index - 1], sorted[index]];
  }
  return widest[1] - widest[0] > 1 ? Math.round((widest[0] + widest[1]) / 2) : null;
}
