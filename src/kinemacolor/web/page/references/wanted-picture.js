/** `<kc-wanted-picture>`: what helps a shot that no picture fits well, the best advice first. */
import { describeFault } from "../core/faults.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { addPictures, pickFiles } from "./adding.js";
import { drawFrame, frameStyles } from "./frame-to-colour.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("../filmstrip/shot-list.js").Shot} Shot */

class WantedPicture extends LitElement {
  static properties = { store: { attribute: false }, shot: { attribute: false }, isAlone: { attribute: false } };
  static styles = [
    shared,
    frameStyles,
    css`
      .wanted {
        display: grid;
        gap: var(--space-2);
      }
      .wanted > .button {
        background: var(--surface-3);
      }
      h3 {
        font-weight: var(--weight-strong);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {Shot | null} */
    this.shot = null;
    /** Whether it offers to add another picture, too. */
    this.isAlone = true;
    new StoreController(this, () => this.store);
  }

  async #addOwn() {
    const [store, shot] = [this.store, this.shot];
    const files = await pickFiles();
    if (store && shot && files.length) void addPictures(store, files, { shots: [shot.number] });
  }

  render() {
    const { store, shot } = this;
    if (!store || !shot) return nothing;
    const isOne = shot.first === shot.last;
    return html`
      <div class="card wanted">
        <div>
          <h3>Shot ${shot.number} wants a picture</h3>
          ${shot.needs_look
            ? html`<p class="small soft" title=${shot.reason ?? nothing}>${describeFault(shot.fault, shot.reason)}.</p>`
            : nothing}
        </div>
        <div class="frames">
          ${drawFrame(store, shot.first, isOne ? "Frame" : "First")}
          ${isOne ? nothing : drawFrame(store, shot.last, "Last")}
        </div>
        <p class="small soft">
          ${isOne
            ? "Colour its frame, and give it back under the same name."
            : "Best: colour its first and last frame, and give them back under the same names. A second true picture, at the other end of a shot, helps more than any setting."}
        </p>
        ${this.isAlone ? html`<button class="button" @click=${this.#addOwn}>A picture of your own…</button>` : nothing}
      </div>
    `;
  }
}
customElements.define("kc-wanted-picture", WantedPicture);
