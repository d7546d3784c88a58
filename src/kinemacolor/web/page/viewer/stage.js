/**
 * `<kc-stage>`: a box with a picture in it that is zoomed at the pointer and moved about.
 *
 * What is in its default slot lies in a layer of the picture's size and place, and finds there `--seen-left`, `-top`,
 * `-right` and `-bottom`: the part of the picture that is in sight, 0..1. What is in the slot `over` stays where it is.
 * Elements marked `data-grip` get their pointers for themselves.
 *
 * Events: `kc-view` when zoom or place changed, `kc-point` `{x, y, alt}` for a click into the picture (0..1).
 */
import { css, html, LitElement } from "../vendor/lit.js";
import { SizeController } from "./size-controller.js";
import { fitView, panBy, pinch, pointInPicture, resize, seenPart, zoomAt } from "./zoom.js";

/** @typedef {import("./zoom.js").Point} Point */
/** @typedef {import("./zoom.js").Size} Size */

const CLICK_PX = 4; // a pointer that moves further than this drags
const WHEEL = 0.0016; // how much a wheel's pixel zooms
const LINE_PX = 16; // of a wheel that counts in lines

export class Stage extends LitElement {
  static properties = {
    picture: { attribute: false },
    isPainting: { type: Boolean },
    isHand: { type: Boolean },
  };

  static styles = css`
    :host {
      display: block;
      position: relative;
      overflow: hidden;
      min-width: 0;
      min-height: 0;
    }
    .box {
      position: absolute;
      inset: 0;
      overflow: hidden;
      touch-action: none;
      user-select: none;
      -webkit-user-select: none;
    }
    .box.movable {
      cursor: grab;
    }
    .box.moving,
    .box.hand {
      cursor: grabbing;
    }
    .layer {
      position: absolute;
      left: 0;
      top: 0;
      transform-origin: 0 0;
    }
  `;

