/**
 * `<kc-divider>`: the line between gray and colour, moved by a pointer or by arrow keys. It lies in the layer of a
 * stage, and stays in the part that is in sight. Event: `kc-divide` with the place, 0..1.
 */
import { icon } from "../core/icons.js";
import { css, html, LitElement } from "../vendor/lit.js";
import { within } from "./zoom.js";

/** @type {Readonly<Record<string, number>>} */
const STEPS = { ArrowLeft: -0.01, ArrowDown: -0.01, ArrowRight: 0.01, ArrowUp: 0.01, PageDown: -0.1, PageUp: 0.1 };
const FAR = 10; // times further with Shift

export class Divider extends LitElement {
  static properties = { value: { type: Number } };

  static styles = css`
    :host {
      position: absolute;
      inset: 0;
      pointer-events: none;
      --place: calc(clamp(var(--seen-left, 0), var(--divider, 0.5), var(--seen-right, 1)) * 100%);
    }
    .line {
      position: absolute;
      top: 0;
      bottom: 0;
      left: var(--place);
      width: 2px;
      margin-left: -1px;
      background: var(--on-picture);
      box-shadow: 0 0 0 1px rgb(0 0 0 / 45%);
    }
    .grip {
      position: absolute;
      top: 0;
      bottom: 0;
      left: clamp(var(--seen-left, 0) * 100% + 16px, var(--place), var(--seen-right, 1) * 100% - 16px);
      width: 28px;
      margin-left: -14px;
      cursor: ew-resize;
      pointer-events: auto;
      touch-action: none;
      outline: none;
    }
    .knob {
      position: absolute;
      left: 50%;
      top: calc((var(--seen-top, 0) + var(--seen-bottom, 1)) * 50%);
      width: 28px;
      height: 28px;
      transform: translate(-50%, -50%);
      display: grid;
      place-items: center;
      border: 2px solid var(--on-picture);
      border-radius: var(--round);
      background: #1e1e1e;
      color: var(--on-picture);
    }
    .grip:focus-visible .knob {
      outline: 2px solid var(--on-picture);
      outline-offset: 2px;
      box-shadow: 0 0 0 6px rgb(0 0 0 / 60%);
    }
    .name {
      position: absolute;
      top: calc(var(--seen-top, 0) * 100% + var(--space-2));
      padding: 1px var(--space-2);
      border-radius: var(--radius);
      background: var(--over-picture);
      color: var(--on-picture);
      font-size: var(--text-12);
    }
    .gray {
      right: calc(100% - var(--place) + var(--space-3));
    }
    .color {
      left: calc(var(--place) + var(--space-3));
    }
    @media (pointer: coarse) {
      .grip {
        width: 44px;
        margin-left: -22px;
      }
      .knob {
        width: 40px;
        height: 40px;
      }
    }
  `;

  constructor() {
    super();
    this.value = 0.5;
    /** @type {number | null} */
    this.pointer = null;
  }

  /** @param {number} value */
  move(value) {
    this.dispatchEvent(new CustomEvent("kc-divide", { detail: within(value) }));
  }

  /** @param {PointerEvent} event */
  onDown(event) {
    if (event.button !== 0) return;
    this.pointer = event.pointerId;
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    this.follow(event);
  }

  /** @param {PointerEvent} event */
  follow(event) {
    if (this.pointer !== event.pointerId) return;
    const box = this.getBoundingClientRect();
    this.move((event.clientX - box.left) / box.width);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = STEPS[event.key];
    if (step !== undefined) this.move(this.value + step * (event.shiftKey ? FAR : 1));
    else if (event.key === "Home") this.move(0);
    else if (event.key === "End") this.move(1);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the same keys step through the film
  }

  render() {
    const gray = Math.round(this.value * 100);
    return html`
      <div class="line"></div>
      <span class="name gray" aria-hidden="true">Gray</span>
      <span class="name color" aria-hidden="true">Colour</span>
      <div
        class="grip"
        data-grip
        role="slider"
        tabindex="0"
        aria-label="Divider between gray and colour"
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${gray}
        aria-valuetext="${gray} % gray, ${100 - gray} % colour"
        @pointerdown=${this.onDown}
        @pointermove=${this.follow}
        @pointerup=${() => (this.pointer = null)}
        @pointercancel=${() => (this.pointer = null)}
        @keydown=${this.onKey}
      ><span class="knob">${icon("divider")}</span></div>
    `;
  }
}
customElements.define("kc-divider", Divider);
