/**
 * How strokes spread over other frames of the shot, each before and after. `<kc-spread>` stands in the filmstrip's place
 * and can show the filmstrip, its child, instead; `<kc-spread-row>` is the frames alone.
 */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { count } from "../core/format.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { column, shared } from "../core/styles.js";
import { operationsOf } from "./history.js";
import { paintingOf } from "./paint-store.js";
import { drawFrameOf } from "./pixels.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./paint-store.js").PaintState} PaintState */

const PROMISE = "Nothing is rendered yet: this is how the strokes spread.";

/** @param {PaintState} state @returns {{kind: string, words: string, more: string}} */
export function describeSpread({ spread, history }) {
  const { status, asked, frames, problem } = spread;
  const strokes = operationsOf(history).length;
  const painted = strokes === 1 ? "1 stroke" : `${strokes} strokes`;
  if (status === "shown") return { kind: "good", words: `${painted} on ${frames.length + 1} frames`, more: PROMISE };
  if (status === "working") return { kind: "on", words: `Colouring ${count(asked.length, "frame")}`, more: "" };
  if (status === "waiting") return { kind: "", words: painted, more: "Shown on other frames when you pause." };
  if (status === "failed") return { kind: "bad", words: "Not shown", more: problem ?? "" };
  if (strokes) return { kind: "", words: painted, more: "There is no other frame to show them on." };
  return { kind: "", words: "No strokes", more: "Paint, and see here how it spreads over the shot." };
}

