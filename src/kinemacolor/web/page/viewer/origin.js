/**
 * `<kc-origin>`: over the frame, the point of which is asked where its colour comes from. With the keyboard: arrow keys
 * move the cross, Enter asks. Events: `kc-ask` `{x, y}` (0..1), `kc-leave`.
 */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { within } from "./zoom.js";

/** @type {Readonly<Record<string, [number, number]>>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 0.01;
const FAR = 10;

class Origin extends LitElement {
  static properties = {
    point: { attribute: false },
    isPicking: { type: Boolean },
    cross: { state: true },
  };

  static styles = css`
    :host,
    .field {
      position: absolute;
      inset: 0;
      pointer-events: none;
    }
    .field:focus {
      outline: none;
    }
    .field:focus-visible {
      outline: 2px solid var(--on-picture);
      outline-offset: -2px;
    }
    span {
      position: absolute;
      width: 24px;
      height: 24px;
      transform: translate(-50%, -50%);
    }
    .ring {
      border: 2px solid #fff;
      border-radius: var(--round);
      box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000;
    }
    .cross {
      background:
        linear-gradient(#fff, #fff) center / 100% 2px no-repeat,
        linear-gradient(#fff, #fff) center / 2px 100% no-repeat;
      filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 1px #000);
    }
    .field:not(:focus-visible) .cross {
      display: none;
    }
  `;

  constructor() {
    super();
    /** @type {{x: number, y: number} | null} */
    this.point = null;
    this.isPicking = false;
    this.cross = { x: 0.5, y: 0.5 };
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("point") && this.point) this.cross = this.point;
  }

  /** The keyboard can begin here. */
  async take() {
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".field"))?.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const by = ARROWS[event.key];
    if (by) {
      const far = STEP * (event.shiftKey ? FAR : 1);
      this.cross = { x: within(this.cross.x + by[0] * far), y: within(this.cross.y + by[1] * far) };
    } else if (event.key === "Enter") this.dispatchEvent(new CustomEvent("kc-ask", { detail: this.cross }));
    else if (event.key === "Escape") this.dispatchEvent(new CustomEvent("kc-leave"));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  render() {
    const place = `${Math.round(this.cross.x * 100)} % across, ${Math.round(this.cross.y * 100)} % down`;
    return html`
      ${this.isPicking
        ? html`
          <div
            class="field"
            role="application"
            tabindex="0"
            aria-label="Where does this colour come from? Arrow keys move the cross, Enter asks, Escape leaves. The cross is ${place}."
            @keydown=${this.onKey}
          ><span class="cross"></span></div>
        `
        : nothing}
      ${this.point ? html`<span class="ring"></span>` : nothing}
    `;
  }

  updated() {
    for (const [name, at] of /** @type {const} */ ([["cross", this.cross], ["ring", this.point]])) {
      const mark = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(`.${name}`));
      if (mark && at) [mark.style.left, mark.style.top] = [`${at.x * 100}%`, `${at.y * 100}%`];
    }
  }
}
customElements.define("kc-origin", Origin);
