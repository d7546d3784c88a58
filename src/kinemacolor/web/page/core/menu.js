/** A button that opens a list of things to do. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { icon } from "./icons.js";
import { shared } from "./styles.js";

/** @typedef {{icon: string, words: string, act: () => void, href?: string, isOff?: boolean}} Item */

/** `<kc-menu label="…" .items=${[…]}>`; a browser's popover, so it lies over everything and Escape closes it. */
class Menu extends LitElement {
  static properties = { label: {}, items: { attribute: false }, icon: {} };
  static styles = [
    shared,
    css`
      :host {
        display: inline-flex;
      }
      [popover] {
        position: fixed;
        inset: auto;
        margin: 0;
      }
      :popover-open {
        display: grid;
      }
    `,
  ];

  constructor() {
    super();
    this.label = "More";
    this.icon = "more";
    /** @type {Item[]} */
    this.items = [];
  }

  get #button() {
    return /** @type {HTMLElement} */ (this.renderRoot.querySelector("button"));
  }

  get #menu() {
    return /** @type {HTMLElement} */ (this.renderRoot.querySelector("[popover]"));
  }

  get #buttons() {
    return /** @type {HTMLElement[]} */ ([...this.#menu.querySelectorAll(".button:not(:disabled)")]);
  }

  /** Beside its button, inside the window. @param {ToggleEvent} event */
  #place(event) {
    const isOpen = event.newState === "open";
    this.#button.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    const [menu, button] = [this.#menu, this.getBoundingClientRect()];
    const { width, height } = menu.getBoundingClientRect();
    const top = button.bottom + height + 8 > innerHeight ? Math.max(4, button.top - height - 4) : button.bottom + 4;
    menu.style.top = `${top}px`;
    menu.style.left = `${Math.max(4, Math.min(innerWidth - width - 4, button.right - width))}px`;
    this.#buttons[0]?.focus();
  }

  /** A list that goes with the focus in it gives it back. @param {ToggleEvent} event */
  #leave(event) {
    if (event.newState === "closed" && this.#menu.contains(this.shadowRoot?.activeElement ?? null)) {
      this.#button.focus();
    }
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const buttons = this.#buttons;
    const index = buttons.indexOf(/** @type {HTMLElement} */ (this.shadowRoot?.activeElement));
    const next = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    buttons.at(next % buttons.length)?.focus();
  }

  render() {
    return html`
      <button
        class="button bare"
        popovertarget="menu"
        aria-haspopup="menu"
        aria-expanded="false"
        aria-label=${this.label}
        title=${this.label}
      >
        ${icon(this.icon)}
      </button>
      <div id="menu" class="menu" popover role="menu" @beforetoggle=${this.#leave} @toggle=${this
        .#place} @keydown=${this.#move}>
        ${this.items.map((item) => this.#draw(item))}
      </div>
    `;
  }

  /** @param {Item} item */
  #draw(item) {
    const act = () => {
      this.#menu.hidePopover(); // its button has the focus then: what closes later gives it back to that
      item.act();
    };
    const inside = html`${icon(item.icon)} ${item.words}`;
    return item.href
      ? html`<a class="button" role="menuitem" href=${item.href} download @click=${act}>${inside}</a>`
      : html`<button class="button" role="menuitem" ?disabled=${
        item.isOff ?? nothing
      } @click=${act}>${inside}</button>`;
  }
}
customElements.define("kc-menu", Menu);
