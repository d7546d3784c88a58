/**
 * What is painted on a frame, pixel by pixel, and what becomes of it: as it is shown and as it is sent.
 *
 * Painted are a and b, each pixel as much as it is covered. A pixel that is covered in part (by a soft edge, by less
 * strength) lies between the frame's present colour and the painted one; and as the server knows pixels that are painted
 * and pixels that are not, it is painted with just that colour. Covered less than `LEAST_COVERAGE`, it is not painted,
 * neither on the screen nor in what is sent.
 */
import { unpackMask } from "./areas.js";
import { abOfRgb, lumaOf, putAbShownAs, putColorAtLuma, rgbOfHex, showAtLuma } from "./color.js";
import { coverPiece, dabOf, NOTHING, unite } from "./stroke.js";

/** @typedef {import("./stroke.js").Rect} Rect */
/** @typedef {import("./history.js").Operation} Operation */

export const LEAST_COVERAGE = 1 / 16;
const OPAQUE = 128; // alpha from which the server counts a pixel as painted
const EACH = 8; // operations from one kept state to the next
const MOST_KEPT = 4;

export class PaintLayer {
  /** @param {number} width @param {number} height @param {Uint8ClampedArray} picture the frame's present colours, RGBA */
  constructor(width, height, picture) {
    this.width = width;
    this.height = height;
    this.picture = picture;
    const pixels = width * height;
    this.gray = Uint8Array.from(
      { length: pixels },
      (_, at) => Math.round(lumaOf(picture[4 * at], picture[4 * at + 1], picture[4 * at + 2])),
    );
    this.painted = new Float32Array(3 * pixels); // a and b times coverage, and coverage 0..1
    this.mask = new Uint8Array(pixels);
    /** a and b of the frame, once they are needed. */
    this.present = new Float32Array(2 * pixels).fill(NaN);
    /** @type {readonly Operation[]} */
    this.operations = [];
    /** @type {{operations: readonly Operation[], painted: Float32Array}[]} states to go on from */
    this.kept = [];
    this.color = new Float64Array(3);
    this.whole = { left: 0, top: 0, right: width, bottom: height };
  }

  /** Paints so that just these operations count. @param {readonly Operation[]} operations */
  replay(operations) {
    if (!startsWith(operations, this.operations)) {
      this.kept = this.kept.filter((one) => startsWith(operations, one.operations));
      const last = this.kept.at(-1);
      if (last) this.painted.set(last.painted);
      else this.painted.fill(0);
      this.operations = last?.operations ?? [];
    }
    for (let count = this.operations.length; count < operations.length; count++) {
      this.apply(operations[count]);
      this.accept(operations.slice(0, count + 1));
    }
  }

  /** What is painted is the outcome of these. @param {readonly Operation[]} operations */
  accept(operations) {
    this.operations = operations;
    if (!operations.length || operations.length % EACH) return;
    this.kept = [...this.kept.slice(1 - MOST_KEPT), { operations, painted: this.painted.slice() }];
  }

  /** @param {Operation} operation */
  apply(operation) {
    const stroke = this.begin(operation);
    if (operation.kind === "area") {
      unpackMask(operation.mask, this.mask);
      stroke.blend(this.whole);
    } else stroke.extend(operation.points);
    stroke.end();
  }

  /** @param {Operation} operation one that is painted bit by bit, or at once */
  begin(operation) {
    return new Pending(this, operation);
  }

  /**
   * Puts pixels of a part of the layer into a picture of that part.
   *
   * @param {Rect} rect @param {Uint8ClampedArray} out RGBA, opaque or transparent @param {boolean} isSent as the server
   * is to have it, or as the film will show it
   */
  draw(rect, out, isSent) {
    let to = 0;
    for (let y = rect.top; y < rect.bottom; y++) {
      for (let at = y * this.width + rect.left; at < y * this.width + rect.right; at++, to += 4) {
        const covered = this.painted[3 * at + 2];
        out[to + 3] = covered < LEAST_COVERAGE ? 0 : 255;
        if (covered < LEAST_COVERAGE) continue;
        this.mix(at, covered);
        if (!isSent) showAtLuma(this.gray[at], this.color);
        for (let index = 0; index < 3; index++) out[to + index] = Math.round(255 * this.color[index]);
      }
    }
  }

