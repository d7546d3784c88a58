/** Asks the user something in a calm dialog; loaded when the first question comes. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { icon } from "./icons.js";
import { shared } from "./styles.js";

/** @typedef {import("../vendor/lit.js").TemplateResult} TemplateResult */

const MANY = 12; // choices: from there on a field finds them

/** One question at a time, over everything. `answer(value)` closes it; Escape answers null. */
class Dialog extends LitElement {
  static properties = { heading: {}, content: {}, actions: {} };
  static styles = [
    shared,
    css`
      dialog {
        width: min(480px, calc(100vw - 2 * var(--space-4)));
        max-height: calc(100dvh - 2 * var(--space-4));
        padding: var(--space-6);
        border: 0;
        border-radius: var(--radius);
        background: var(--surface-1);
        color: var(--text);
        box-shadow: var(--shadow);
        overflow: auto;
      }
      dialog.wide {
        width: min(760px, calc(100vw - 2 * var(--space-4)));
      }
      dialog::backdrop {
        background: var(--veil);
      }
      .title {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        margin-bottom: var(--space-3);
      }
      h2 {
        flex: 1;
        min-width: 0;
        font-size: var(--text-20);
        overflow-wrap: anywhere;
      }
      .content {
        display: grid;
        gap: var(--space-3);
        color: var(--text-soft);
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: var(--space-2);
        margin-top: var(--space-5);
      }
      .choices {
        display: grid;
        gap: var(--space-2);
      }
      .choices .button {
        justify-content: flex-start;
        gap: var(--space-3);
        min-height: 56px;
        padding: var(--space-2) var(--space-3);
        text-align: start;
        white-space: normal;
      }
      .choices.names {
        gap: 2px;
        max-height: 50dvh;
        overflow: auto;
      }
      .choices.names .button {
        min-height: var(--control);
        padding: var(--space-1) var(--space-3);
        background: none;
      }
      .choices.names .button:hover {
        background: var(--surface-3);
      }
      .choices img {
        width: 96px;
        height: 54px;
        object-fit: contain;
        background: var(--room);
        border-radius: var(--radius);
        flex: none;
      }
      .choices span {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .choices .small {
        display: block;
      }
      .keys {
        columns: 2 280px;
        column-gap: var(--space-6);
      }
      .keys section {
        break-inside: avoid;
        padding-bottom: var(--space-3);
      }
      .keys h3 {
        color: var(--text);
        font-size: var(--text-13);
      }
      .keys dl {
        display: grid;
        grid-template-columns: minmax(10em, 1fr) auto;
        gap: var(--space-1) var(--space-3);
      }
      .keys dd {
        text-align: end;
      }
      kbd {
        padding: 0 5px;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        color: var(--text);
        font: var(--text-12) var(--mono);
      }
    `,
  ];

  constructor() {
    super();
    this.heading = "";
    /** @type {unknown} */
    this.content = nothing;
    /** @type {unknown} */
    this.actions = nothing;
    this.isWide = false;
    /** @type {(value: any) => void} */
    this.answer = () => {};
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }

  /**
   * @param {string} heading @param {unknown} content @param {unknown} [actions] buttons; none: a sheet with a cross
   * @returns {Promise<any>} what it was answered; null where it was closed
   */
  async ask(heading, content, actions = nothing, isWide = false) {
    this.answer(null);
    Object.assign(this, { heading, content, actions, isWide });
    await this.updateComplete;
    if (!this.#dialog.open) this.#dialog.showModal();
    this.renderRoot.querySelector("input")?.select();
    return new Promise((resolve) => {
      this.answer = (value) => {
        this.answer = () => {};
        this.#dialog.close();
        resolve(value);
      };
    });
  }

  render() {
    return html`
      <dialog class=${this.isWide ? "wide" : ""} aria-labelledby="heading" @close=${() => this.answer(null)}>
        <div class="title">
          <h2 id="heading" dir="auto">${this.heading}</h2>
          ${this.actions === nothing
            ? html`<button class="button bare" aria-label="Close" @click=${() => this.answer(null)}>${
              icon("close")
            }</button>`
            : nothing}
        </div>
        <div class="content">${this.content}</div>
        ${this.actions === nothing ? nothing : html`<div class="actions">${this.actions}</div>`}
      </dialog>
    `;
  }
}
customElements.define("kc-dialog", Dialog);

/** @type {Dialog | null} */
let shown = null;

function find() {
  if (!shown) {
    shown = new Dialog();
    document.body.append(shown);
  }
  return shown;
}

/** @param {string} yes what the button says that does it @param {() => unknown} value */
const yesAndNo = (yes, value) =>
  html`
    <button class="button" @click=${() => find().answer(null)}>Cancel</button>
    <button class="button primary" @click=${() => find().answer(value())}>${yes}</button>
  `;

/** @param {{title: string, label: string, value: string, yes?: string}} question @returns {Promise<string | null>} */
export function askText({ title, label, value, yes = "Save" }) {
  const input = () => /** @type {HTMLInputElement} */ (find().renderRoot.querySelector("input"));
  const text = () => input().value.trim() || null;
  /** @param {KeyboardEvent} event */
  const enter = (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    find().answer(text());
  };
  const field = html`
    <div class="field">
      <label for="text">${label}</label>
      <input id="text" type="text" dir="auto" maxlength="200" .value=${value} @keydown=${enter}>
    </div>
  `;
  return find().ask(title, field, yesAndNo(yes, text));
}

/**
 * @param {{title: string, text: string, choices: {name: string, words?: string, picture?: string}[]}} question
 * @returns {Promise<number | null>} index of the choice
 */
export function choose({ title, text, choices }) {
  const buttons = () => /** @type {HTMLElement[]} */ ([...find().renderRoot.querySelectorAll(".choices .button")]);
  /** @param {Event} event */
  const narrow = (event) => {
    const letters = /** @type {HTMLInputElement} */ (event.target).value.trim().toLocaleLowerCase();
    for (const button of buttons()) button.hidden = !button.textContent?.toLocaleLowerCase().includes(letters);
  };
  const list = html`
    <p>${text}</p>
    ${choices.length < MANY
      ? nothing
      : html`<input type="search" placeholder="Find" aria-label="Find a name" @input=${narrow}>`}
    <div class="choices ${choices.some(({ picture }) => picture) ? "" : "names"}">
      ${choices.map(({ name, words, picture }, index) =>
        html`
          <button class="button" @click=${() => find().answer(index)}>
            ${picture ? html`<img src=${picture} alt="">` : nothing}
            <span><bdi>${name}</bdi>${words ? html`<span class="small faint">${words}</span>` : nothing}</span>
          </button>
        `
      )}
    </div>
  `;
  return find().ask(title, list, html`<button class="button" @click=${() => find().answer(null)}>Cancel</button>`);
}

/** Something to read. @param {string} title @param {unknown} content */
export const showSheet = (title, content) => find().ask(title, content, nothing, true);
