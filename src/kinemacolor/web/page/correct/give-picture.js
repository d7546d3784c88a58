/** Instead of strokes: a picture of the frame in colour, made elsewhere. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { Problem } from "../core/client.js";
import { icon } from "../core/icons.js";
import { readSession } from "../core/client.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { uploadFile } from "../core/uploads.js";
import { paintingOf } from "./paint-store.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

class GivePicture extends LitElement {
  static properties = { store: {}, isOpen: { state: true }, isBusy: { state: true }, suffixes: { state: true } };
  static styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: var(--space-2);
      }
      .disclose {
        padding: 0;
        border: 0;
      }
      .open svg {
        rotate: 90deg;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    this.isOpen = false;
    this.isBusy = false;
    /** @type {string[]} */
    this.suffixes = [];
    new StoreController(this, () => this.store);
  }

  render() {
    if (!this.store) return nothing;
    const { frame } = this.store.state;
    return html`
      <button class="disclose ${this.isOpen ? "open" : ""}" aria-expanded=${this.isOpen} @click=${this.#toggle}>
        ${icon("chevron-right")} Give a picture instead
      </button>
      ${this.isOpen
        ? html`
          <span class="small soft">
            Colour the frame in a program of your own, all of it or with the rest transparent, and give it here.
          </span>
          <div class="row">
            <a class="button" href="/api${this.store.path(`/frames/${frame}/picture`)}" download>
              ${icon("download")} Frame ${frame}
            </a>
            <button class="button" ?disabled=${this.isBusy} @click=${this.#choose}>${icon("upload")} Picture</button>
          </div>
          <input type="file" hidden accept=${this.suffixes.join(",")} @change=${this.#give}>
        `
        : nothing}
    `;
  }

  async #toggle() {
    this.isOpen = !this.isOpen;
    if (!this.suffixes.length) this.suffixes = (await readSession()).limits.picture_suffixes;
  }

  #choose() {
    /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("[type=file]")).click();
  }

  /** @param {Event & {target: HTMLInputElement}} event */
  async #give({ target }) {
    const [file] = target.files ?? [];
    target.value = "";
    if (!file || !this.store) return;
    this.isBusy = true;
    try {
      await paintingOf(this.store).conversation.givePicture((await uploadFile(file)).id);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!(/** @type {any} */ (error).isStopped)) this.store.notify(error.message, "problem");
    } finally {
      this.isBusy = false;
    }
  }
}
customElements.define("kc-give-picture", GivePicture);
