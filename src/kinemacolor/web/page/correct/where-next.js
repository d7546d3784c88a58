/** Where to go on: the shot's ends, and the frames that want a look. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { paintingOf } from "./paint-store.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

class WhereNext extends LitElement {
  static properties = { store: {} };
  static styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: var(--space-1);
      }
      .offer {
        width: 100%;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    new StoreController(this, () => this.store);
    new StoreController(this, () => this.store && paintingOf(this.store));
  }

  render() {
    if (!this.store) return nothing;
    const { conversation, state: { offer, place } } = paintingOf(this.store);
    const list = conversation.listUnsure();
    const shot = this.store.shot();
    return html`
      ${place ? this.#drawPlace(place) : nothing} ${list.length ? this.#drawList(list) : nothing}
      ${offer ? this.#drawOffer(offer) : nothing} ${shot && shot.last > shot.first ? this.#drawEnds(shot) : nothing}
    `;
  }

  /** Where this frame is unsure, and whether that is shown on it. @param {string} place */
  #drawPlace(place) {
    const isShown = this.store?.state.mode === "doubt";
    return html`
      <div class="row">
        <span class="doubt">${icon("doubt")}</span>
        <span class="grow">Unsure ${place}</span>
        <button
          class="button bare"
          aria-pressed=${isShown}
          @click=${() => this.store?.actions.showMode(isShown ? "color" : "doubt")}
        >
          Show
        </button>
      </div>
    `;
  }

  /** From frame to frame that wants a look. @param {import("./unsure.js").Unsure[]} list */
  #drawList(list) {
    const { conversation } = paintingOf(/** @type {FilmStore} */ (this.store));
    const here = list.findIndex((one) => one.shot === this.store?.shotNumber());
    /** @param {-1 | 1} step @param {string} words @param {string} name */
    const go = (step, words, name) =>
      html`
        <button class="button bare" aria-label=${words} title=${words} @click=${() => conversation.goTo(step)}>
          ${icon(name)}
        </button>
      `;
    return html`
      <div class="row">
        <span class="grow number cut" title=${list[here]?.reason ?? ""}>
          ${here < 0
            ? `${list.length === 1 ? "1 shot wants" : `${list.length} shots want`} a look`
            : `${here + 1} of ${list.length} that want a look`}
        </span>
        ${go(-1, "The one before (Shift+N)", "step-back")} ${go(1, "The next one (N)", "step-forward")}
      </div>
    `;
  }

  /** @param {{shot: number, frame: number, place: string | null}} offer */
  #drawOffer({ shot, frame, place }) {
    return html`
      <button class="offer button" @click=${() => this.store?.actions.showFrame(frame)}>
        Next: shot ${shot}${place ? `, unsure ${place}` : ""} ${icon("chevron-right")}
      </button>
    `;
  }

  /** A true picture at an end of the shot helps most. @param {{first: number, last: number}} shot */
  #drawEnds({ first, last }) {
    const frame = this.store?.state.frame;
    /** @param {number} to @param {string} words */
    const end = (to, words) =>
      html`
        <button class="button" aria-label="${words} frame of the shot" ?disabled=${frame === to}
          @click=${() => this.store?.actions.showFrame(to)}>${words}</button>
      `;
    return html`
      <div class="row ends">
        <span class="grow small soft" title="A second true picture at the end of a shot helps more than any other.">
          Best at an end:
        </span>
        ${end(first, "First")} ${end(last, "Last")}
      </div>
    `;
  }
}
customElements.define("kc-where-next", WhereNext);
