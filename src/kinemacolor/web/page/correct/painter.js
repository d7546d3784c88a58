/**
 * The frame that is painted on: its picture, what is painted over it, and the brush. Stands in the viewer's zoomed layer.
 *
 * `.store`: the open film's. `.size`: of its box in CSS pixels, before the zoom; `.scale`: the zoom.
 */
import { html, LitElement, nothing } from "../vendor/lit.js";
import { StoreController } from "../core/store.js";
import { Shortcuts } from "../core/keys.js";
import { shared } from "../core/styles.js";
import { maskByDoubt } from "../viewer/doubt.js";
import { outlineOf } from "./areas.js";
import { hexOfRgb } from "./color.js";
import { Hand } from "./hand.js";
import "./paint-bar.js";
import { paintingOf } from "./paint-store.js";
import { painterStyles } from "./painter-styles.js";
import { readPixels } from "./pixels.js";
import { PointerInput } from "./pointer-input.js";
import { makeShortcuts } from "./tools.js";

/** @typedef {import("./paint-store.js").PaintStore} PaintStore */
/** @typedef {import("./stroke.js").Rect} Rect */

const NAME = "The frame, to paint on. Arrow keys move the brush, space paints, Shift and arrow keys paint a line";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Painter extends LitElement {
  static properties = { store: {}, size: {}, scale: {} };
  static styles = [shared, painterStyles];

  constructor() {
    super();
    /** @type {import("../core/film-store.js").FilmStore | null} */
    this.store = null;
    this.size = { width: 0, height: 0 };
    this.scale = 1;
    /** @type {PaintStore | null} */
    this.painting = null;
    /** @type {Hand | null} */
    this.hand = null;
    this.at = { x: 0, y: 0 }; // the brush, in pixels of the frame
    this.drawn = -1;
    /** @type {unknown} */
    this.layer = null;
    /** @type {number | null} region under the brush */
    this.hovered = null;
    this.input = new PointerInput(this);
    /** @type {string | null} the picture of confidence that is drawn */
    this.doubt = null;
    new StoreController(this, () => this.painting);
    new StoreController(this, () => this.store);
    new Shortcuts(this, "Correct", [
      ...makeShortcuts(() => this.painting),
      {
        keys: ["Escape"],
        words: "Break a stroke off, select nothing",
        act: () => this.#escape(),
        when: () => this.#canEscape,
      },
    ]);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.has("store") || !this.store) return;
    const painting = this.painting = paintingOf(this.store);
    this.hand = new Hand(painting, { paint: (rect) => this.#paint(rect), mark: () => this.#mark() });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hand?.cancel();
  }

  get #canEscape() {
    return Boolean(this.hand?.isBusy || this.painting?.state.selection.size);
  }

  #escape() {
    this.hand?.cancel();
    this.painting?.set({ selection: new Set() });
  }

  render() {
    const state = this.painting?.state;
    const base = state?.base;
    const mode = this.store?.state.mode ?? "color";
    return html`
      <div
        class="frame"
        tabindex="0"
        role="application"
        aria-label=${NAME}
        aria-busy=${!base}
        @pointerdown=${this.input.down}
        @pointermove=${this.input.move}
        @pointerup=${this.input.up}
        @pointercancel=${this.input.cancel}
        @lostpointercapture=${this.input.up}
        @keydown=${this.#press}
        @keyup=${this.#lift}
        @blur=${() => this.hand?.end()}
        @contextmenu=${(/** @type {Event} */ event) => this.input.isTouch && event.preventDefault()}
      >
        ${base ? html`<img src=${base.picture} alt="" draggable="false">` : nothing}
        <div class="doubt" ?hidden=${mode !== "doubt"}></div>
        <canvas class="paint" width=${base?.width ?? 1} height=${base?.height ?? 1}>
        </canvas>
        <canvas class="marks" width=${base?.width ?? 1} height=${base?.height ?? 1}></canvas>
        <span class="ring" aria-hidden="true"></span>
        ${state?.problem ? html`<p class="word">${state.problem}</p>` : nothing}
      </div>
      <p class="unseen" role="status">${state?.said ?? ""}</p>
    `;
  }

  updated() {
    const { painting } = this;
    if (!painting) return;
    const { state, layer } = painting;
    if (layer !== this.layer) {
      this.hand?.cancel();
      this.layer = layer;
      if (layer && !(this.at.x || this.at.y)) this.at = { x: layer.width / 2, y: layer.height / 2 };
      this.hovered = null;
    }
    if (layer && state.drawn !== this.drawn && !this.hand?.isBusy) {
      this.drawn = state.drawn;
      this.#paint(layer.whole);
    }
    this.#mark();
    this.showRing();
    void this.#drawDoubt();
  }

  /** Where the model is unsure, as the viewer shows it, below what is painted. */
  async #drawDoubt() {
    const { look, mode } = this.store?.state ?? {};
    const wanted = look && mode === "doubt" && look.frame === this.painting?.state.frame ? look.confidence : null;
    if (!wanted || wanted === this.doubt) return;
    this.doubt = wanted;
    const image = await readPixels(wanted).catch(() => null);
    if (!image || wanted !== this.doubt) return;
    maskByDoubt(/** @type {HTMLElement} */ (this.renderRoot.querySelector(".doubt")), image);
  }

  /** @param {string} name */
  #pen(name) {
    const canvas = /** @type {HTMLCanvasElement} */ (this.renderRoot.querySelector(`canvas.${name}`));
    return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** Draws a part of what is painted. @param {Rect} rect */
  #paint(rect) {
    const layer = this.painting?.layer;
    if (!layer || rect.right <= rect.left || rect.bottom <= rect.top) return;
    const image = new ImageData(rect.right - rect.left, rect.bottom - rect.top);
    layer.draw(rect, image.data, false);
    this.#pen("paint").putImageData(image, rect.left, rect.top);
  }

  /** Outlines of the regions that are under the brush, touched, or selected. */
  async #mark() {
    const { painting, hand } = this;
    if (!painting?.layer || !this.isConnected) return;
    const pen = this.#pen("marks");
    const { tool, selection } = painting.state;
    const hovered = tool === "regions" ? this.hovered : null;
    const touched = hand?.touched ?? new Set();
    pen.clearRect(0, 0, painting.layer.width, painting.layer.height);
    if (!touched.size && hovered === null && !selection.size) return;
    const regions = await painting.findRegions().catch(() => null);
    if (!regions) return;
    /** @type {[Iterable<number>, string][]} */
    const outlines = [[selection, "rgb(255 255 255 / 60%)"], [touched, painting.state.color]];
    if (hovered !== null) outlines.push([[hovered], "#fff"]);
    for (const [labels, color] of outlines) {
      pen.fillStyle = color;
      for (const at of outlineOf(regions.maskOf(labels), regions.width)) {
        pen.fillRect(at % regions.width, Math.floor(at / regions.width), 1, 1);
      }
    }
  }

  /** The brush is at a point of the frame. @param {{x: number, y: number}} at */
  moveTo(at) {
    const { width = 1, height = 1 } = this.painting?.layer ?? {};
    this.at = { x: Math.min(width, Math.max(0, at.x)), y: Math.min(height, Math.max(0, at.y)) };
    this.showRing();
    if (this.painting?.state.tool === "regions") void this.#hover();
  }

  async #hover() {
    const { painting, at } = this;
    if (!painting?.layer) return;
    const { width, height } = painting.layer;
    const regions = await painting.findRegions().catch(() => null);
    const label = regions?.labelAt(Math.min(width - 1, Math.floor(at.x)), Math.min(height - 1, Math.floor(at.y)));
    if (label === undefined || label === this.hovered) return;
    this.hovered = label;
    void this.#mark();
  }

  /** As large as the brush, where it is; a dot of the colour for other tools. */
  showRing() {
    const ring = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".ring"));
    const { painting } = this;
    if (!ring || !painting?.layer) return;
    const { width, height } = painting.layer;
    const { tool, size, color } = painting.state;
    const isBrush = tool === "brush" || tool === "eraser";
    const pixel = 1 / (this.scale || 1); // of the screen
    ring.classList.toggle("dot", !isBrush);
    const picked = tool === "picker" ? painting.layer.colorAt(...this.#pixel()) : null;
    ring.style.setProperty("--ink", picked ? hexOfRgb(picked) : color);
    ring.style.setProperty("--line-size", `${1.5 * pixel}px`);
    ring.style.left = `${(100 * this.at.x) / width}%`;
    ring.style.top = `${(100 * this.at.y) / height}%`;
    ring.style.width = isBrush ? `${(100 * size) / width}%` : `${(picked ? 22 : 12) * pixel}px`;
    ring.style.aspectRatio = "1";
  }

  /** @returns {[number, number]} */
  #pixel() {
    const { width = 1, height = 1 } = this.painting?.layer ?? {};
    return [Math.min(width - 1, Math.floor(this.at.x)), Math.min(height - 1, Math.floor(this.at.y))];
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { hand, painting } = this;
    if (!hand || !painting?.layer || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
    const { tool } = painting.state;
    if (by) this.#moveBy(by, event.shiftKey && (tool === "brush" || tool === "eraser"));
    else if (event.key === " " || event.key === "Enter" || event.key === "Delete" || event.key === "Backspace") {
      const isAway = event.key === "Delete" || event.key === "Backspace";
      if (isAway && tool !== "regions") return;
      if (!event.repeat) {
        hand.begin(this.at, { way: isAway ? "remove" : event.shiftKey ? "add" : "replace" });
        hand.end();
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number[]} by @param {boolean} paints */
  #moveBy([x, y], paints) {
    const { hand, painting } = this;
    if (!hand || !painting?.layer) return;
    const { width, height } = painting.layer;
    const isBrush = ["brush", "eraser"].includes(painting.state.tool);
    const far = Math.max(1, isBrush ? painting.state.size / 2 : width / 50);
    if (paints && !hand.isBusy) hand.begin(this.at);
    if (!paints && hand.isBusy) hand.end();
    this.moveTo({ x: this.at.x + x * far, y: this.at.y + y * far });
    if (paints) hand.move(this.at);
    else {painting.tell(
        `${Math.round((100 * this.at.x) / width)} per cent across, ${Math.round((100 * this.at.y) / height)} down.`,
      );}
  }

  /** @param {KeyboardEvent} event */
  #lift(event) {
    if (event.key === "Shift" && !this.input.isDown) this.hand?.end();
  }
}
customElements.define("kc-painter", Painter);
