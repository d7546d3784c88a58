/**
 * Areas of a frame: masks as text, areas of similar gray, and regions along edges.
 *
 * Here a mask is a Uint8Array with 255 for each pixel that is inside, 0 elsewhere.
 */

/**
 * A mask as text: lengths in turn outside and inside, row by row, to the base of 36.
 *
 * @param {Uint8Array} mask
 */
export function packMask(mask) {
  const lengths = [];
  let [start, inside] = [0, false];
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] > 127 !== inside) {
      lengths.push((at - start).toString(36));
      [start, inside] = [at, !inside];
    }
  }
  if (inside) lengths.push((mask.length - start).toString(36));
  return lengths.join(" ");
}

/** @param {string} text of `packMask` @param {Uint8Array} mask that is filled */
export function unpackMask(text, mask) {
  mask.fill(0);
  let [at, inside] = [0, false];
  for (const length of text ? text.split(" ") : []) {
    const end = at + parseInt(length, 36);
    if (inside) mask.fill(255, at, end);
    [at, inside] = [end, !inside];
  }
}

/** Each pixel as the mean of the nine about it: grain of film would tear an area to pieces. */
/** @param {Uint8Array} gray @param {number} width @param {number} height */
export function smooth(gray, width, height) {
  const rows = new Uint16Array(gray.length);
  const result = new Uint8Array(gray.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      rows[at] = gray[x ? at - 1 : at] + gray[at] + gray[x < width - 1 ? at + 1 : at];
    }
  }
  for (let at = 0; at < gray.length; at++) {
    const above = at >= width ? at - width : at;
    const below = at < gray.length - width ? at + width : at;
    result[at] = Math.round((rows[above] + rows[at] + rows[below]) / 9);
  }
  return result;
}

/**
 * The area about a point whose gray differs from the point's by no more than `tolerance`, without its pinholes.
 *
 * @param {Uint8Array} gray of `smooth` @param {number} width @param {number} height @param {number} x @param {number} y
 * @param {number} tolerance codes @returns {Uint8Array}
 */
export function flood(gray, width, height, x, y, tolerance) {
  const mask = new Uint8Array(gray.length);
  const wanted = gray[y * width + x];
  /** @param {number} at */
  const isLike = (at) => !mask[at] && Math.abs(gray[at] - wanted) <= tolerance;
  const starts = [y * width + x];
  while (starts.length) {
    const at = /** @type {number} */ (starts.pop());
    if (!isLike(at)) continue;
    const row = at - (at % width);
    let [left, right] = [at, at + 1];
    while (left > row && isLike(left - 1)) left--;
    while (right < row + width && isLike(right)) right++;
    mask.fill(255, left, right);
    for (const other of [left - width, left + width]) {
      if (other < 0 || other >= gray.length) continue;
      for (let one = other; one < other + right - left; one++) {
        if (isLike(one) && (one === other || !isLike(one - 1))) starts.push(one);
      }
    }
  }
  return closePinholes(mask, width, height);
}

/** Takes in what lies almost wholly inside. @param {Uint8Array} mask @param {number} width @param {number} height */
function closePinholes(mask, width, height) {
  const closed = mask.slice();
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      if (mask[at]) continue;
      let inside = 0;
      for (const other of [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1]) {
        if (mask[at + other]) inside++;
      }
      if (inside > 4) closed[at] = 255;
    }
  }
  return closed;
}

/** Which pixels belong to which region of a map of labels. */
export class Regions {
  /** @param {Uint8ClampedArray} rgba the map as a picture: label = R + 256 G + 65536 B @param {number} width */
  constructor(rgba, width) {
    this.width = width;
    this.labels = new Uint32Array(rgba.length / 4);
    let most = 0;
    for (let at = 0; at < this.labels.length; at++) {
      this.labels[at] = rgba[4 * at] + 256 * rgba[4 * at + 1] + 65536 * rgba[4 * at + 2];
      most = Math.max(most, this.labels[at]);
    }
    this.starts = new Uint32Array(most + 2); // where the pixels of a label begin in `pixels`
    for (const label of this.labels) this.starts[label + 1]++;
    for (let label = 0; label <= most; label++) this.starts[label + 1] += this.starts[label];
    this.pixels = new Uint32Array(this.labels.length);
    const next = this.starts.slice();
    for (let at = 0; at < this.labels.length; at++) this.pixels[next[this.labels[at]]++] = at;
  }

  /** @param {number} x @param {number} y */
  labelAt(x, y) {
    return this.labels[y * this.width + x];
  }

  /** @param {number} label @returns {Uint32Array} places */
  pixelsOf(label) {
    return this.pixels.subarray(this.starts[label], this.starts[label + 1]);
  }

  /** @param {Iterable<number>} labels @returns {Uint8Array} */
  maskOf(labels) {
    const mask = new Uint8Array(this.labels.length);
    for (const label of labels) for (const at of this.pixelsOf(label)) mask[at] = 255;
    return mask;
  }

  /**
   * The labels under a line from point to point.
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
   */
  labelsAlong(x0, y0, x1, y1) {
    const height = this.labels.length / this.width;
    const steps = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0)));
    const found = new Set();
    for (let step = 0; step <= steps; step++) {
      const x = Math.floor(x0 + ((x1 - x0) * step) / steps);
      const y = Math.floor(y0 + ((y1 - y0) * step) / steps);
      if (x >= 0 && y >= 0 && x < this.width && y < height) found.add(this.labelAt(x, y));
    }
    return found;
  }
}

/**
 * Places inside of a mask that border on the outside, to draw its outline.
 *
 * @param {Uint8Array} mask @param {number} width @returns {number[]}
 */
export function outlineOf(mask, width) {
  const height = mask.length / width;
  const found = [];
  for (let at = 0; at < mask.length; at++) {
    if (!mask[at]) continue;
    const x = at % width;
    const y = (at - x) / width;
    if (
      !x || !y || x === width - 1 || y === height - 1 ||
      !mask[at - 1] || !mask[at + 1] || !mask[at - width] || !mask[at + width]
    ) found.push(at);
  }
  return found;
}
