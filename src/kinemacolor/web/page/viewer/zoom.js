/**
 * Where a picture stands in its box: how large, and moved how far. Pure; lengths are CSS pixels of the box.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number}} Point
 * @typedef {object} View
 * @property {number} scale CSS pixels for each pixel of the picture
 * @property {number} x of the picture's left edge in the box
 * @property {number} y of the picture's top edge in the box
 * @property {boolean} isFit the whole picture fills the box as far as it can, also when the box changes
 */

const LARGEST = 32; // screen pixels for each pixel of the picture
const SAME = 1.01; // scales whose ratio is below this are one

/** @param {Size} box @param {Size} picture */
const fitScale = (box, picture) => Math.max(1e-6, Math.min(box.width / picture.width, box.height / picture.height));

/**
 * The whole picture, in the middle of the box.
 * @param {Size} box @param {Size} picture @returns {View}
 */
export function fitView(box, picture) {
  const scale = fitScale(box, picture);
  return place({ scale, x: 0, y: 0, isFit: true }, box, picture);
}

/**
 * Zooms so that what is below `point` stays there.
 * @param {View} view @param {number} scale that is wanted @param {Point} point in the box
 * @param {Size} box @param {Size} picture @param {number} [density] screen pixels for each CSS pixel
 * @returns {View}
 */
export function zoomAt(view, scale, point, box, picture, density = 1) {
  const fit = fitScale(box, picture);
  const [low, high] = [Math.min(fit, 1 / density), Math.max(fit, LARGEST / density)];
  const next = Math.min(high, Math.max(low, scale));
  if (Math.max(next / fit, fit / next) < SAME) return fitView(box, picture);
  const grown = next / view.scale;
  const moved = { x: point.x - (point.x - view.x) * grown, y: point.y - (point.y - view.y) * grown };
  return place({ scale: next, ...moved, isFit: false }, box, picture);
}

/** @param {View} view @param {Point} by @param {Size} box @param {Size} picture @returns {View} */
export const panBy = (view, by, box, picture) => place({ ...view, x: view.x + by.x, y: view.y + by.y }, box, picture);

/**
 * Two fingers went from two places to two others: what lay between them follows.
 * @param {View} view @param {[Point, Point]} before @param {[Point, Point]} after
 * @param {Size} box @param {Size} picture @param {number} [density]
 * @returns {View}
 */
export function pinch(view, before, after, box, picture, density = 1) {
  const [from, to] = [middle(before), middle(after)];
  const grown = distance(after) / Math.max(1, distance(before));
  const zoomed = zoomAt(view, view.scale * grown, from, box, picture, density);
  return zoomed.isFit ? zoomed : panBy(zoomed, { x: to.x - from.x, y: to.y - from.y }, box, picture);
}

/**
 * The box changed its size: what was in its middle stays there.
 * @param {View} view @param {Size} before @param {Size} after @param {Size} picture @returns {View}
 */
export function resize(view, before, after, picture) {
  if (view.isFit || view.scale <= fitScale(after, picture)) return fitView(after, picture);
  const by = { x: (after.width - before.width) / 2, y: (after.height - before.height) / 2 };
  return panBy(view, by, after, picture);
}

/**
 * The part of the picture that is in sight, 0..1 from its top left.
 * @param {View} view @param {Size} box @param {Size} picture
 */
export function seenPart(view, box, picture) {
  const [width, height] = [picture.width * view.scale, picture.height * view.scale];
  return {
    left: within(-view.x / width),
    top: within(-view.y / height),
    right: within((box.width - view.x) / width),
    bottom: within((box.height - view.y) / height),
  };
}

/**
 * The point of the picture below a point of the box, 0..1 from its top left; null beside it.
 * @param {View} view @param {Point} point @param {Size} picture @returns {Point | null}
 */
export function pointInPicture(view, point, picture) {
  const x = (point.x - view.x) / (picture.width * view.scale);
  const y = (point.y - view.y) / (picture.height * view.scale);
  return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
}

/** @param {number} part */
export const within = (part) => Math.min(1, Math.max(0, part));

/** Centred where the picture is smaller than the box; else it covers the box. @param {View} view @param {Size} box @param {Size} picture */
function place(view, box, picture) {
  return {
    ...view,
    x: placeAlong(view.x, picture.width * view.scale, box.width),
    y: placeAlong(view.y, picture.height * view.scale, box.height),
  };
}

/** @param {number} start @param {number} length @param {number} room */
const placeAlong = (start, length, room) =>
  length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, start));

/** @param {[Point, Point]} pair @returns {Point} */
const middle = ([a, b]) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
/** @param {[Point, Point]} pair */
const distance = ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y);
