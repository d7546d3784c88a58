/** The tools beside the picture, or below it in a narrow window. */
import { css, html, LitElement } from "../vendor/lit.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { canRedo, canUndo } from "./history.js";
import { paintingOf } from "./paint-store.js";
import { TOOLS } from "./tools.js";

class PaintBar extends LitElement {
  static properties = { store: {} };
  static styles = [
    shared,
    css`
      :host {
        position: absolute;
        inset-inline-start: var(--space-2);
        top: calc((100% - var(--row-height) - var(--scrub-height, 24px)) / 2);
        z-index: 2;
        translate: 0 -50%;
      }
      div {
        display: flex;
        flex-direction: column;
        gap: 2px;
        padding: 4px;
        border-radius: var(--radius);
        background: var(--surface-1);
      }
      .button {
        width: max(32px, var(--control));
        height: max(32px, var(--control));
        padding: 0;
      }
      hr {
        width: 100%;
        margin: 2px 0;
        border: 0;
        border-top: 1px solid var(--line);
      }
      @media (max-width: 720px) {
        :host {
          position: static;
          translate: none;
        }
        div {
          flex-direction: row;
          justify-content: space-between;
          gap: 0; /* seven of 44 px fit into 320 */
          padding: 2px var(--space-1);
          border-radius: 0;
        }
        .button {
          width: 44px;
          height: 44px;
        }
        hr {
          display: none;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../core/film-store.js").FilmStore | null} */
    this.store = null;
    new StoreController(this, () => this.store && paintingOf(this.store));
  }

  render() {
    if (!this.store) return;
    const painting = paintingOf(this.store);
    const { tool, history } = painting.state;
    return html`
      <div role="toolbar" aria-label="Tools" aria-orientation="vertical" @keydown=${this.#move}>
        ${TOOLS.map((one) =>
          html`
            <button
              class="button bare"
              aria-label="${one.words} (${one.key})"
              title="${one.words} (${one.key}). ${one.hint}"
              aria-pressed=${one.tool === tool}
              tabindex=${one.tool === tool ? 0 : -1}
              @click=${() => painting.take(one.tool)}
            >
              ${icon(one.icon)}
            </button>
          `
        )}
        <hr>
        ${this.#drawStep("undo", "Take a stroke back (Z)", canUndo(history), () => painting.undo())}
        ${this.#drawStep("redo", "Do it again (Shift+Z)", canRedo(history), () => painting.redo())}
      </div>
    `;
  }

  /** @param {string} name @param {string} words @param {boolean} can @param {() => void} act */
  #drawStep(name, words, can, act) {
    return html`
      <button
        class="button bare"
        aria-label=${words}
        title=${words}
        aria-disabled=${!can}
        tabindex="-1"
        @click=${() => can && act()}
      >
        ${icon(name)}
      </button>
    `;
  }

  /** Arrow keys go from tool to tool. @param {KeyboardEvent} event */
  #move(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const buttons = /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll("button")]);
    const here = buttons.indexOf(/** @type {HTMLElement} */ (this.renderRoot.activeElement));
    event.preventDefault();
    buttons[(here + step + buttons.length) % buttons.length].focus();
  }
}
customElements.define("kc-paint-bar", PaintBar);
