/**
 * `<kc-reference-pane>`: the pictures that give a shot its colours, beside the frame: one of them large. A press on the
 * large one makes the pane wider. In it a ring stands where a colour was found. Events: `kc-wider`, `kc-close`.
 */
import { icon } from "../core/icons.js";
import { column, shared } from "../core/styles.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";

class ReferencePane extends LitElement {
  static properties = {
    references: { attribute: false },
    found: { attribute: false },
    isWide: { type: Boolean },
    chosen: { state: true },
  };

  static styles = [
    shared,
    column,
    css`
      :host {
        min-width: 0;
        background: var(--surface-0);
        overflow: hidden;
      }
      header {
        display: flex;
        align-items: center;
        gap: var(--space-1);
        padding: var(--space-1) var(--space-1) 0 var(--space-3);
      }
      header .cut {
        flex: 1;
        min-width: 0;
        font-size: var(--text-12);
        color: var(--text-soft);
      }
      .large {
        flex: 1;
        min-height: 0;
        display: grid;
        place-items: center;
        padding: var(--space-2);
        container-type: size;
      }
      .large button {
        position: relative;
        padding: 0;
        border: 0;
        min-height: 0;
        cursor: zoom-in;
        max-width: 100%;
        max-height: 100%;
      }
      :host([wide]) .large button {
        cursor: zoom-out;
      }
      .large img {
        max-width: 100cqw;
        max-height: 100cqh;
        width: auto;
        height: auto;
      }
      .ring {
        position: absolute;
        width: 28px;
        height: 28px;
        transform: translate(-50%, -50%);
        border: 3px solid #fff;
        border-radius: var(--round);
        box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000;
      }
      ul {
        display: flex;
        gap: var(--space-1);
        padding: 2px var(--space-2) var(--space-2);
        overflow-x: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--surface-3) transparent;
        flex: none;
      }
      li button {
        padding: 0;
        min-height: 44px;
        border: 2px solid transparent;
        overflow: hidden;
      }
      li button[aria-pressed="true"] {
        border-color: var(--accent-line);
      }
      li img {
        height: 44px;
        width: auto;
        min-width: 44px;
        object-fit: cover;
      }
      .empty {
        padding: var(--space-3);
        color: var(--text-soft);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {{name: string, url: string}[]} of the shot */
    this.references = [];
    /** Where a colour was found. @type {{reference: string, row: number, column: number} | null} */
    this.found = null;
    this.isWide = false;
    /** @type {string | null} name */
    this.chosen = null;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("found") && this.found) this.chosen = this.found.reference;
    if (!this.references.some(({ name }) => name === this.chosen)) this.chosen = this.references[0]?.name ?? null;
    this.toggleAttribute("wide", this.isWide);
  }

  render() {
    const shown = this.references.find(({ name }) => name === this.chosen);
    return html`
      <header>
        <span class="cut" dir="auto" title=${shown?.name ?? ""}>${shown?.name ?? "Reference"}</span>
        <button
          type="button"
          class="button bare"
          aria-label="Close the reference"
          title="Close (R)"
          @click=${() => this.dispatchEvent(new CustomEvent("kc-close"))}
        >${icon("close")}</button>
      </header>
      ${shown ? this.renderLarge(shown) : html`<p class="empty">This shot has no colour picture yet.</p>`}
      ${this.references.length > 1
        ? html`
          <ul aria-label="Pictures of this shot">${this.references.map((one) => this.renderSmall(one))}</ul>
        `
        : nothing}
    `;
  }

  /** @param {{name: string, url: string}} shown */
  renderLarge(shown) {
    const words = this.isWide ? "Smaller" : "Larger";
    return html`
      <div class="large">
        <button
          type="button"
          aria-label="${words}: ${shown.name}"
          title=${words}
          @click=${() => this.dispatchEvent(new CustomEvent("kc-wider"))}
        >
          <img src=${shown.url} alt="">
          ${this.found?.reference === shown.name ? html`<span class="ring"></span>` : nothing}
        </button>
      </div>
    `;
  }

  /** @param {{name: string, url: string}} one */
  renderSmall({ name, url }) {
    return html`
      <li>
        <button
          type="button"
          aria-pressed=${name === this.chosen}
          aria-label=${name}
          title=${name}
          @click=${() => (this.chosen = name)}
        ><img src=${url} alt="" loading="lazy"></button>
      </li>
    `;
  }

  updated() {
    const ring = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".ring"));
    if (!ring || !this.found) return;
    ring.style.left = `${this.found.column * 100}%`;
    ring.style.top = `${this.found.row * 100}%`;
  }
}
customElements.define("kc-reference-pane", ReferencePane);