class SpreadRow extends LitElement {
  static properties = { store: {}, both: { type: Boolean } };
  static styles = [
    shared,
    column,
    css`
      ul {
        display: flex;
        flex: 1;
        gap: var(--space-2);
        min-height: 0;
        padding: 2px var(--space-3) var(--space-2);
        overflow: auto hidden;
        scrollbar-width: thin;
        scrollbar-color: var(--surface-3) transparent;
      }
      li {
        flex: 0 1 auto;
        align-self: center;
        min-width: 120px;
      }
      .one {
        display: block;
        width: 100%;
        border-radius: var(--radius);
        background: var(--surface-2);
        overflow: hidden;
        text-align: start;
      }
      button.one:hover {
        background: var(--surface-3);
      }
      .here {
        outline: 2px solid var(--accent-line);
      }
      @media (max-width: 720px) {
        li {
          min-width: 240px;
        }
      }
      .pictures {
        display: flex;
        align-items: flex-start;
        gap: 1px;
      }
      .pictures > * {
        flex: 0 1 auto;
        min-width: 0;
        width: calc(var(--picture-height, calc(var(--strip-height) - 76px)) * var(--aspect, 1.78));
        aspect-ratio: var(--aspect, 1.78);
        background: var(--room);
        object-fit: cover;
      }
      .stale {
        opacity: 0.5;
      }
      .caption {
        display: flex;
        justify-content: space-between;
        gap: var(--space-2);
        padding: 3px 6px 4px;
        font-size: var(--text-12);
        color: var(--text-soft);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    this.both = false;
    new StoreController(this, () => this.store && paintingOf(this.store));
  }

  render() {
    if (!this.store) return nothing;
    const { spread, base, frame: here } = paintingOf(this.store).state;
    if (base) this.style.setProperty("--aspect", String(base.width / base.height));
    const isStale = spread.status === "waiting" || spread.status === "working";
    const frames = spread.frames.length
      ? spread.frames
      : spread.asked.map((frame) => ({ frame, before: null, after: null }));
    const after = frames.filter(({ frame }) => frame > (here ?? -1));
    const before = frames.filter((one) => !after.includes(one));
    return html`
      <ul aria-label="How the strokes spread" aria-busy=${spread.status === "working"}>
        ${before.map((one) => this.#draw(one, isStale))} ${base && here !== null ? this.#drawHere(here) : nothing}
        ${after.map((one) => this.#draw(one, isStale))}
      </ul>
    `;
  }

  updated() {
    const painting = this.store && paintingOf(this.store);
    if (!painting?.layer) return;
    const drawn = String(painting.state.drawn);
    for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (this.renderRoot.querySelectorAll("canvas"))) {
      if (canvas.dataset.drawn === drawn) continue;
      canvas.dataset.drawn = drawn;
      drawFrameOf(canvas, painting.layer, canvas.dataset.with === "strokes");
    }
  }

  /** The frame that is painted on, from the painter: what the others are held against. @param {number} frame */
  #drawHere(frame) {
    return html`
      <li aria-current="true">
        <div class="one here">
          <span class="pictures">
            ${this.both
              ? html`<canvas data-with="nothing" role="img" aria-label="Frame ${frame} before"></canvas>`
              : nothing}
            <canvas data-with="strokes" role="img" aria-label="Frame ${frame} painted"></canvas>
          </span>
          <span class="caption number"><span>frame ${frame}</span><span>here</span></span>
        </div>
      </li>
    `;
  }

  /** @param {{frame: number, before: string | null, after: string | null}} one @param {boolean} isStale */
  #draw({ frame, before, after }, isStale) {
    const film = /** @type {FilmStore} */ (this.store);
    const away = frame - (paintingOf(film).state.frame ?? 0);
    /** @param {string | null} url @param {string} words */
    const picture = (url, words) => url ? html`<img src=${url} alt=${words}>` : html`<span class="empty"></span>`;
    return html`
      <li>
        <button class="one" title="Paint on frame ${frame}, too" @click=${() => film.actions.showFrame(frame)}>
          <span class="pictures ${isStale ? "stale" : ""}">
            ${this.both ? picture(before, `Frame ${frame} before`) : nothing}
            ${picture(after, `Frame ${frame} after`)}
          </span>
          <span class="caption number">
            <span>frame ${frame}</span><span>${away > 0 ? "+" : "−"}${Math.abs(away)}</span>
          </span>
        </button>
      </li>
    `;
  }
}
customElements.define("kc-spread-row", SpreadRow);

class Spread extends LitElement {
  static properties = { store: {}, shown: { state: true }, both: { state: true } };
  static styles = [
    shared,
    column,
    css`
      :host {
        height: 100%;
        background: var(--surface-1);
      }
      .bar {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        flex: none;
        min-height: 40px;
        padding: 0 var(--space-3);
      }
      kc-spread-row,
      ::slotted(*) {
        flex: 1;
        min-height: 0;
      }
      progress {
        width: 96px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {"spread" | "shots" | null} what was chosen; null: whatever there is */
    this.shown = null;
    this.both = !matchMedia("(max-width: 1180px)").matches;
    new StoreController(this, () => this.store && paintingOf(this.store));
  }

  render() {
    if (!this.store) return nothing;
    const { state } = paintingOf(this.store);
    const shown = this.shown ?? (state.spread.status === "none" ? "shots" : "spread");
    const { kind, words, more } = describeSpread(state);
    /** @param {"spread" | "shots"} name @param {string} label */
    const segment = (name, label) =>
      html`
        <button class="segment" aria-pressed=${shown === name} @click=${() => (this.shown = name)}>${label}</button>
      `;
    return html`
      <div class="bar">
        <div class="segments" role="group" aria-label="Below the picture">
          ${segment("spread", "Spread")} ${segment("shots", "Shots")}
        </div>
        <span class="chip ${kind}">${kind === "good"
          ? icon("check")
          : kind === "bad"
          ? icon("warn")
          : nothing} ${words}</span>
        ${state.spread.status === "working" ? html`<progress aria-label="Colouring"></progress>` : nothing}
        <span class="small soft cut grow">${more}</span>
        ${shown === "spread"
          ? html`
            <button class="button bare" aria-pressed=${this.both} @click=${() => (this.both = !this.both)}>
              ${icon("divider")} <span class="wide-only">Before and after</span>
            </button>
          `
          : nothing}
      </div>
      ${shown === "spread"
        ? html`<kc-spread-row .store=${this.store} .both=${this.both}></kc-spread-row>`
        : html`<slot @slotchange=${this.#bare}></slot>`}
    `;
  }

  /** The filmstrip's own bar has no room below this one. @param {Event & {target: HTMLSlotElement}} event */
  #bare({ target }) {
    for (const one of target.assignedElements()) one.toggleAttribute("bare", true);
  }
}
customElements.define("kc-spread", Spread);
