/** The window of a film: what stands where, its bar, and the store that all its parts share. */
import { listenTo, live } from "../core/client.js";
import { html, LitElement, nothing } from "../vendor/lit.js";
import { FilmStore, startOf } from "../core/film-store.js";
import { clockTenth, lengthOf } from "../core/format.js";
import { icon } from "../core/icons.js";
import { Shortcuts } from "../core/keys.js";
import "../core/menu.js";
import { load, notify } from "../core/notify.js";
import { FilmRouter, readPlace } from "../core/router.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import "../filmstrip/filmstrip.js";
import "../inspector/inspector.js";
import "../references/references.js";
import "../viewer/viewer.js";
import { windowStyles } from "./window-styles.js";

/** @typedef {import("../core/film-store.js").Panel} Panel */
/** @typedef {Panel | "shots" | "references"} Place what a narrow window shows below the picture */

/** @type {[Panel, string][]} */
const PANELS = [["look", "Look"], ["correct", "Correct"], ["render", "Render"], ["report", "Report"]];
/** @type {Record<Panel, string>} */
const PANEL_KEYS = { look: "Shift+L", correct: "Shift+C", render: "Shift+R", report: "Shift+P" };

/** The frame that somebody painted on last, and did not keep. @param {import("../core/film-store.js").FilmState} state */
const findDraft = async (state) =>
  new (await import("../correct/drafts.js")).Drafts(state.id, localStorage, startOf(state)).latest();

class Film extends LitElement {
  static properties = { film: {}, place: { state: true }, isMissing: { state: true } };
  static styles = [shared, windowStyles];

