/** The page: which view the address asks for, and what stands around every view. */
import { listenTo, live } from "./core/client.js";
import { notify } from "./core/notify.js";
import { StoreController } from "./core/store.js";
import { shared } from "./core/styles.js";
import { icon } from "./core/icons.js";
import { css, html, LitElement, nothing } from "./vendor/lit.js";
import "./home/home-view.js";

const THEME = "kinemacolor-theme";

/** @returns {string | null} id of the film that an address shows; null: home */
const readFilm = () => decodeURIComponent(location.pathname.match(/^\/films\/([^/]+)$/)?.[1] ?? "") || null;

/** @param {string} theme dark or light; kept in this browser */
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // a browser that keeps nothing: then it counts until the page is left
  }
}

function readTheme() {
  try {
    return localStorage.getItem(THEME) === "light" ? "light" : "dark";
  } catch {
    return "dark";
  }
}

/** A file that is dropped where nobody takes it would be opened instead of the page. @param {DragEvent} event */
function refuseFiles(event) {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}

/** What nobody waited for and that went wrong; what was given up is nothing. @param {PromiseRejectionEvent} event */
function tellOfFault({ reason }) {
  if (reason instanceof DOMException && reason.name === "AbortError") return;
  const isLoading = reason instanceof TypeError && /import|module/i.test(reason.message);
  const words = isLoading
    ? "A part of the page did not load. Is the server still running?"
    : `That went wrong: ${reason}`;
  notify(words, "problem");
}

/** Shows the keys there are, unless it is a letter of a text. @param {KeyboardEvent} event */
async function help(event) {
  if (event.key !== "?" || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
  const path = event.composedPath();
  const [target] = /** @type {HTMLElement[]} */ (path);
  if (target.matches?.("input, textarea, select") || path.some((one) => one instanceof HTMLDialogElement)) return;
  await showKeys();
}

const showKeys = async () => (await import("./core/keys.js")).showHelp();

/** What the bar of every view has at its end: the keys, and light or dark. */
class PageButtons extends LitElement {
  static styles = [
    shared,
    css`
      :host {
        display: flex;
        gap: var(--space-1);
      }
    `,
  ];

  render() {
    const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
    const change = () => (setTheme(theme), this.requestUpdate());
    const [keys, words] = ["Keys (?)", theme === "light" ? "Light window" : "Dark window"];
    return html`
      <button class="button bare desk" title=${keys} aria-label=${keys} @click=${showKeys}>${icon("keyboard")}</button>
      <button class="button bare" title=${words} aria-label=${words} @click=${change}>
        ${icon(theme === "light" ? "sun" : "moon")}
      </button>
    `;
  }
}
customElements.define("kc-page-buttons", PageButtons);

/**
 * The whole page. A view that wants another one fires `kc-open` with the id of a film; one that shows something with a
 * name fires `kc-name` with it.
 */
class App extends LitElement {
  static styles = [
    shared,
    css`
      :host {
        display: grid;
        grid-template: minmax(0, 1fr) auto / minmax(0, 1fr);
        height: 100dvh;
        overflow: hidden;
        background: var(--surface-0);
      }
      kc-queue {
        min-height: var(--queue-height);
        border-top: 1px solid var(--line);
        background: var(--surface-1);
      }
      .bar {
        display: flex;
        align-items: center;
        height: var(--top-height);
        padding: 0 var(--space-2);
        border-bottom: 1px solid var(--line);
        background: var(--surface-1);
      }
      kc-queue,
      .trouble {
        grid-area: 2 / 1;
      }
      .trouble {
        z-index: 1;
        display: flex;
        align-items: center;
        gap: var(--space-2);
        padding: 0 var(--space-3);
        font-size: var(--text-12);
        border-top: 1px solid var(--line);
        background: var(--surface-2);
      }
      .trouble svg {
        color: var(--bad);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {string | null} */
    this.film = null;
    this.name = "";
    this.cameFromHome = false;
    /** What loads the window of a film, or why that did not work. @type {Promise<unknown> | null} */
    this.loading = null;
    new StoreController(this, () => live);
    this.addEventListener("click", (event) => this.#follow(event));
    this.addEventListener("dragover", refuseFiles);
    this.addEventListener("drop", refuseFiles);
    this.addEventListener("kc-open", (event) => this.#goTo(`/films/${/** @type {CustomEvent} */ (event).detail}`));
    this.addEventListener("kc-name", (event) => {
      this.name = /** @type {CustomEvent} */ (event).detail;
      this.requestUpdate();
    });
    addEventListener("popstate", () => this.#show());
    addEventListener("unhandledrejection", tellOfFault);
    addEventListener("keydown", help);
    addEventListener("beforeunload", (event) => live.state.uploads.length && event.preventDefault());
  }

  connectedCallback() {
    super.connectedCallback();
    this.#show();
  }

  /** A link to another view changes the view, not the page. @param {MouseEvent} event */
  #follow(event) {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find((one) => one instanceof HTMLAnchorElement);
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname !== "/" && !link.pathname.startsWith("/films/")) return;
    event.preventDefault();
    this.#goTo(link.pathname + link.search);
  }

  /** @param {string} address */
  #goTo(address) {
    dispatchEvent(new Event("kc-leave"));
    history.pushState(null, "", address);
    this.#show();
  }

  #show() {
    const film = readFilm();
    if (film !== this.film) this.name = "";
    this.film = film;
    listenTo(film);
    if (film && !this.loading) {
      this.loading = import("./film/film-view.js").then(() => this.requestUpdate(), () => {
        this.loading = null;
        if (this.film) this.#goTo("/");
        notify("The window of the film did not load. Is the server still running?", "problem");
      });
    }
    this.requestUpdate();
  }

  updated() {
    const running = live.state.trouble ? undefined : live.state.jobs.find((job) => job.state === "running");
    const [sending] = live.state.uploads;
    const done = sending ? sending.received / sending.size : running?.expected ? running.done / running.expected : null;
    const part = done === null ? null : `${Math.min(99, Math.round(100 * done))} %`;
    document.title = [part, this.name, "Kinemacolor"].filter(Boolean).join(" · ");
    if (live.state.jobs.length || live.state.others || live.state.uploads.length) {
      import("./queue/queue-line.js").catch(() => {}); // tried again with the next event; that nothing answers is told
    }
  }

  /** Until the window of a film is loaded, home stays, or its bar stands there alone. */
  #drawView() {
    const isLoaded = customElements.get("kc-film");
    if (this.film && isLoaded) return html`<kc-film .film=${this.film}></kc-film>`;
    this.cameFromHome ||= !this.film;
    return this.cameFromHome
      ? html`<kc-home aria-busy=${this.film ? "true" : "false"}></kc-home>`
      : html`<div class="bar" aria-busy="true"><a class="button bare" href="/" aria-label="Home">${
        icon("home")
      }</a></div>`;
  }

  render() {
    const { trouble } = live.state;
    return html`
      ${this.#drawView()}
      ${trouble ? html`<p class="trouble" role="status">${icon("warn")} ${trouble}</p>` : nothing}
      <kc-queue></kc-queue>
      <kc-toasts></kc-toasts>
    `;
  }
}

setTheme(readTheme());
customElements.define("kc-app", App);
