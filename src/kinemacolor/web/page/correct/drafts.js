/**
 * Strokes that were not kept yet, of each frame: they outlive another frame, a reload, and a browser that was closed. Those of
 * another part of the film wait until it is taken again.
 */
import { EMPTY, operationsOf, packHistory, unpackHistory } from "./history.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {{width: number, height: number, isWhole: boolean, history: History}} Draft */
/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} Shelf */

const DAYS = 30;
const FIRST = "kinemacolor.strokes";

export class Drafts {
  /** @param {string} film @param {Shelf} shelf @param {number} [start] from where frames are counted, in seconds */
  constructor(film, shelf, start = 0) {
    this.film = film;
    this.shelf = shelf;
    this.start = start;
    this.#sweep();
  }

  /** Of a frame; without one, what the names of all begin with. @param {number | string} [frame] */
  #name(frame = "") {
    return `${FIRST}.${this.film}.${Math.round(1000 * this.start)}.${frame}`;
  }

  /** All names on the shelf that are of strokes. */
  #names() {
    return Array.from({ length: this.shelf.length }, (_, index) => this.shelf.key(index) ?? "")
      .filter((name) => name.startsWith(`${FIRST}.`));
  }

  #sweep() {
    const oldest = Date.now() - DAYS * 24 * 3600 * 1000;
    for (const name of this.#names()) {
      if (!(read(this.shelf, name)?.time > oldest)) this.shelf.removeItem(name);
    }
  }

  /** Frames with strokes that were not kept. @returns {number[]} */
  frames() {
    const first = this.#name();
    return this.#names().filter((name) => name.startsWith(first) && read(this.shelf, name)?.count > 0)
      .map((name) => Number(name.slice(first.length)))
      .sort((one, other) => one - other);
  }

  /** The frame that was painted on last and not kept; null: none. */
  latest() {
    const time = (/** @type {number} */ frame) => read(this.shelf, this.#name(frame))?.time ?? 0;
    return this.frames().sort((one, other) => time(other) - time(one))[0] ?? null;
  }

  /** @param {number} frame @param {Draft} draft @returns {boolean} false where there is no room for it */
  save(frame, { width, height, isWhole, history }) {
    if (history === EMPTY) return this.drop(frame);
    try {
      const count = operationsOf(history).length;
      const text = JSON.stringify({ time: Date.now(), count, width, height, isWhole, history: packHistory(history) });
      this.shelf.setItem(this.#name(frame), text);
      return true;
    } catch {
      return false;
    }
  }

  /** Only strokes on a frame of this size are given. @param {number} frame @param {number} width @param {number} height @returns {Draft | null} */
  load(frame, width, height) {
    const kept = read(this.shelf, this.#name(frame));
    if (kept?.width !== width || kept.height !== height) return null;
    try {
      return { width, height, isWhole: kept.isWhole === true, history: unpackHistory(kept.history) };
    } catch {
      return null;
    }
  }

  /** @param {number} frame */
  drop(frame) {
    this.shelf.removeItem(this.#name(frame));
    return true;
  }
}

/** @param {Shelf} shelf @param {string} name */
function read(shelf, name) {
  try {
    return JSON.parse(shelf.getItem(name) ?? "null");
  } catch {
    return null;
  }
}