  /** The colour of a pixel into `color`, at its lightness. @param {number} at @param {number} covered */
  mix(at, covered) {
    let [a, b] = [this.painted[3 * at], this.painted[3 * at + 1]];
    if (covered < 1) {
      if (Number.isNaN(this.present[2 * at])) {
        putAbShownAs(this.picture[4 * at], this.picture[4 * at + 1], this.picture[4 * at + 2], this.color);
        this.present[2 * at] = this.color[0];
        this.present[2 * at + 1] = this.color[1];
      }
      a += (1 - covered) * this.present[2 * at];
      b += (1 - covered) * this.present[2 * at + 1];
    }
    putColorAtLuma(this.gray[at], a, b, this.color);
  }

  /** What is seen at a place, 0..255. @param {number} x @param {number} y */
  colorAt(x, y) {
    const out = new Uint8ClampedArray(4);
    this.draw({ left: x, top: y, right: x + 1, bottom: y + 1 }, out, false);
    const at = 4 * (y * this.width + x);
    return out[3] ? out.subarray(0, 3) : this.picture.subarray(at, at + 3);
  }

  /** Share of the frame that is painted, 0..1. */
  share() {
    let count = 0;
    for (let at = 2; at < this.painted.length; at += 3) if (this.painted[at] >= LEAST_COVERAGE) count++;
    return count / (this.width * this.height);
  }
}

/**
 * What was painted on a frame before and is kept, but perhaps not rendered yet, is laid into its picture.
 *
 * @param {Uint8ClampedArray} picture RGBA @param {Uint8ClampedArray} strokes RGBA of the same size
 */
export function layKeptStrokes(picture, strokes) {
  const color = new Float64Array(3);
  for (let at = 0; at < picture.length; at += 4) {
    if (strokes[at + 3] < OPAQUE) continue;
    const [a, b] = abOfRgb(strokes.subarray(at, at + 3));
    const luma = Math.round(lumaOf(picture[at], picture[at + 1], picture[at + 2]));
    putColorAtLuma(luma, a, b, color);
    showAtLuma(luma, color);
    for (let index = 0; index < 3; index++) picture[at + index] = Math.round(255 * color[index]);
  }
}

/** An operation that is being painted: where it reaches grows, what was below stays known. */
class Pending {
  /** @param {PaintLayer} layer @param {Operation} operation */
  constructor(layer, operation) {
    this.layer = layer;
    this.operation = operation;
    this.below = layer.painted.slice();
    this.ab = abOfRgb(rgbOfHex(operation.color));
    this.points = 0;
    this.reach = operation.kind === "area" ? layer.whole : NOTHING;
  }

  /** Paints on along a stroke's points, of which more have come; gives where. @param {readonly number[]} points @returns {Rect} */
  extend(points) {
    const { layer, operation } = this;
    if (operation.kind !== "stroke") throw new Error("only a stroke grows");
    let rect = NOTHING;
    for (; 3 * this.points < points.length; this.points++) {
      const to = dabOf(points, operation.size, this.points);
      const from = this.points ? dabOf(points, operation.size, this.points - 1) : to;
      rect = unite(rect, coverPiece(layer.mask, layer.width, layer.height, from, to, operation.hardness));
    }
    this.reach = unite(this.reach, rect);
    this.blend(rect);
    return rect;
  }

  /** Lays the colour over what was below, as much as the mask says. @param {Rect} rect */
  blend(rect) {
    const { layer: { mask, painted, width }, below, ab: [a, b], operation } = this;
    const erases = operation.kind === "stroke" && operation.erases;
    for (let y = rect.top; y < rect.bottom; y++) {
      for (let at = y * width + rect.left; at < y * width + rect.right; at++) {
        if (!mask[at]) continue;
        const share = (mask[at] / 255) * operation.strength;
        const [rest, laid] = [1 - share, erases ? 0 : share];
        painted[3 * at] = below[3 * at] * rest + a * laid;
        painted[3 * at + 1] = below[3 * at + 1] * rest + b * laid;
        painted[3 * at + 2] = below[3 * at + 2] * rest + laid;
      }
    }
  }

  /** The mask is free for the next one. */
  end() {
    const { layer: { mask, width }, reach } = this;
    for (let y = reach.top; y < reach.bottom; y++) mask.fill(0, y * width + reach.left, y * width + reach.right);
  }

  /** As if it had not been begun. */
  cancel() {
    this.layer.painted.set(this.below);
    this.end();
  }
}

/** @param {readonly unknown[]} whole @param {readonly unknown[]} start */
const startsWith = (whole, start) =>
  start.length <= whole.length && start.every((operation, index) => operation === whole[index]);
