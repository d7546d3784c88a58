/**
 * `<kc-timeline>`: the whole film as a line, with its cuts, its unsure shots, and where one is. Drag along it; further
 * away from it the drag is finer, so that each frame can be met in a long film, too.
 *
 * Events: `kc-scrub` with a frame while it is dragged, `kc-seek` with a frame at the end, `kc-step-shot` with 1 or -1.
 */
import { shared } from "../core/styles.js";
import { wantsLook } from "../filmstrip/shot-list.js";
import { css, html, LitElement, nothing, svg } from "../vendor/lit.js";
import { SizeController } from "./size-controller.js";
import { dragFrame } from "./film-time.js";
import { cutPath, shotPath } from "./timeline-marks.js";

class Timeline extends LitElement {
  static properties = {
    frame: { type: Number },
    frames: { type: Number },
    rate: { type: Number },
    shots: { attribute: false },
    clip: { attribute: false },
    words: { attribute: false },
    width: { state: true },
    hover: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        position: relative;
        height: var(--scrub-height, 24px);
        padding: 0 var(--space-3);
        background: var(--surface-1);
      }
      .track {
        position: relative;
        height: 100%;
        cursor: pointer;
        touch-action: none;
      }
      svg {
        position: absolute;
        left: 0;
        right: 0;
        top: 50%;
        width: 100%;
        height: 6px;
        margin-top: -3px;
        border-radius: 3px;
        overflow: hidden;
      }
      .ground {
        fill: var(--surface-3);
      }
      .here {
        fill: var(--text-off);
      }
      .unsure {
        fill: var(--doubt);
      }
      .cuts {
        stroke: var(--surface-1);
        stroke-width: 2px;
        vector-effect: non-scaling-stroke;
      }
      .clip {
        fill: var(--text-soft);
      }
      .playhead {
        position: absolute;
        top: 3px;
        bottom: 3px;
        width: 2px;
        margin-left: -1px;
        border-radius: 1px;
        background: var(--accent-line);
        box-shadow: 0 0 0 1px var(--surface-1);
        pointer-events: none;
      }
      .bubble {
        position: absolute;
        bottom: calc(100% + 4px);
        transform: translateX(-50%);
        padding: 1px var(--space-2);
        border-radius: var(--radius);
        background: var(--over-picture);
        color: var(--on-picture);
        font-size: var(--text-12);
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
        pointer-events: none;
        z-index: 2;
      }
      @media (pointer: coarse) {
        :host {
          height: 44px;
        }
        .playhead {
          top: 10px;
          bottom: 10px;
          width: 4px;
          margin-left: -2px;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.frame = 0;
    this.frames = 1;
    this.rate = 24;
    /** @type {any[]} */
    this.shots = [];
    /** @type {{first: number, frames: number} | null} the part that was tried */
    this.clip = null;
    /** @type {(frame: number) => string} a place, in words */
    this.words = String;
    this.width = 1;
    /** @type {number | null} frame below the pointer */
    this.hover = null;
    /** @type {{pointer: number, x: number, frame: number} | null} */
    this.drag = null;
    new SizeController(this, () => (this.width = Math.max(1, this.track?.clientWidth ?? 1)));
  }

  get track() {
    return /** @type {HTMLElement | null} */ (this.renderRoot?.querySelector(".track"));
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!["shots", "frames", "width"].some((name) => changed.has(name))) return;
    this.cuts = cutPath(this.shots, this.frames, this.width);
    this.unsure = shotPath(this.shots.filter(wantsLook), this.frames, this.width);
  }

