/** What is on its way to the server, as large as one waits for it. */
import { live } from "../core/client.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { describeSending } from "../queue/words.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";

class SendingFiles extends LitElement {
  static styles = [
    shared,
    css`
      :host {
        width: min(360px, 100%);
      }
      .row {
        margin-top: var(--space-1);
      }
      .row > :first-child {
        text-align: start;
      }
    `,
  ];

  constructor() {
    super();
    new StoreController(this, () => live);
  }

  render() {
    const { uploads } = live.state;
    const [sending] = uploads;
    const words = sending && describeSending(sending);
    const stopAll = () => uploads.forEach((one) => one.stop());
    return html`
      <div class="row">
        <bdi class="cut grow">${sending?.name ?? "Opening"}</bdi>
        ${words ? html`<button class="button" @click=${stopAll}>Stop</button>` : nothing}
      </div>
      <progress aria-label=${words?.doing ?? "Opening"} value=${words?.part ?? nothing}></progress>
      <p class="row small soft number">
        <span class="grow">${words?.doing ?? "The server looks at it"}</span>
        <span>${words?.speed}</span> <span>${words?.left}</span>
      </p>
      ${uploads.length > 1 ? html`<p class="small faint">${uploads.length - 1} more to come</p>` : nothing}
    `;
  }
}
customElements.define("kc-sending", SendingFiles);
