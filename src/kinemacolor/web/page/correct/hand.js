/**
 * What a tool does at a point of the frame: the same for pointer, finger and keys.
 *
 * Points are in pixels of the frame. What is under way can be broken off, and leaves nothing then.
 */
import { flood, packMask, smooth } from "./areas.js";
import { hexOfRgb } from "./color.js";
import { amend, operationsOf } from "./history.js";

/** @typedef {import("./paint-store.js").PaintStore} PaintStore */
/** @typedef {import("./stroke.js").Rect} Rect */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {"replace" | "add" | "remove"} Way what becomes of the regions that were painted last */

export class Hand {
  /**
   * @param {PaintStore} painting
   * @param {{paint: (rect: Rect) => void, mark: () => void}} eyes told what is to be drawn anew
   */
  constructor(painting, eyes) {
    this.painting = painting;
    this.eyes = eyes;
    /** @type {number[]} */
    this.points = [];
    /** @type {{operation: import("./history.js").Stroke, pending: any} | null} */
    this.stroke = null;
    /** @type {Set<number> | null} regions that are touched while the pointer is down */
    this.touched = null;
    /** @type {Way} */
    this.way = "replace";
    /** @type {Point | null} where the last stroke ended */
    this.last = null;
    /** @type {Uint8Array | null} smooth gray of `grayOf` */
    this.gray = null;
    /** @type {unknown} */
    this.grayOf = null;
  }

  /** Is something under way? */
  get isBusy() {
    return this.stroke !== null || this.touched !== null;
  }

  /** @param {Point} at @param {{pressure?: number, isLine?: boolean, way?: Way}} [how] */
  begin(at, { pressure = 1, isLine = false, way = "replace" } = {}) {
    const { tool } = this.painting.state;
    if (!this.painting.layer || this.painting.state.isKeeping) return;
    if (tool === "picker") this.pick(at);
    else if (tool === "fill") this.#fill(at);
    else if (tool === "regions") this.#touch(at, way);
    else this.#beginStroke(isLine ? this.last ?? at : at, pressure);
    if (isLine && this.stroke) this.move(at, pressure);
  }

  /** @param {Point} at @param {number} pressure */
  #beginStroke(at, pressure) {
    const { layer, state: { tool, color, size, hardness, strength } } = this.painting;
    /** @type {import("./history.js").Stroke} */
    const operation = { kind: "stroke", erases: tool === "eraser", color, size, hardness, strength, points: [] };
    this.points = [];
    this.stroke = { operation, pending: layer?.begin(operation) };
    this.move(at, pressure);
  }

  /** @param {Point} at @param {number} [pressure] */
  move(at, pressure = 1) {
    this.moveAlong([{ ...at, pressure }]);
  }

  /** Goes on through points; those that are too near to differ are left out. @param {(Point & {pressure: number})[]} points */
  moveAlong(points) {
    if (this.touched) return void points.forEach((at) => void this.#touchOn(at));
    if (!this.stroke) return;
    const far = Math.max(0.5, this.stroke.operation.size / 20);
    for (const { x, y, pressure } of points) {
      if (this.points.length && this.last && Math.hypot(x - this.last.x, y - this.last.y) < far) continue;
      this.points.push(round(x), round(y), round(pressure));
      this.last = { x, y };
    }
    this.eyes.paint(this.stroke.pending.extend(this.points));
  }

  end() {
    if (this.touched) return this.#endTouch();
    if (!this.stroke) return;
    const { operation, pending } = this.stroke;
    this.stroke = null;
    pending.end();
    const painted = { ...operation, points: this.points };
    this.painting.layer?.accept([...operationsOf(this.painting.state.history), painted]);
    this.painting.add(painted);
    this.painting.tell(painted.erases ? "A stroke is erased." : "A stroke is painted.");
  }

  cancel() {
    this.touched = null;
    if (this.stroke) {
      this.stroke.pending.cancel();
      this.stroke = null;
      this.last = null;
      if (this.painting.layer) this.eyes.paint(this.painting.layer.whole);
    }
    this.eyes.mark();
  }

  /** Takes the colour that is seen there. @param {Point} at */
  pick(at) {
    const found = this.painting.layer?.colorAt(...this.#pixel(at));
    if (!found) return;
    this.painting.choose(hexOfRgb(found));
    this.painting.tell(`The colour ${this.painting.state.color} was taken.`);
  }

  /** @param {Point} at @returns {[number, number]} whole, inside the frame */
  #pixel({ x, y }) {
    const { width = 1, height = 1 } = this.painting.layer ?? {};
    return [Math.min(width - 1, Math.max(0, Math.floor(x))), Math.min(height - 1, Math.max(0, Math.floor(y)))];
  }

  /** @param {Point} at */
  #fill(at) {
    const { layer, state: { color, strength, tolerance } } = this.painting;
    if (!layer) return;
    if (this.grayOf !== layer) [this.gray, this.grayOf] = [smooth(layer.gray, layer.width, layer.height), layer];
    const gray = /** @type {Uint8Array} */ (this.gray);
    const mask = flood(gray, layer.width, layer.height, ...this.#pixel(at), tolerance);
    this.painting.add({ kind: "area", color, strength, mask: packMask(mask) });
    const share = mask.reduce((count, one) => count + (one ? 1 : 0), 0) / mask.length;
    this.painting.tell(`${Math.max(1, Math.round(100 * share))} per cent of the frame are filled.`);
  }

  /** The regions under the pointer are gathered until it is lifted. @param {Point} at @param {Way} way */
  async #touch(at, way) {
    this.touched = new Set();
    [this.way, this.last] = [way, at];
    const { touched } = this;
    try {
      const regions = await this.painting.findRegions();
      touched.add(regions.labelAt(...this.#pixel(at)));
      if (touched !== this.touched && touched.size) this.#paintRegions(regions, touched, way);
      this.eyes.mark();
    } catch (error) {
      if (touched === this.touched) this.touched = null;
      if (error instanceof DOMException && error.name === "AbortError") return; // another frame is looked at
      this.painting.film.notify(error instanceof Error ? error.message : String(error), "problem");
    }
  }

  /** @param {Point} at */
  async #touchOn(at) {
    const [before, touched] = [this.last ?? at, this.touched];
    this.last = at;
    const regions = await this.painting.findRegions();
    for (const label of regions.labelsAlong(before.x, before.y, at.x, at.y)) touched?.add(label);
    this.eyes.mark();
  }

  async #endTouch() {
    const [touched, way] = [/** @type {Set<number>} */ (this.touched), this.way];
    this.touched = null;
    if (touched.size) this.#paintRegions(await this.painting.findRegions(), touched, way);
    this.eyes.mark();
  }

  /** @param {import("./areas.js").Regions} regions @param {Set<number>} touched @param {Way} way */
  #paintRegions(regions, touched, way) {
    const { painting, painting: { state: { color, strength, history, selection: before } } } = this;
    const isMore = before.size > 0 && way !== "replace";
    if (way === "remove" && !isMore) return;
    const selection = isMore ? new Set(before) : new Set();
    for (const label of touched) {
      if (way === "remove") selection.delete(label);
      else selection.add(label);
    }
    const area = /** @type {const} */ ({ kind: "area", color, strength, mask: packMask(regions.maskOf(selection)) });
    if (isMore) painting.change(amend(history, area), selection);
    else painting.add(area, selection);
    painting.tell(`${selection.size} ${selection.size === 1 ? "area is" : "areas are"} painted.`);
  }
}

/** A tenth of a pixel is enough, and short to keep. @param {number} value */
const round = (value) => Math.round(10 * value) / 10;
