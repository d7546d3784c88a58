/** Colours to paint with: common ones, those that were used, any other, and those of the references. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { paintingOf } from "./paint-store.js";
import { colorOfPicture } from "./pixels.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

/** Muted, as things are on film; their lightness is the film's anyway. */
const COMMON = {
  ...{
    "Fair skin": "#c79a7f",
    Skin: "#b08a6e",
    "Dark skin": "#6b4a38",
    Lips: "#a8574a",
    Hair: "#4a3728",
    Straw: "#c9a34e",
  },
  ...{ Leaf: "#5f7a3a", Pine: "#33553f", Sky: "#7fa6c4", Water: "#4a7a86", Navy: "#2f3f6f", Violet: "#7a4f8a" },
  ...{ Brick: "#8a3b2f", Wood: "#7a5636", Sand: "#d0bd9a", Gray: "#808080" },
};
const STEP = 0.02; // of a picture, for a press of an arrow key
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

class Palette extends LitElement {
  static properties = { store: {}, picked: { state: true } };
  static styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: var(--space-2);
      }
      .now {
        display: flex;
        align-items: center;
        gap: var(--space-2);
      }
      input[type="color"] {
        flex: none;
        width: 56px;
        height: var(--control);
        padding: 0;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        background: none;
        cursor: pointer;
      }
      input[type="color"]::-webkit-color-swatch-wrapper {
        padding: 0;
      }
      input[type="color"]::-webkit-color-swatch {
        border: 0;
        border-radius: 2px;
      }
      .grid {
        display: grid;
        grid-template-columns: repeat(8, 1fr);
        gap: 4px;
      }
      .swatch {
        aspect-ratio: 1;
        min-height: 24px;
        border-radius: 2px;
        background: var(--swatch);
      }
      @media (pointer: coarse) {
        .grid .swatch {
          aspect-ratio: auto;
          min-height: 40px;
        }
      }
      .now .swatch {
        width: var(--control);
        min-height: var(--control);
        border: 1px solid var(--line-strong);
      }
      .swatch[aria-pressed="true"] {
        outline: 2px solid var(--text);
        outline-offset: 1px;
      }
      .swatch:focus-visible {
        outline: 2px solid var(--focus);
        outline-offset: 2px;
      }
      .thumbs {
        display: flex;
        gap: 4px;
        padding: 3px;
        margin: -3px;
        overflow-x: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--surface-3) transparent;
      }
      .thumbs button {
        flex: none;
        border-radius: var(--radius);
      }
      .thumbs [aria-expanded="true"] {
        outline: 2px solid var(--accent-line);
        outline-offset: 1px;
      }
      .thumbs .thumb {
        width: 56px;
        height: 40px;
      }
      .source {
        position: relative;
        overflow: hidden;
        border-radius: var(--radius);
        background: var(--room);
        cursor: crosshair;
        touch-action: none;
      }
      .source img {
        width: 100%;
        height: auto;
        max-height: 240px;
        object-fit: fill;
      }
      .cross {
        position: absolute;
        width: 18px;
        height: 18px;
        translate: -50% -50%;
        border: 1.5px solid #fff;
        outline: 1px solid rgb(0 0 0 / 70%);
        border-radius: 50%;
        background: var(--ink);
        pointer-events: none;
      }
      .source:not(:focus-visible, :hover) .cross {
        visibility: hidden;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {string | null} name of the reference that is shown large */
    this.picked = null;
    this.at = { x: 0.5, y: 0.5 };
    new StoreController(this, () => this.store && paintingOf(this.store));
    new StoreController(this, () => this.store);
  }

  get painting() {
    return paintingOf(/** @type {FilmStore} */ (this.store));
  }

  render() {
    if (!this.store) return nothing;
    const { color, otherColor, recent } = this.painting.state;
    const name = Object.entries(COMMON).find(([, code]) => code === color)?.[0];
    return html`
      <div class="now">
        <input
          type="color"
          aria-label="Any colour"
          .value=${color}
          @change=${(/** @type {Event & {target: HTMLInputElement}} */ event) =>
            this.painting.choose(event.target.value)}
        >
        <span class="grow cut">${name ?? "Colour"} <span class="faint number">${color}</span></span>
        ${this.#draw(`The colour before, ${otherColor} (X)`, otherColor, false)}
      </div>
      <div class="grid" role="group" aria-label="Common colours">
        ${Object.entries(COMMON).map(([words, code]) => this.#draw(words, code, code === color))}
      </div>
      ${recent.length
        ? html`
          <div class="grid" role="group" aria-label="Colours that were painted with">
            ${recent.map((code) => this.#draw(`Painted with before: ${code}`, code, code === color))}
          </div>
        `
        : nothing}
      <slot></slot>
      ${this.#drawReferences()}
    `;
  }

  updated() {
    for (const one of /** @type {NodeListOf<HTMLElement>} */ (this.renderRoot.querySelectorAll(".swatch"))) {
      one.style.setProperty("--swatch", one.dataset.color ?? "");
    }
  }

  /** @param {string} words @param {string} code @param {boolean} isChosen */
  #draw(words, code, isChosen) {
    return html`
      <button
        class="swatch"
        data-color=${code}
        aria-label=${words}
        title=${words}
        aria-pressed=${isChosen}
        @click=${() => this.painting.choose(code)}
      ></button>
    `;
  }

  /** Pictures to take colours from, those of the shot first. */
  #drawReferences() {
    const used = this.painting.state.base?.references ?? [];
    const all = (this.store?.state.project?.references ?? []).filter((/** @type {any} */ one) =>
      one.url && !one.is_partial
    );
    const sorted = [...all].sort((one, other) => Number(used.includes(other.name)) - Number(used.includes(one.name)));
    const shown = sorted.find((one) => one.name === this.picked);
    if (!sorted.length) return nothing;
    return html`
      <div class="label small soft">Take a colour from a reference</div>
      <div class="thumbs" role="group" aria-label="References">
        ${sorted.map((one) =>
          html`
            <button
              aria-label=${one.name}
              title=${one.name}
              aria-expanded=${one === shown}
              @click=${() => (this.picked = one === shown ? null : one.name)}
            >
              <img class="thumb" src=${one.url} alt="" loading="lazy">
            </button>
          `
        )}
      </div>
      ${shown ? this.#drawSource(shown) : nothing}
    `;
  }

  /** A picture to take colours from. @param {{name: string, url: string}} one */
  #drawSource({ name, url }) {
    return html`
      <div
        class="source"
        tabindex="0"
        role="application"
        aria-label="${name}. Arrow keys move the cross, Enter takes the colour there"
        title=${name}
        @pointermove=${this.#point}
        @pointerdown=${this.#point}
        @pointerup=${this.#take}
        @keydown=${this.#press}
      >
        <img src=${url} alt="" draggable="false">
        <span class="cross" aria-hidden="true"></span>
      </div>
    `;
  }

  /** @param {PointerEvent & {currentTarget: HTMLElement}} event */
  #point(event) {
    const box = event.currentTarget.getBoundingClientRect();
    this.#moveTo((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  /** @param {number} x @param {number} y */
  #moveTo(x, y) {
    this.at = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
    const cross = /** @type {HTMLElement} */ (this.renderRoot.querySelector(".cross"));
    [cross.style.left, cross.style.top] = [`${100 * this.at.x}%`, `${100 * this.at.y}%`];
    cross.style.setProperty("--ink", this.#color() ?? "transparent");
  }

  #color() {
    const image = /** @type {HTMLImageElement} */ (this.renderRoot.querySelector(".source img"));
    return image.naturalWidth ? colorOfPicture(image, this.at.x, this.at.y) : null;
  }

  #take() {
    const color = this.#color();
    if (!color) return;
    this.painting.choose(color);
    this.painting.tell(`The colour ${color} was taken.`);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const by = MOVES[/** @type {keyof typeof MOVES} */ (event.key)];
    if (by) this.#moveTo(this.at.x + by[0], this.at.y + by[1]);
    else if (event.key === "Enter" || event.key === " ") this.#take();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
customElements.define("kc-palette", Palette);
