/** Tells the user something, in a corner of the window: at most three messages at a time, each gone after a while. */
import { css, html, LitElement, nothing, repeat } from "../vendor/lit.js";
import { icon } from "./icons.js";
import { shared } from "./styles.js";

/** @typedef {{key: number, text: string, kind: "told" | "problem", undo?: () => void, timer: number}} Message */

const MOST = 3;
const SECONDS = { told: 5, undo: 10, problem: 12 };

/** @type {Message[]} */
let messages = [];
let count = 0;
/** @type {() => void} */
let changed = () => {};

/**
 * @param {string} text
 * @param {"told" | "problem"} [kind]
 * @param {() => void} [undo] offers to take it back
 * @returns {() => void} takes the message away
 */
export function notify(text, kind = "told", undo) {
  for (const one of messages.filter((shown) => shown.text === text)) dismiss(one);
  /** @type {Message} */
  const message = { key: ++count, text, kind, undo, timer: 0 };
  messages = [...messages, message];
  for (const one of messages.slice(0, -MOST)) dismiss(one);
  wait(message);
  changed();
  return () => dismiss(message);
}

/**
 * A part of the page that is loaded only where it is needed; where it does not come, that is told.
 * @template Part @param {Promise<Part>} part an `import()` @returns {Promise<Part | undefined>}
 */
export const load = (part) =>
  part.catch(() => void notify("A part of the page did not load. Is the server still running?", "problem"));

/** @param {Message} message */
function wait(message) {
  clearTimeout(message.timer);
  message.timer = setTimeout(() => dismiss(message), 1000 * SECONDS[message.undo ? "undo" : message.kind]);
}

/** @param {Message} message */
function dismiss(message) {
  clearTimeout(message.timer);
  messages = messages.filter((one) => one !== message);
  changed();
}

/** The element that has the focus, wherever it is. */
function findFocused() {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return /** @type {HTMLElement | null} */ (focused);
}

/** Where messages appear; one for the whole page. While the pointer or the focus is on them they stay. */
class Toasts extends LitElement {
  static styles = [
    shared,
    css`
      :host {
        position: fixed;
        inset-inline: var(--space-4);
        bottom: calc(var(--queue-height) + var(--space-4));
        z-index: 30;
        pointer-events: none;
      }
      section {
        display: grid;
        gap: var(--space-2);
        justify-items: center;
      }
      .message {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        max-width: min(560px, 100%);
        padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
        border-radius: var(--radius);
        background: var(--surface-3);
        box-shadow: var(--shadow);
        pointer-events: auto;
        overflow-wrap: anywhere;
      }
      .message > svg {
        color: var(--bad);
      }
      .undo.button {
        color: var(--accent-text);
      }
    `,
  ];

  connectedCallback() {
    super.connectedCallback();
    changed = () => this.requestUpdate();
    for (const moving of ["keydown", "pointerdown"]) addEventListener(moving, this.#note, true);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const moving of ["keydown", "pointerdown"]) removeEventListener(moving, this.#note, true);
  }

  /** What had the focus before a message took it. @type {HTMLElement | null} */
  focusedLast = null;

  #note = () => {
    const focused = findFocused();
    if (focused?.getRootNode() !== this.renderRoot) this.focusedLast = focused;
  };

  /** A message goes whose button had the focus. @param {Message} message */
  #close(message) {
    dismiss(message);
    if (this.focusedLast?.isConnected) this.focusedLast.focus();
  }

  render() {
    const stop = () => messages.forEach((one) => clearTimeout(one.timer));
    const go = () => messages.forEach(wait);
    return html`
      <section aria-live="polite" aria-label="Messages" @pointerenter=${stop} @pointerleave=${go}
        @focusin=${stop} @focusout=${go}>
        ${repeat(messages, (one) => one.key, (one) => this.#draw(one))}
      </section>
    `;
  }

  /** @param {Message} message */
  #draw(message) {
    const undo = () => {
      this.#close(message);
      message.undo?.();
    };
    return html`
      <div class="message" role=${message.kind === "problem" ? "alert" : nothing}>
        ${message.kind === "problem" ? icon("warn") : ""}
        <span dir="auto">${message.text}</span>
        ${message.undo ? html`<button class="undo button bare" @click=${undo}>Undo</button>` : ""}
        <button class="button bare" aria-label="Close this message" @click=${() => this.#close(message)}>${icon(
          "close",
        )}</button>
      </div>
    `;
  }
}
customElements.define("kc-toasts", Toasts);