  /** @param {string} name @param {number} detail */
  send(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {PointerEvent} event */
  frameBelow(event) {
    const box = /** @type {HTMLElement} */ (this.track).getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return Math.min(this.frames - 1, Math.floor(part * this.frames));
  }

  /** @param {PointerEvent} event */
  onDown(event) {
    if (event.button !== 0) return;
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    this.drag = { pointer: event.pointerId, x: event.clientX, frame: this.frameBelow(event) };
    this.send("kc-scrub", this.drag.frame);
  }

  /** @param {PointerEvent} event */
  onMove(event) {
    const { drag } = this;
    if (!drag) {
      this.hover = event.pointerType === "mouse" ? this.frameBelow(event) : null;
      return;
    }
    if (drag.pointer !== event.pointerId) return;
    const box = /** @type {HTMLElement} */ (this.track).getBoundingClientRect();
    const away = Math.max(box.top - event.clientY, event.clientY - box.bottom, 0);
    const before = Math.round(drag.frame);
    drag.frame = dragFrame(drag.frame, event.clientX - drag.x, away, box.width, this.frames);
    drag.x = event.clientX;
    this.hover = Math.round(drag.frame);
    if (this.hover !== before) this.send("kc-scrub", this.hover);
  }

  /** @param {PointerEvent} event */
  onEnd(event) {
    if (this.drag?.pointer !== event.pointerId) return;
    const frame = Math.round(this.drag.frame);
    this.drag = null;
    this.hover = null;
    this.send("kc-seek", frame);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const far = event.shiftKey ? 10 : 1;
    const second = Math.max(1, Math.round(this.rate));
    /** @type {Record<string, number>} */
    const steps = {
      ArrowLeft: -far,
      ArrowRight: far,
      PageDown: -second,
      PageUp: second,
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    if (step !== undefined) this.send("kc-seek", Math.min(this.frames - 1, Math.max(0, this.frame + step)));
    else if (event.key === "ArrowUp") this.send("kc-step-shot", -1);
    else if (event.key === "ArrowDown") this.send("kc-step-shot", 1);
    else return;
    event.preventDefault();
  }

  render() {
    const last = Math.max(0, this.frames - 1);
    const shot = this.shots.find(({ first, last }) => first <= this.frame && this.frame <= last);
    return html`
      <div
        class="track"
        role="slider"
        tabindex="0"
        aria-label="Frame of the film"
        aria-valuemin="0"
        aria-valuemax=${last}
        aria-valuenow=${this.frame}
        aria-valuetext=${this.words(this.frame)}
        @pointerdown=${this.onDown}
        @pointermove=${this.onMove}
        @pointerup=${this.onEnd}
        @pointercancel=${this.onEnd}
        @pointerleave=${() => (this.hover = null)}
        @keydown=${this.onKey}
      >
        <svg viewBox="0 0 1 6" preserveAspectRatio="none" aria-hidden="true">
          <rect class="ground" width="1" height="6"></rect>
          ${shot ? svg`<path class="here" d=${shotPath([shot], this.frames, this.width)}></path>` : nothing}
          <path class="cuts" d=${this.cuts ?? ""}></path>
          <path class="unsure" d=${this.unsure ?? ""}></path>
          ${this.clip ? svg`<path class="clip" d=${clipPath(this.clip, this.frames, this.width)}></path>` : nothing}
        </svg>
        <span class="playhead"></span>
        ${this.hover === null
          ? nothing
          : html`<span class="bubble" aria-hidden="true">${this.words(this.hover)}</span>`}
      </div>
    `;
  }

  updated() {
    const place = (/** @type {number} */ frame) => `${((frame + 0.5) / Math.max(1, this.frames)) * 100}%`;
    const head = /** @type {HTMLElement} */ (this.renderRoot.querySelector(".playhead"));
    head.style.left = place(this.frame);
    const bubble = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".bubble"));
    if (!bubble || this.hover === null) return;
    const half = bubble.offsetWidth / 2;
    const at = ((this.hover + 0.5) / Math.max(1, this.frames)) * this.width;
    bubble.style.left = `${Math.min(this.width - half, Math.max(half, at))}px`;
  }
}
customElements.define("kc-timeline", Timeline);

/** A thin line at the bottom of the track. @param {{first: number, frames: number}} clip @param {number} frames @param {number} width */
const clipPath = ({ first, frames: count }, frames, width) =>
  shotPath([{ first, last: first + count - 1 }], frames, width, 4.5);