  constructor() {
    super();
    /** @type {Size} in its own pixels */
    this.picture = { width: 16, height: 9 };
    /** A single pointer belongs to what lies in the layer. */
    this.isPainting = false;
    /** The space bar is held: a pointer moves the picture, whatever else it would do. */
    this.isHand = false;
    /** @type {Size} */
    this.box = { width: 1, height: 1 };
    this.view = fitView(this.box, this.picture);
    /** @type {Map<number, Point>} */
    this.pointers = new Map();
    /** @type {{start: Point, moved: boolean, pans: boolean, target: EventTarget | null} | null} */
    this.drag = null;
    new SizeController(this, () => this.measure());
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.has("picture")) return;
    const before = /** @type {Size | undefined} */ (changed.get("picture"));
    const same = before && before.width === this.picture.width && before.height === this.picture.height;
    if (!same) this.show(fitView(this.box, this.picture));
  }

  firstUpdated() {
    const box = /** @type {HTMLElement} */ (this.renderRoot.querySelector(".box"));
    box.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    box.addEventListener("pointerdown", (event) => this.onDown(event), { capture: true });
    box.addEventListener("pointermove", (event) => this.onMove(event), { capture: true });
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      box.addEventListener(end, (event) => this.onEnd(event), { capture: true });
    }
    box.addEventListener("dblclick", (event) => this.onDoubleClick(event));
  }

  /** Screen pixels for each CSS pixel. */
  get density() {
    return globalThis.devicePixelRatio || 1;
  }

  /** CSS pixels for each pixel of the picture. */
  get scale() {
    return this.view.scale;
  }

  /** Of the layer, in CSS pixels. */
  get layerSize() {
    const { scale } = this.view;
    return { width: this.picture.width * scale, height: this.picture.height * scale };
  }

  fit() {
    this.show(fitView(this.box, this.picture));
  }

  /** One pixel of the picture is one pixel of the screen. @param {Point} [point] */
  showPixels(point = this.middle) {
    this.show(zoomAt(this.view, 1 / this.density, point, this.box, this.picture, this.density));
  }

  /** @param {number} factor @param {Point} [point] */
  zoomBy(factor, point = this.middle) {
    this.show(zoomAt(this.view, this.view.scale * factor, point, this.box, this.picture, this.density));
  }

  /** @param {number} x px @param {number} y px */
  panBy(x, y) {
    this.show(panBy(this.view, { x, y }, this.box, this.picture));
  }

  get middle() {
    return { x: this.box.width / 2, y: this.box.height / 2 };
  }

  measure() {
    const box = { width: Math.max(1, this.clientWidth), height: Math.max(1, this.clientHeight) };
    const view = resize(this.view, this.box, box, this.picture);
    this.box = box;
    this.show(view);
  }

  /** @param {import("./zoom.js").View} view */
  show(view) {
    this.view = view;
    this.requestUpdate();
    this.dispatchEvent(new CustomEvent("kc-view"));
  }

  /** @param {{clientX: number, clientY: number}} event @returns {Point} in the box */
  place(event) {
    const box = this.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {WheelEvent} event */
  onWheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    const [across, down] = [event.deltaX * unit, event.deltaY * unit];
    if (!event.ctrlKey && (event.shiftKey || Math.abs(across) > Math.abs(down))) {
      this.panBy(-(across || down), 0);
      return;
    }
    // Two fingers on a touchpad come as a wheel with Ctrl, in smaller steps.
    this.zoomBy(Math.exp(-down * WHEEL * (event.ctrlKey ? 6 : 1)), this.place(event));
  }

  /** @param {PointerEvent} event */
  onDown(event) {
    const isHand = this.isHand || event.button === 1;
    const isGripped = event.composedPath().some((node) => node instanceof Element && node.hasAttribute("data-grip"));
    if (isGripped && !isHand && !this.pointers.size) return;
    this.pointers.set(event.pointerId, this.place(event));
    if (this.pointers.size === 2) {
      this.takeFromLayer(event);
      return;
    }
    const isFree = !this.isPainting && event.button === 0;
    this.drag = {
      start: this.place(event),
      moved: false,
      pans: isHand || (isFree && !this.view.isFit),
      target: event.composedPath()[0] ?? null,
    };
    if (isHand) {
      event.preventDefault(); // the middle button would scroll
      event.stopPropagation();
    }
    if (isHand || !this.isPainting) this.capture(event.pointerId);
  }

  /** A second finger: what the first one had begun in the layer is given up. @param {PointerEvent} event */
  takeFromLayer(event) {
    event.stopPropagation();
    const [first] = [...this.pointers.keys()].filter((id) => id !== event.pointerId);
    const target = this.drag?.target;
    this.drag = null;
    if (this.isPainting && target) {
      target.dispatchEvent(new PointerEvent("pointercancel", { pointerId: first, bubbles: true, composed: true }));
      this.pointers.set(first, this.pointers.get(first) ?? this.place(event));
    }
    for (const id of this.pointers.keys()) this.capture(id);
  }

  /** @param {number} pointer */
  capture(pointer) {
    try {
      /** @type {HTMLElement} */ (this.renderRoot.querySelector(".box")).setPointerCapture(pointer);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // the pointer is gone already
    }
  }

  /** @param {PointerEvent} event */
  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    if (this.pointers.size === 2) {
      const from = /** @type {[Point, Point]} */ ([...this.pointers.values()]);
      this.pointers.set(event.pointerId, now);
      const to = /** @type {[Point, Point]} */ ([...this.pointers.values()]);
      this.show(pinch(this.view, from, to, this.box, this.picture, this.density));
      event.stopPropagation();
      return;
    }
    if (!this.drag) return;
    if (Math.hypot(now.x - this.drag.start.x, now.y - this.drag.start.y) > CLICK_PX) this.drag.moved = true;
    if (!this.drag.moved || !this.drag.pans) return;
    this.pointers.set(event.pointerId, now);
    this.panBy(now.x - before.x, now.y - before.y);
    event.stopPropagation();
  }

  /** @param {PointerEvent} event */
  onEnd(event) {
    // What was sent to the layer when a second finger came is for the layer alone.
    if (!event.isTrusted || !this.pointers.delete(event.pointerId)) return;
    const drag = this.drag;
    this.drag = null;
    this.requestUpdate();
    if (!drag || event.type === "pointercancel") return;
    if (drag.pans && drag.moved) event.stopPropagation();
    if (drag.moved || this.isPainting || this.isHand || event.button !== 0) return;
    const point = pointInPicture(this.view, drag.start, this.picture);
    if (point) this.dispatchEvent(new CustomEvent("kc-point", { detail: { ...point, alt: event.altKey } }));
  }

  /** @param {MouseEvent} event */
  onDoubleClick(event) {
    if (
      this.isPainting || event.composedPath().some((node) => node instanceof Element && node.hasAttribute("data-grip"))
    ) return;
    if (this.view.isFit) this.showPixels(this.place(event));
    else this.fit();
  }

  render() {
    const isMovable = !this.view.isFit && !this.isPainting;
    const isMoving = this.drag?.moved && this.drag.pans;
    const state = isMoving ? "moving" : this.isHand ? "hand" : isMovable ? "movable" : "";
    return html`
      <div class="box ${state}">
        <div class="layer"><slot></slot></div>
      </div>
      <slot name="over"></slot>
    `;
  }

  updated() {
    const layer = /** @type {HTMLElement} */ (this.renderRoot.querySelector(".layer"));
    const { x, y, scale } = this.view;
    const seen = seenPart(this.view, this.box, this.picture);
    const round = (/** @type {number} */ length) => Math.round(length * this.density) / this.density;
    layer.style.width = `${round(this.picture.width * scale)}px`;
    layer.style.height = `${round(this.picture.height * scale)}px`;
    layer.style.transform = `translate(${round(x)}px, ${round(y)}px)`;
    for (const [side, part] of Object.entries(seen)) layer.style.setProperty(`--seen-${side}`, part.toFixed(5));
    layer.style.setProperty("--rendering", scale * this.density >= 4 ? "pixelated" : "auto");
  }
}
customElements.define("kc-stage", Stage);
