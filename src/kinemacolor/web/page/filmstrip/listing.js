/** The shots as they are listed, with what their thumbnails tell of doubt where the server knows none. */
import { arrange } from "./shot-list.js";

/** @typedef {import("./shot-list.js").Shot} Shot */
/** @typedef {import("./shot-list.js").Order} Order */

export class Listing {
  constructor() {
    /** @type {Shot[]} in order */
    this.shots = [];
    /** @type {Shot[]} as they are listed */
    this.listed = [];
    /** @type {{given: Shot[] | null, order: Order | null, version: number}} */
    this.madeOf = { given: null, order: null, version: 0 };
  }

  /**
   * Sorted by doubt, shots stay where they stand while more thumbnails come: only other shots, or another order, list
   * them anew.
   * @param {Shot[]} given @param {Order} order
   * @param {{version: number, of: (frame: number) => {doubt: number | null} | null}} thumbnails
   */
  update(given, order, thumbnails) {
    const { version } = thumbnails;
    const isOther = given !== this.madeOf.given;
    const isMore = version !== this.madeOf.version;
    if (isOther || isMore) {
      this.shots = given.map((shot) => ({ ...shot, doubt: shot.doubt ?? thumbnails.of(shot.middle)?.doubt ?? null }));
    }
    const isSorted = order === "unsure-first" && !isOther && order === this.madeOf.order;
    if (!isSorted && (isOther || isMore || order !== this.madeOf.order)) this.listed = arrange(this.shots, order);
    else if (isMore) this.listed = this.listed.map((shot) => this.shots[shot.number - 1]);
    this.madeOf = { given, order, version };
  }
}
