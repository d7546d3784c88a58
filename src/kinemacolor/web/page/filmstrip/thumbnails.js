/**
 * Coloured thumbnails of shots, made on the server one after the other: asked for what is seen, two at a time.
 *
 * A thumbnail is known by the middle frame of its shot and by what decides its colours (`key`): when that changes, it
 * is made anew, and the old one is shown meanwhile.
 */
import { get, Problem } from "../core/client.js";

/** How many are asked for at once. */
const AT_ONCE = 2;

/** @typedef {{color: string, doubt: number | null}} Thumbnail */
/** @typedef {{frame: number, key: string}} Wish */

/**
 * What decides how a shot looks: its thumbnail is made anew when this changes.
 * @param {import("./shot-list.js").Shot} shot @param {string} rest what decides it for all shots
 */
export const thumbnailKey = (shot, rest) =>
  JSON.stringify([shot.first, shot.last, shot.middle, shot.references, shot.options, shot.state, rest]);

export class Thumbnails {
  /**
   * @param {(frame: number) => string} path of a thumbnail below `/api`
   * @param {(frame: number, thumbnail: Thumbnail) => void} changed is called when there is a new one
   */
  constructor(path, changed) {
    this.path = path;
    this.changed = changed;
    /** @type {Map<number, {key: string, thumbnail: Thumbnail | null}>} by middle frame; null: it cannot be made */
    this.made = new Map();
    /** @type {Wish[]} */
    this.wanted = [];
    /** @type {Map<string, AbortController>} by key */
    this.asked = new Map();
  }

  /** The latest thumbnail of a shot, if there is one. @param {number} frame its middle */
  of(frame) {
    return this.made.get(frame)?.thumbnail ?? null;
  }

  /** What is seen now: only this is asked for, in this order; what is no longer seen is given up. @param {Wish[]} wishes */
  want(wishes) {
    this.wanted = wishes.filter(({ frame, key }) => this.made.get(frame)?.key !== key);
    const keys = new Set(this.wanted.map(({ key }) => key));
    for (const [key, asking] of this.asked) {
      if (keys.has(key)) continue;
      asking.abort();
      this.asked.delete(key);
    }
    this.#askNext();
  }

  /** Gives everything up. */
  stop() {
    this.want([]);
  }

  #askNext() {
    for (const wish of this.wanted) {
      if (this.asked.size >= AT_ONCE) return;
      if (!this.asked.has(wish.key)) void this.#ask(wish);
    }
  }

  /** @param {Wish} wish */
  async #ask({ frame, key }) {
    const asking = new AbortController();
    this.asked.set(key, asking);
    try {
      const thumbnail = await get(this.path(frame), asking.signal);
      if (asking.signal.aborted) return;
      this.made.set(frame, { key, thumbnail });
      this.changed(frame, thumbnail);
    } catch (error) {
      if (asking.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      // One that cannot be made is not asked for again until something that decides it changes.
      if (error.status) this.made.set(frame, { key, thumbnail: this.of(frame) });
    } finally {
      if (this.asked.get(key) === asking) {
        this.asked.delete(key);
        this.wanted = this.wanted.filter((wish) => wish.key !== key);
        this.#askNext();
      }
    }
  }
}
