/** What runs and waits, in one line at the bottom of every view. */
import { html, LitElement } from "../vendor/lit.js";
import { shared } from "../core/styles.js";

class Queue extends LitElement {
  static styles = [shared];

  render() {
    return html`
      <p>Queue</p>
    `;
  }
}
customElements.define("kc-queue", Queue);
