/** The column beside the frame that is painted on: colours, brush, strokes, and what becomes of them. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { column, filled, shared } from "../core/styles.js";
import { operationsOf } from "./history.js";
import { paintingOf } from "./paint-store.js";
import "./palette.js";
import { describeSpread } from "./spread.js";
import { LARGEST } from "./tools.js";
import "./give-picture.js";
import "./where-next.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./history.js").Operation} Operation */
/** @typedef {"paint" | "spread" | "strokes"} Tab what a narrow window shows */

const TABS = /** @type {const} */ ([["paint", "Paint"], ["spread", "Spread"], ["strokes", "Strokes"]]);
const MOST_LISTED = 30;

class CorrectTools extends LitElement {
  static properties = { store: {}, tab: { state: true } };
  static styles = [
    shared,
    column,
    css`
      :host {
        height: 100%;
        background: var(--surface-1);
      }
      .foot {
        display: flex;
        flex-direction: column;
        gap: var(--space-2);
        flex: none;
        padding: var(--space-3);
        border-top: 1px solid var(--line);
      }
      .foot .button,
      .more .button {
        flex: 1;
        padding-inline: var(--space-1);
      }
      .strokes {
        margin: 0 calc(-1 * var(--space-3));
        max-height: 240px;
        overflow: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--surface-3) transparent;
      }
      .strokes .item {
        padding-block: 2px;
      }
      .swatch {
        flex: none;
        width: 20px;
        height: 20px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--swatch);
      }
      .sliders {
        display: flex;
        flex-direction: column;
      }
      .slider {
        display: grid;
        grid-template-columns: 64px 1fr 44px;
        align-items: center;
        gap: var(--space-2);
        min-height: var(--control);
      }
      .slider .value {
        text-align: end;
      }
      .check {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        min-height: var(--control);
      }
      kc-spread-row {
        --picture-height: 96px;
        height: 128px;
        margin: 0 calc(-1 * var(--space-3));
      }
      .section.tight {
        gap: var(--space-2);
      }
      @media (max-width: 720px) {
        .section:not(.shown) {
          display: none !important;
        }
        .section {
          border-top: 0;
        }
        .foot {
          padding-block: var(--space-2);
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {Tab} */
    this.tab = "paint";
    new StoreController(this, () => this.store);
    new StoreController(this, () => this.store && paintingOf(this.store));
  }

  get painting() {
    return paintingOf(/** @type {FilmStore} */ (this.store));
  }

  render() {
    if (!this.store) return nothing;
    const { frame, history } = this.painting.state;
    const shot = this.store.shotNumber();
    /** @param {Tab} tab */
    const section = (tab) => `section ${this.tab === tab ? "shown" : ""}`;
    return html`
      <div class="head">
        <h2 class="desk">Correct</h2>
        <div class="segments narrow" role="group" aria-label="Correct">
          ${TABS.map(([tab, words]) =>
            html`
              <button class="segment" aria-pressed=${this.tab ===
                tab} @click=${() => (this.tab = tab)}>${words}</button>
            `
          )}
        </div>
        <span class="grow"></span>
        <span class="soft small number cut">${shot === null ? "" : `shot ${shot}, `}frame ${frame ??
          this.store.state.frame}</span>
      </div>
      <div class="scroll">
        <div class="${section("strokes")} tight">
          <kc-where-next .store=${this.store}></kc-where-next>
        </div>
        <div class=${section("paint")}>
          <kc-palette .store=${this.store}>
            <div class="sliders">
              <span class="small soft">Light and shade stay the film's own.</span>
              ${this.#drawSliders()}
            </div>
          </kc-palette>
        </div>
        <div class="${section("spread")} tight narrow">${this.#drawSpread()}</div>
        <div class="${section("strokes")} tight">${this.#drawStrokes(operationsOf(history))}</div>
        <div class="${section("strokes")} tight">
          <kc-give-picture .store=${this.store}></kc-give-picture>
        </div>
      </div>
      ${this.#drawFoot()}
    `;
  }

  updated() {
    for (const one of /** @type {NodeListOf<HTMLElement>} */ (this.renderRoot.querySelectorAll(".swatch"))) {
      one.style.setProperty("--swatch", one.dataset.color ?? "");
    }
  }

  #drawSliders() {
    const { tool, size, hardness, strength, tolerance, base } = this.painting.state;
    const isArea = tool === "fill" || tool === "regions";
    const most = Math.round((base?.width ?? 300) * LARGEST);
    const percent = (/** @type {number} */ share) => Math.round(100 * share);
    return html`
      ${isArea
        ? nothing
        : this.#drawSlider("Size", "[ and ]", size, 2, most, `${size} px`, (value) => ({ size: value }))}
      ${isArea ? nothing : this.#drawSlider(
        ...["Softness", "{ and }", percent(1 - hardness), 0, 100, `${percent(1 - hardness)} %`],
        (value) => ({ hardness: 1 - value / 100 }),
      )}
      ${tool === "fill"
        ? this.#drawSlider("Tolerance", "", tolerance, 1, 60, `${tolerance}`, (value) => ({ tolerance: value }))
        : nothing}
      ${this.#drawSlider(
        ...["Strength", "1 to 9, 0", percent(strength), 5, 100, `${percent(strength)} %`],
        (value) => ({ strength: value / 100 }),
      )}
    `;
  }

  /**
   * @param {string} words @param {string} keys @param {number} value @param {number} min @param {number} max @param {string} shown
   * @param {(value: number) => Partial<import("./paint-store.js").PaintState>} change
   */
  #drawSlider(words, keys, value, min, max, shown, change) {
    /** @param {Event & {target: HTMLInputElement}} event */
    const slide = (event) => this.painting.set(change(Number(event.target.value)));
    return html`
      <label class="slider" title=${keys ? `Keys: ${keys}` : ""}>
        <span>${words}</span>
        <input type="range" min=${min} max=${max} .value=${String(value)} .style=${filled(
          value,
          min,
          max,
        )} @input=${slide}>
        <span class="value">${shown}</span>
      </label>
    `;
  }

  #drawSpread() {
    const { kind, words, more } = describeSpread(this.painting.state);
    return html`
      <div class="row"><span class="chip ${kind}">${words}</span></div>
      ${this.painting.state.spread.status === "working" ? html`<progress aria-label="Colouring"></progress>` : nothing}
      <span class="small soft">${more}</span>
      <kc-spread-row .store=${this.store} .both=${true}></kc-spread-row>
      <div class="row more">${this.#drawMore(operationsOf(this.painting.state.history).length > 0)}</div>
    `;
  }

  /** @param {readonly Operation[]} operations */
  #drawStrokes(operations) {
    const { painting } = this;
    const others = painting.state.drafts.filter((frame) => frame !== painting.state.frame);
    const listed = operations.map((operation, index) => ({ operation, index })).slice(-MOST_LISTED).reverse();
    return html`
      <div class="label">Strokes<span class="value">${operations.length}</span></div>
      <label class="check">
        <input
          type="checkbox"
          .checked=${painting.state.isWhole}
          @change=${(/** @type {Event & {target: HTMLInputElement}} */ event) =>
            painting.setWhole(event.target.checked)}
        >
        All other colours of this frame are right, too
      </label>
      ${operations.length
        ? nothing
        : html`<span class="small soft">Paint what is wrong with the colour that it should have.</span>`}
      <ul class="strokes" ?hidden=${!operations.length}>
        ${listed.map(({ operation, index }) => this.#drawStroke(operation, index))}
      </ul>
      ${others.length
        ? html`
          <div class="row small soft">
            <span>Also not kept yet:</span>
            ${others.slice(0, 4).map((frame) =>
              html`
                <button class="button" @click=${() => this.store?.actions.showFrame(frame)}>frame ${frame}</button>
              `
            )}
          </div>
        `
        : nothing}
    `;
  }

  /** @param {Operation} operation @param {number} index */
  #drawStroke(operation, index) {
    const isEraser = operation.kind === "stroke" && operation.erases;
    const words = operation.kind === "area" ? "Area" : isEraser ? "Eraser" : "Brush";
    return html`
      <li class="item">
        ${isEraser
          ? html`<span class="swatch" data-color="transparent"></span>`
          : html`<span class="swatch" data-color=${operation.color}></span>`}
        <span class="grow cut">${words} <span class="faint number">${Math.round(
          100 * operation.strength,
        )} %</span></span>
        <button
          class="button bare"
          aria-label="Take away stroke ${index + 1}, ${words.toLowerCase()}"
          title="Take away"
          @click=${() => this.painting.drop(index)}
        >
          ${icon("trash")}
        </button>
      </li>
    `;
  }

  /** @param {boolean} has strokes that can be kept */
  #drawMore(has) {
    const { conversation } = this.painting;
    return html`
      <button class="button" ?disabled=${!has} @click=${() => void conversation.ask()}>Show the spread</button>
      <button
        class="button"
        title="Keep, and render what changes"
        ?disabled=${!has}
        @click=${() => void conversation.keep(true)}
      >
        Keep and render
      </button>
    `;
  }

  #drawFoot() {
    const { conversation, state: { history, isKeeping } } = this.painting;
    const has = operationsOf(history).length > 0 && !isKeeping;
    return html`
      <div class="foot">
        <div class="row desk">${this.#drawMore(has)}</div>
        <div class="row">
          <button
            class="button"
            title="Take all strokes of this frame away"
            ?disabled=${!has}
            @click=${() => this.painting.clear()}
          >
            Discard
          </button>
          <button
            class="button primary"
            title="It becomes a reference of the shot"
            ?disabled=${!has}
            @click=${() => void conversation.keep()}
          >
            ${isKeeping ? "Keeping …" : "Keep"}
          </button>
        </div>
      </div>
    `;
  }
}
customElements.define("kc-correct-tools", CorrectTools);
