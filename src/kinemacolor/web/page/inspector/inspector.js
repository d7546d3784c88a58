/** The column at the right: how it looks, how it is rendered, how good it became. */
import { css, html, LitElement } from "../vendor/lit.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import "./look-panel.js";
import "./render-panel.js";
import "./report-panel.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

class Inspector extends LitElement {
  static properties = { store: { attribute: false } };
  static styles = [
    shared,
    css`
      :host {
        height: 100%;
        min-height: 0;
        background: var(--surface-1);
      }
      :host > * {
        height: 100%;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    new StoreController(this, () => this.store);
  }

  render() {
    switch (this.store?.state.panel) {
      case "render":
        return html`<kc-render-panel .store=${this.store}></kc-render-panel>`;
      case "report":
        return html`<kc-report-panel .store=${this.store}></kc-report-panel>`;
      default:
        return html`<kc-look-panel .store=${this.store}></kc-look-panel>`;
    }
  }
}
customElements.define("kc-inspector", Inspector);
