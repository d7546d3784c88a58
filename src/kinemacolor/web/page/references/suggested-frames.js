/** `<kc-suggested-frames>`: frames that are worth colouring, for who has no picture in colour at hand. */
import { percent } from "../core/format.js";
import { icon } from "../core/icons.js";
import { get } from "../core/client.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { drawFrame, frameStyles } from "./frame-to-colour.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {{frame: number, coverage: number, shots: number[]}} Suggestion */

/** Most that are shown. */
const MOST = 6;
/** From this share of the film on, more frames are of no use. */
const ALL = 0.995;

/** @param {Suggestion[]} suggestions the most useful first */
function keepUseful(suggestions) {
  const all = suggestions.findIndex(({ coverage }) => coverage >= ALL);
  return suggestions.slice(0, all < 0 ? MOST : Math.min(MOST, all + 1));
}

class SuggestedFrames extends LitElement {
  static properties = { store: { attribute: false }, isOpen: { state: true }, suggestions: { state: true } };
  static styles = [
    shared,
    frameStyles,
    css`
      .disclose {
        padding: 0;
        border: 0;
      }
      .disclose[aria-expanded="true"] svg {
        transform: rotate(90deg);
      }
      .inside {
        display: grid;
        gap: var(--space-2);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** Whether the user opened or closed it. @type {boolean | null} */
    this.isOpen = null;
    /** @type {Suggestion[]} */
    this.suggestions = [];
    /** What was asked for last. @type {unknown} */
    this.asked = null;
    new StoreController(this, () => this.store);
  }

  /** Open by itself while there is no picture. */
  get #isShown() {
    return this.isOpen ?? !this.store?.state.project?.references?.length;
  }

  updated() {
    const shots = this.store?.state.shots;
    const what = shots && `${this.store?.state.id} ${shots.frames} ${shots.shots.length}`;
    if (!what || what === this.asked) return;
    this.asked = what;
    void this.#ask();
  }

  async #ask() {
    const store = this.store;
    const found = await store?.actions.attempt(() => get(store.path("/suggestions")));
    if (store === this.store) this.suggestions = keepUseful(found ?? []);
  }

  render() {
    const { store, suggestions } = this;
    if (!store || !suggestions.length) return nothing;
    const isShown = this.#isShown;
    return html`
      <button class="disclose" aria-expanded=${isShown} @click=${() => (this.isOpen = !isShown)}>
        ${icon("chevron-right")}No colour picture at hand? Colour a frame
      </button>
      ${isShown ? this.#drawFrames(store) : nothing}
    `;
  }

  /** @param {FilmStore} store */
  #drawFrames(store) {
    return html`
      <div class="inside">
        <p class="small soft">
          Colour one of these in any painting program, and give it back under the same name. The number: how much of the film it
          explains, with those before it.
        </p>
        <div class="frames">
          ${this.suggestions.map(({ frame, coverage }) =>
            drawFrame(store, frame, percent(coverage), `of the film, with frame ${frame} and those before it`)
          )}
        </div>
      </div>
    `;
  }
}
customElements.define("kc-suggested-frames", SuggestedFrames);
