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
        gap: var(--space-2);
      }
      .offer {
        width: 100%;
      }
      .grow .button {
        width: 100%;
      }
      .row > .button {
        flex: 1;
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
    const { conversation, state: { offer } } = paintingOf(this.store);
    const list = conversation.listUnsure();
    const shot = this.store.shot();
    return html`
      ${offer ? this.#drawOffer(offer) : nothing} ${shot && shot.last > shot.first ? this.#drawEnds(shot) : nothing}
      <div class="label">Frames that want a look<span class="value">${list.length}</span></div>
      ${list.length
        ? html`
          <div class="row">
            <button class="button" title="The one before (Shift+N)" @click=${() => conversation.goTo(-1)}>Back</button>
            <button class="button" title="The next one (N)" @click=${() => conversation.goTo(1)}>Next</button>
          </div>
          ${this.#drawReason(list)}
        `
        : html`<span class="small soft">None that is known. A report, after rendering, finds them.</span>`}
    `;
  }

  /** Why the shown shot is on the list. @param {import("./unsure.js").Unsure[]} list */
  #drawReason(list) {
    const here = list.findIndex((one) => one.shot === this.store?.shotNumber());
    if (here < 0) return nothing;
    return html`<span class="small soft">${here + 1} of ${list.length}${
      list[here].reason ? `: ${list[here].reason}` : ""
    }</span>`;
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
        <button class="button" ?disabled=${frame === to} @click=${() =>
          this.store?.actions.showFrame(to)}>${words}</button>
      `;
    return html`
      <div class="label">Best corrected at an end of the shot</div>
      <div class="row">${end(first, "First frame")} ${end(last, "Last frame")}</div>
    `;
  }
}
customElements.define("kc-where-next", WhereNext);
