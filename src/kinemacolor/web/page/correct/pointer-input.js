/**
 * Mouse, pen and finger on the frame. One finger paints; a second one breaks that off, for two are the viewer's.
 */

/** @typedef {import("../vendor/lit.js").LitElement & {hand: import("./hand.js").Hand | null, painting: import("./paint-store.js").PaintStore | null, moveTo: (at: {x: number, y: number}) => void}} Host */

export class PointerInput {
  /** @param {Host} host */
  constructor(host) {
    this.host = host;
    /** @type {number | null} the pointer that paints */
    this.pointer = null;
    this.fingers = new Set();
    this.isTouch = false;
    this.down = this.down.bind(this);
    this.move = this.move.bind(this);
    this.up = this.up.bind(this);
    this.cancel = this.cancel.bind(this);
  }

  get isDown() {
    return this.pointer !== null;
  }

  /** Where it is, in pixels of the frame. @param {PointerEvent} event */
  #point(event) {
    const box = this.#frame().getBoundingClientRect();
    const { width = 1, height = 1 } = this.host.painting?.layer ?? {};
    return {
      x: ((event.clientX - box.left) * width) / box.width,
      y: ((event.clientY - box.top) * height) / box.height,
    };
  }

  #frame() {
    return /** @type {HTMLElement} */ (this.host.renderRoot.querySelector(".frame"));
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.isTouch = event.pointerType === "touch";
    if (this.isTouch) this.fingers.add(event.pointerId);
    if (this.fingers.size > 1) return this.#stop();
    if (event.button !== 0 || event.ctrlKey || this.pointer !== null || !this.host.hand) return;
    event.preventDefault();
    this.#frame().focus({ preventScroll: true });
    const at = this.#point(event);
    this.host.moveTo(at);
    const tool = this.host.painting?.state.tool;
    if (event.altKey && tool !== "regions") return this.host.hand.pick(at);
    this.host.hand.end(); // a line that keys had begun
    this.pointer = event.pointerId;
    this.#frame().setPointerCapture(event.pointerId);
    this.#frame().classList.add("painting");
    const way = event.altKey ? "remove" : event.shiftKey ? "add" : "replace";
    this.host.hand.begin(at, { pressure: pressureOf(event), isLine: event.shiftKey, way });
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (this.pointer !== null && event.pointerId !== this.pointer) return;
    if (this.pointer === null && event.pointerType === "touch") return;
    this.host.moveTo(this.#point(event));
    if (this.pointer === null || !this.host.hand?.isBusy) return;
    const all = event.getCoalescedEvents?.() ?? [];
    const points = (all.length ? all : [event]).map((one) => ({ ...this.#point(one), pressure: pressureOf(one) }));
    this.host.hand.moveAlong(points);
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.fingers.delete(event.pointerId);
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.#frame().classList.remove("painting");
    this.host.hand?.end();
  }

  /** @param {PointerEvent} event */
  cancel(event) {
    this.fingers.delete(event.pointerId);
    if (event.pointerId === this.pointer) this.#stop();
  }

  #stop() {
    const { pointer } = this;
    this.pointer = null;
    this.#frame().classList.remove("painting");
    if (pointer !== null && this.#frame().hasPointerCapture(pointer)) this.#frame().releasePointerCapture(pointer);
    this.host.hand?.cancel();
  }
}

/** Only pens know how hard they are pressed. @param {PointerEvent} event */
const pressureOf = (event) => event.pointerType === "pen" ? event.pressure || 0.5 : 1;
