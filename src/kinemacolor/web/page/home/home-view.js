/** Home: the films there are, and where a new one is dropped. */
import { html, LitElement } from "../vendor/lit.js";
import { shared } from "../core/styles.js";

class Home extends LitElement {
  static styles = [shared];

  render() {
    return html`
      <h1>Films</h1>
    `;
  }
}
customElements.define("kc-home", Home);
