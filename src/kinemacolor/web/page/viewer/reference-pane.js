/**
 * `<kc-reference-pane>`: the pictures that give a shot its colours, beside the frame: one of them large, as high as the
 * frame. In it a ring stands where a colour was found.
 */
import { hideBroken } from "../core/icons.js";
import { shared } from "../core/styles.js";
import { labelOf } from "../references/reference-list.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";

/** @typedef {import("../core/api.d.ts").ReferenceView} Reference */

class ReferencePane extends LitElement {
  static properties = {
    references: { attribute: false },
    found: { attribute: false },
    chosen: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: grid;
        place-items: center;
        flex: var(--reference-aspect, 1.5) 1 0;
        min-width: 0;
        min-height: 0;
        container-type: size;
      }
      .large {
        position: relative;
        width: min(100cqw, 100cqh * var(--reference-aspect, 1.5));
        aspect-ratio: var(--reference-aspect, 1.5);
      }
      .large > img {
        width: 100%;
        height: 100%;
      }
      .tag {
        position: absolute;
        inset: var(--space-2) auto auto var(--space-2);
        max-width: calc(100% - 2 * var(--space-2));
        padding: 2px 6px;
        border-radius: var(--radius);
        background: var(--over-picture);
        color: var(--on-picture);
        font-size: var(--text-12);
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
        position: absolute;
        inset: auto 0 var(--space-2);
        display: flex;
        gap: var(--space-1);
        padding: 2px var(--space-2);
        overflow-x: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--surface-3) transparent;
      }
      li {
        flex: none;
        border-radius: var(--radius);
        background: var(--over-picture);
      }
      li button {
        display: block;
        border: 2px solid transparent;
        border-radius: var(--radius);
        overflow: hidden;
      }
      li button[aria-pressed="true"] {
        border-color: var(--accent-line);
      }
      li img {
        width: 44px;
        height: 44px;
        object-fit: cover;
      }
      .empty {
        padding: var(--space-3);
        color: var(--text-soft);
        text-align: center;
      }
    `,
  ];

  constructor() {
    super();
    /** Of the shot. @type {Reference[]} */
    this.references = [];
    /** Where a colour was found. @type {{reference: string, row: number, column: number} | null} */
    this.found = null;
    /** @type {string | null} name */
    this.chosen = null;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("found") && this.found) this.chosen = this.found.reference;
    if (!this.references.some(({ name }) => name === this.chosen)) this.chosen = this.references[0]?.name ?? null;
    const shown = this.#shown;
    this.style.setProperty(
      "--reference-aspect",
      String(shown?.width && shown.height ? shown.width / shown.height : 1.5),
    );
  }

  get #shown() {
    return this.references.find(({ name }) => name === this.chosen);
  }

  render() {
    const shown = this.#shown;
    if (!shown) return html`<p class="empty">This shot has no colour picture yet.</p>`;
    const label = labelOf(shown);
    return html`
      <div class="large">
        <img @error=${hideBroken} @load=${hideBroken} src=${shown.url} alt="The reference ${label}">
        ${this.found?.reference === shown.name ? html`<span class="ring"></span>` : nothing}
        <span class="tag cut" dir="auto" title=${label}>${label}</span>
        ${this.references.length > 1
          ? html`<ul aria-label="Pictures of this shot">${this.references.map((one) => this.renderSmall(one))}</ul>`
          : nothing}
      </div>
    `;
  }

  /** @param {Reference} one */
  renderSmall(one) {
    const { name, url } = one;
    return html`
      <li>
        <button
          type="button"
          aria-pressed=${name === this.chosen}
          aria-label=${labelOf(one)}
          title=${labelOf(one)}
          @click=${() => (this.chosen = name)}
        ><img @error=${hideBroken} @load=${hideBroken} src=${url} alt="" loading="lazy"></button>
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
