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
   * Shots stay where they stand while thumbnails tell of their doubt: only other shots, or another order, list them anew.
   * @param {unknown} given what the server gave: another one, other shots
   * @param {Shot[]} shots the same, with the doubt of thumbnails @param {Order} order
   */
  update(given, shots, order) {
    if (given !== this.madeOf.given || order !== this.madeOf.order) this.listed = arrange(shots, order);
    else if (shots !== this.shots) this.listed = this.listed.map((shot) => shots[shot.number - 1]);
    this.shots = shots;
    this.madeOf = { given, order };
  }
}
