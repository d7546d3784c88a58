/** Shots take pictures that are dropped on them: references that are dragged over, and files from elsewhere. */
import { addPictures } from "../references/adding.js";
import { giveReference } from "../references/give.js";
import { findPull } from "./windowing.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {{name: string, x: number, y: number}} Dragged */

const PULL_SPEED = 14; // px a frame at the very edge

/** Lit controller: `numbers` are those of the shots that would take what is held over the strip. */
export class ReferenceTarget {
  /**
   * @param {import("../vendor/lit.js").LitElement} host
   * @param {() => FilmStore | null} findStore @param {() => HTMLElement | null} findList
   * @param {() => void} touched is called when the row was scrolled by what is dragged
   */
  constructor(host, findStore, findList, touched) {
    this.host = host;
    this.findStore = findStore;
    this.findList = findList;
    this.touched = touched;
    /** @type {Set<number>} */
    this.numbers = new Set();
    this.pull = 0;
    this.pulling = 0;
    this.over = (/** @type {Event} */ event) => this.#over(/** @type {CustomEvent<Dragged>} */ (event).detail);
    this.drop = (/** @type {Event} */ event) => this.#drop(/** @type {CustomEvent<Dragged>} */ (event).detail);
    this.end = () => this.#aim(null);
    this.fileOver = (/** @type {Event} */ event) => this.#fileOver(/** @type {DragEvent} */ (event));
    this.fileDrop = (/** @type {Event} */ event) => this.#fileDrop(/** @type {DragEvent} */ (event));
    host.addController(this);
  }

  hostConnected() {
    addEventListener("kc-reference-over", this.over);
    addEventListener("kc-reference-drop", this.drop);
    addEventListener("kc-reference-end", this.end);
    this.host.addEventListener("dragover", this.fileOver);
    this.host.addEventListener("dragleave", this.end);
    this.host.addEventListener("drop", this.fileDrop);
  }

  hostDisconnected() {
    removeEventListener("kc-reference-over", this.over);
    removeEventListener("kc-reference-drop", this.drop);
    removeEventListener("kc-reference-end", this.end);
    this.host.removeEventListener("dragover", this.fileOver);
    this.host.removeEventListener("dragleave", this.end);
    this.host.removeEventListener("drop", this.fileDrop);
    this.#pullOn(0);
  }

  /** The shot at a point of the window. @param {number} x @param {number} y */
  #shotAt(x, y) {
    const shot = this.host.renderRoot.elementFromPoint(x, y)?.closest("[data-shot]");
    return shot ? Number(shot.getAttribute("data-shot")) : null;
  }

  /** A shot that is chosen stands for all that are. @param {number | null} number */
  #aim(number) {
    const chosen = this.findStore()?.state.chosen ?? new Set();
    this.numbers = number === null ? new Set() : chosen.has(number) ? new Set(chosen) : new Set([number]);
    if (number === null) this.#pullOn(0);
    this.host.requestUpdate();
  }

  /** @param {{x: number, y: number}} at */
  #over({ x, y }) {
    this.#aim(this.#shotAt(x, y));
    const box = this.findList()?.getBoundingClientRect();
    const isInside = box && x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    if (!isInside) return this.#pullOn(0);
    const isVertical = this.findList()?.classList.contains("vertical");
    this.#pullOn(isVertical ? findPull(y - box.top, box.height) : findPull(x - box.left, box.width));
  }

  /** @param {number} pull -1..1 */
  #pullOn(pull) {
    this.pull = pull;
    if (!pull || this.pulling) return;
    const step = () => {
      const list = this.findList();
      this.pulling = this.pull && list ? requestAnimationFrame(step) : 0;
      if (!this.pulling || !list) return;
      this.touched();
      if (list.classList.contains("vertical")) list.scrollTop += this.pull * PULL_SPEED;
      else list.scrollLeft += this.pull * PULL_SPEED;
    };
    this.pulling = requestAnimationFrame(step);
  }

  /** @param {Dragged} dragged */
  #drop({ name, x, y }) {
    this.#aim(this.#shotAt(x, y));
    const [store, shots] = [this.findStore(), [...this.numbers]];
    this.#aim(null);
    if (store && shots.length) void giveReference(store, name, shots);
  }

  /** @param {DragEvent} event */
  #fileOver(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    this.#over({ x: event.clientX, y: event.clientY });
  }

  /** @param {DragEvent} event */
  #fileDrop(event) {
    this.#aim(this.#shotAt(event.clientX, event.clientY));
    const [store, shots, files] = [this.findStore(), [...this.numbers], [...event.dataTransfer?.files ?? []]];
    this.#aim(null);
    if (!store || !shots.length || !files.length) return;
    event.preventDefault();
    event.stopPropagation(); // the window would take them, for all shots
    void addPictures(store, files, { shots });
  }
}
