/**
 * How much of each pixel a brush covers: 0..255 in a mask as large as the frame.
 *
 * A stroke is the union of rounded pieces between its points, so how often a pointer tells where it is changes nothing.
 *
 * @typedef {{left: number, top: number, right: number, bottom: number}} Rect right and bottom lie outside
 * @typedef {{x: number, y: number, radius: number}} Dab
 */

/** @type {Rect} */
export const NOTHING = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };

/** The smallest that holds both. @param {Rect} a @param {Rect} b @returns {Rect} */
export const unite = (a, b) => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
});

/**
 * Share that is covered at a distance from the middle. The edge is where half is covered, and always a pixel wide.
 *
 * @param {number} distance px @param {number} radius px @param {number} hardness 0..1: how much of the radius is even
 */
export function coverage(distance, radius, hardness) {
  const edge = Math.max(1, radius * (1 - hardness) * 2);
  const inside = (radius + edge / 2 - distance) / edge;
  if (inside <= 0) return 0;
  if (inside >= 1) return 1;
  return inside * inside * (3 - 2 * inside);
}

/**
 * Lays a piece of a stroke into the mask, which keeps the larger value; gives where it may have changed.
 *
 * @param {Uint8Array} mask @param {number} width @param {number} height @param {Dab} from @param {Dab} to
 * @param {number} hardness 0..1 @returns {Rect}
 */
export function coverPiece(mask, width, height, from, to, hardness) {
  const reach = Math.max(from.radius, to.radius) * (2 - hardness) + 1;
  const rect = {
    left: Math.max(0, Math.floor(Math.min(from.x, to.x) - reach)),
    top: Math.max(0, Math.floor(Math.min(from.y, to.y) - reach)),
    right: Math.min(width, Math.ceil(Math.max(from.x, to.x) + reach)),
    bottom: Math.min(height, Math.ceil(Math.max(from.y, to.y) + reach)),
  };
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  for (let y = rect.top; y < rect.bottom; y++) {
    for (let x = rect.left; x < rect.right; x++) {
      const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const radius = from.radius + along * (to.radius - from.radius);
      const [ox, oy] = [px - along * dx, py - along * dy];
      const far = radius * (2 - hardness) + 1;
      const square = ox * ox + oy * oy;
      if (square >= far * far) continue;
      const value = Math.round(255 * coverage(Math.sqrt(square), radius, hardness));
      const at = y * width + x;
      if (value > mask[at]) mask[at] = value;
    }
  }
  return rect;
}

/**
 * Dabs of a stroke's numbers `[x, y, pressure, …]`: a pen that is pressed less paints a smaller one.
 *
 * @param {readonly number[]} points @param {number} size px across @param {number} index of the point @returns {Dab}
 */
export function dabOf(points, size, index) {
  const pressure = points[3 * index + 2];
  return { x: points[3 * index], y: points[3 * index + 1], radius: (size / 2) * (0.2 + 0.8 * pressure) };
}