  constructor() {
    super();
    this.film = "";
    /** @type {Place} */
    this.place = "shots";
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {FilmRouter | null} */
    this.router = null;
    this.isMissing = false;
    this.stopListening = () => {};
    new StoreController(this, () => this.store);
    new Shortcuts(this, "Film", [
      { keys: ["Ctrl+Z"], words: "Undo", act: () => this.store?.actions.undo(), when: () => Boolean(this.#undoable) },
      {
        keys: ["Shift+Ctrl+Z", "Ctrl+Y"],
        words: "Redo",
        act: () => this.store?.actions.redo(),
        when: () => Boolean(this.#redoable),
      },
      ...PANELS.map(([panel, words]) => ({
        keys: [PANEL_KEYS[panel]],
        words,
        act: () => this.#showPlace(panel),
      })),
    ]);
  }

  get #undoable() {
    return this.store?.state.project?.can_undo;
  }

  get #redoable() {
    return this.store?.state.project?.can_redo;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#close();
  }

  #close() {
    this.router?.stop();
    this.stopListening();
    this.store?.close();
    this.store = null;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("film") && this.film) {
      this.#close();
      void this.#open();
    }
    if (this.store?.state.panel === "correct") void this.#loadPainting();
  }

  /** Only who corrects needs it. */
  async #loadPainting() {
    await load(Promise.all([import("../correct/correct-tools.js"), import("../correct/painter.js")]));
  }

  async #open() {
    const store = new FilmStore(this.film, notify);
    const { frame, shot, panel } = readPlace(location.search);
    store.set({ panel, frame: frame ?? 0 });
    this.store = store;
    this.place = panel === "look" ? "shots" : panel;
    this.isMissing = false;
    const router = this.router = new FilmRouter(store);
    let isOpening = true;
    /** What was heard last and is shown. @type {string | null} */
    let known = null;
    const hear = async () => {
      const { jobs, others, revision } = live.state;
      store.set({ jobs, others });
      if (!revision || revision === known || isOpening) return;
      known = revision;
      if (revision !== store.revision && !(await store.actions.reload())) known = null;
    };
    const stops = [
      live.listen(() => void hear()),
      store.listen((state, before) => {
        if (state.project?.title !== before.project?.title) this.#tell(state.project?.title ?? "");
        if (state.panel !== before.panel) {
          this.place = state.panel;
          requestAnimationFrame(() => this.#focusTab());
        }
      }),
    ];
    this.stopListening = () => stops.forEach((stop) => stop());
    listenTo(this.film);
    void hear();
    const isThere = await store.actions.reload();
    if (store !== this.store) return; // it was left meanwhile
    isOpening = false;
    this.isMissing = isThere === false;
    void hear();
    const hasPlace = shot !== null || store.state.plan;
    const drafted = panel === "correct" && frame === null && shot === null ? await findDraft(store.state) : null;
    if (store.state.plan && store.state.frame !== (frame ?? 0)) return; // somebody went to another frame meanwhile
    if (drafted !== null) await store.actions.showFrame(drafted);
    else if (store.state.shots && frame === null && hasPlace) await router.go();
    else if (shot !== null && !store.state.shots) store.set({ frame: 0 });
  }

  /** @param {string} name */
  #tell(name) {
    this.dispatchEvent(new CustomEvent("kc-name", { detail: name, bubbles: true, composed: true }));
  }

  /** What had the focus went with the panel it was in: its tab takes it. */
  #focusTab() {
    if (document.activeElement !== document.body) return;
    const tabs = /** @type {NodeListOf<HTMLElement>} */ (this.renderRoot.querySelectorAll("[aria-selected=true]"));
    [...tabs].find((tab) => tab.checkVisibility())?.focus();
  }

  /** @param {Place} place */
  #showPlace(place) {
    this.place = place;
    if (place !== "shots" && place !== "references") this.store?.actions.showPanel(place);
  }

  async #rename() {
    const dialog = await load(import("../core/dialog.js"));
    const title = await dialog?.askText({
      title: "Rename",
      label: "Name",
      value: this.store?.state.project?.title ?? "",
    });
    if (title) await this.store?.actions.changeProject({ title });
  }

  render() {
    const { store } = this;
    if (!store) return nothing;
    const { project, panel } = store.state;
    if (this.isMissing && !project) return this.#drawMissing();
    const hasShots = !project?.is_photograph;
    const words = PANELS.find(([one]) => one === panel)?.[1];
    return html`
      <div class="window ${hasShots ? "" : "photograph"}">
        ${this.#drawTop()}
        <aside class="left ${this.place === "references" ? "open" : ""}" aria-label="References">
          <kc-references .store=${store}></kc-references>
        </aside>
        <main><kc-viewer .store=${store}></kc-viewer></main>
        ${this.#drawSwitch(hasShots)}
        <aside class="right ${PANELS.some(([one]) => one === this.place) ? "open" : ""}" aria-label=${words}>
          ${panel === "correct"
            ? html`<kc-correct-tools .store=${store}></kc-correct-tools>`
            : html`<kc-inspector .store=${store}></kc-inspector>`}
        </aside>
        ${hasShots ? this.#drawStrip() : nothing}
      </div>
    `;
  }

  #drawMissing() {
    return html`
      <header>
        <a class="button bare" href="/" aria-label="Home" title="Home">${icon("home")}</a>
        <span class="grow"></span>
        <kc-page-buttons></kc-page-buttons>
      </header>
      <main class="missing">
        <h1>This film is not here</h1>
        <p class="soft">Perhaps it was removed, or it is another user's.</p>
        <a class="button" href="/">${icon("home")} Home</a>
      </main>
    `;
  }

  #drawStrip() {
    const strip = html`<kc-filmstrip .store=${this.store}></kc-filmstrip>`;
    return html`
      <section class="strip ${this.place === "shots" ? "open" : ""}" aria-label="Shots">
        ${this.store?.state.panel === "correct" ? html`<kc-spread .store=${this.store}>${strip}</kc-spread>` : strip}
      </section>
    `;
  }

  #drawTop() {
    const project = this.store?.state.project;
    const { panel } = /** @type {FilmStore} */ (this.store).state;
    return html`
      <header>
        <div class="side">
          <a class="button bare" href="/" aria-label="Home" title="Home">${icon("home")}</a>
          <h1 class="cut">
            <button class="name cut" dir="auto" title="${project?.title ?? ""} (rename)" @click=${this.#rename}>
              ${project?.title ?? ""}
            </button>
          </h1>
          <span class="small faint number wide-only cut">${this.#describe()}</span>
        </div>
        <nav class="tabs desk" role="tablist" aria-label="Panels">
          ${PANELS.map(([name, words]) => this.#drawTab(name, words, panel === name))}
        </nav>
        <div class="side end">
          ${this.#drawStep("undo", "Undo", "Ctrl+Z", this.#undoable)}
          ${this.#drawStep("redo", "Redo", "Shift+Ctrl+Z", this.#redoable)}
          <kc-page-buttons></kc-page-buttons>
          ${panel === "render" ? nothing : html`
            <button
              class="button desk ${panel === "correct" || !project?.planned ? "" : "primary"}"
              ?disabled=${!project}
              @click=${() => this.#showPlace("render")}
            >
              ${project?.is_photograph ? "Save picture" : "Render film"}
            </button>
          `}
        </div>
      </header>
    `;
  }

  /** @param {"undo" | "redo"} name @param {string} words @param {string} keys @param {string | null | undefined} what */
  #drawStep(name, words, keys, what) {
    const label = `${words}${what ? `: ${what}` : ""} (${keys})`;
    return html`
      <button
        class="button bare"
        aria-label=${label}
        title=${label}
        ?disabled=${!what}
        @click=${() => this.store?.actions[name]()}
      >
        ${icon(name)}
      </button>
    `;
  }

  /** What a narrow window has instead of columns. @param {boolean} hasShots */
  #drawSwitch(hasShots) {
    /** @type {[Place, string][]} */
    const places = [["shots", "Shots"], ["references", "References"], ...PANELS];
    const shown = !hasShots && this.place === "shots" ? "look" : this.place;
    return html`
      <nav class="switch narrow" aria-label="Below the picture">
        <div class="tabs" role="tablist" aria-label="Below the picture">
        ${places.filter(([place]) => hasShots || place !== "shots").map(([place, words]) =>
          this.#drawTab(place, words, shown === place)
        )}
        </div>
      </nav>
    `;
  }

  /** @param {Place} place @param {string} words @param {boolean} isShown */
  #drawTab(place, words, isShown) {
    /** @param {KeyboardEvent} event */
    const move = (event) => {
      const step = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
      const next = step && /** @type {any} */ (event.currentTarget)[step];
      if (!next) return;
      event.preventDefault();
      next.focus();
      next.click();
    };
    return html`
      <button
        class="tab"
        role="tab"
        aria-selected=${isShown}
        tabindex=${isShown ? 0 : -1}
        @click=${() => this.#showPlace(place)}
        @keydown=${move}
      >
        ${words}
      </button>
    `;
  }

  /** Size, rate and length, in a line. */
  #describe() {
    const film = this.store?.state.project?.film;
    if (!film) return "";
    const facts = [`${film.width} × ${film.height}`];
    if (film.rate && film.frames !== 1) facts.push(`${Number(film.rate.toFixed(2))}/s`);
    const length = lengthOf(film);
    if (length && film.frames !== 1) facts.push(clockTenth(length));
    return facts.join(" · ");
  }
}
customElements.define("kc-film", Film);
