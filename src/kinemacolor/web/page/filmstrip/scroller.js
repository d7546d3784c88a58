/**
 * Where the row of shots stands: how large its items are, which of them are seen, and what brings one into view.
 * A Lit controller; it draws its host anew when other items are seen.
 */
import { findLayout, findWindow, scrollToItem } from "./windowing.js";

const REST = 120; // ms without scrolling after which the row counts as at rest
const HANDS_OFF = 1500; // ms after the user scrolled, in which the row does not move by itself
const OWN = 600; // ms that a smooth scroll of ours takes at most
const LINE = 32; // px of a wheel that counts lines
const NARROW = matchMedia("(max-width: 720px)");
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * @typedef {object} Row
 * @property {() => HTMLElement | null} list the element that scrolls
 * @property {() => number} count of its items
 * @property {() => number} aspect width by height of a frame
 * @property {() => void} rested is called when what is seen has been the same for a moment
 * @property {() => void} resized is called when items have another size
 */

export class Scroller {
  /** @param {import("../vendor/lit.js").LitElement} host @param {Row} row */
  constructor(host, row) {
    this.host = host;
    this.row = row;
    this.layout = { isVertical: NARROW.matches, pitch: 140, extent: 0 };
    this.at = 0;
    /** What is drawn. */
    this.drawn = { first: 0, end: 0 };
    this.lastTouched = -HANDS_OFF;
    this.ownUntil = 0;
    this.resting = 0;
    /** @type {HTMLElement | null} */
    this.watched = null;
    this.sizes = new ResizeObserver(() => this.#measure());
    this.remeasure = () => this.#measure();
    this.turn = (/** @type {WheelEvent} */ event) => this.#turn(event);
    this.scroll = () => this.#scroll();
    this.touch = () => void (this.lastTouched = performance.now());
    host.addController(this);
  }

  hostConnected() {
    NARROW.addEventListener("change", this.remeasure);
  }

  hostDisconnected() {
    NARROW.removeEventListener("change", this.remeasure);
    clearTimeout(this.resting);
    this.#watch(null);
  }

  hostUpdated() {
    const list = this.row.list();
    if (list !== this.watched) this.#watch(list);
    this.#rest();
  }

  /** Whether the row may move by itself. */
  get isFree() {
    return performance.now() - this.lastTouched > HANDS_OFF;
  }

  /** The items that are drawn, or, with `spare` 0, those that are seen. @param {number} [spare] */
  findSeen(spare) {
    const { pitch, extent } = this.layout;
    return findWindow({ scroll: this.at, extent, pitch, count: this.row.count(), spare });
  }

  /** Decides what is drawn now. */
  look() {
    this.drawn = this.findSeen();
  }

  /** Brings an item into view. @param {number} index @param {ScrollBehavior} [behavior] */
  reveal(index, behavior = "smooth") {
    const list = this.row.list();
    if (!list || index < 0) return;
    const { pitch, extent, isVertical } = this.layout;
    const at = scrollToItem({ index, scroll: this.at, extent, pitch, count: this.row.count() });
    if (at === this.at) return;
    this.ownUntil = performance.now() + OWN;
    const isFar = Math.abs(at - this.at) > 3 * extent;
    list.scrollTo({ [isVertical ? "top" : "left"]: at, behavior: isFar || CALM.matches ? "instant" : behavior });
  }

  /** @param {HTMLElement | null} list */
  #watch(list) {
    this.sizes.disconnect();
    this.watched?.removeEventListener("wheel", this.turn);
    this.watched?.removeEventListener("scroll", this.scroll);
    this.watched?.removeEventListener("pointerdown", this.touch);
    this.watched = list;
    this.at = 0;
    if (!list) return;
    this.sizes.observe(list);
    list.addEventListener("wheel", this.turn, { passive: false });
    list.addEventListener("scroll", this.scroll, { passive: true });
    list.addEventListener("pointerdown", this.touch);
    this.#measure();
  }

  #measure() {
    const list = this.watched;
    if (!list?.clientHeight) return;
    const { clientWidth: width, clientHeight: height } = list;
    const before = this.layout;
    this.layout = findLayout({ width, height, isVertical: NARROW.matches, aspect: this.row.aspect() });
    const { pitch, extent, isVertical } = this.layout;
    const isOther = pitch !== before.pitch || isVertical !== before.isVertical;
    if (!isOther && extent === before.extent) return;
    this.host.requestUpdate();
    if (isOther) void this.host.updateComplete.then(() => this.row.resized());
  }

  #scroll() {
    if (!this.watched) return;
    this.at = this.layout.isVertical ? this.watched.scrollTop : this.watched.scrollLeft;
    if (performance.now() > this.ownUntil) this.touch();
    const { first, end } = this.findSeen();
    if (first !== this.drawn.first || end !== this.drawn.end) this.host.requestUpdate();
    else this.#rest();
  }

  #rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.row.rested(), REST);
  }

  /** A wheel that turns only one way scrolls the row, too. @param {WheelEvent} event */
  #turn(event) {
    this.touch();
    const { deltaX, deltaY, deltaMode, ctrlKey } = event;
    if (!this.watched || this.layout.isVertical || ctrlKey || Math.abs(deltaX) > Math.abs(deltaY)) return;
    event.preventDefault();
    this.watched.scrollLeft += deltaMode === WheelEvent.DOM_DELTA_PIXEL ? deltaY : deltaY * LINE;
  }
}
