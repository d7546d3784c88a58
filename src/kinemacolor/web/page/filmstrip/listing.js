/** The shots as they are listed. */
import { arrange } from "./shot-list.js";

/** @typedef {import("./shot-list.js").Shot} Shot */
/** @typedef {import("./shot-list.js").Order} Order */

export class Listing {
  constructor() {
    /** @type {Shot[]} in order */
    this.shots = [];
    /** @type {Shot[]} as they are listed */
    this.listed = [];
    /** @type {{given: unknown, order: Order | null}} */
    this.madeOf = { given: null, order: null };
  }

  /**
   * Sorted by doubt, shots stay where they stand while thumbnails tell of it: only other shots, or another order, list them
   * anew.
   * @param {unknown} given what the server gave: another one, other shots
   * @param {Shot[]} shots the same, with the doubt of thumbnails @param {Order} order
   */
  update(given, shots, order) {
    const isSorted = order === "unsure-first" && given === this.madeOf.given && order === this.madeOf.order;
    if (shots !== this.shots || order !== this.madeOf.order) {
      this.listed = isSorted ? this.listed.map((shot) => shots[shot.number - 1]) : arrange(shots, order);
    }
    this.shots = shots;
    this.madeOf = { given, order };
  }
}
