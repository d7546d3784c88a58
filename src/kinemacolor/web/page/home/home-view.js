/** Home: the films there are, and where a new one is dropped. Loads the rest when there is something for it to do. */
import { get, hasUnfinished, Latest, live, Problem, readSession } from "../core/client.js";
import { load, notify } from "../core/notify.js";
import { shared } from "../core/styles.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";

/** As icon.svg, which is one request more. */
const LOGO = html`
  <svg viewBox="4 4 24 24" width="20" height="20" aria-hidden="true">
    <path d="M16 6a10 10 0 0 0 0 20z" fill="#d0d0d0"></path>
    <path d="M16 6a10 10 0 0 1 0 20z" fill="#e0a44a"></path>
  </svg>
`;

/** Fires `kc-open` with the id of the film that is to be opened. */
class Home extends LitElement {
  static properties = {
    projects: { state: true },
    session: { state: true },
    isOver: { state: true },
    isBusy: { state: true },
  };
  static styles = [
    shared,
    css`
      :host {
        display: grid;
        grid-template: var(--top-height) minmax(0, 1fr) / minmax(0, 1fr);
        min-height: 0;
      }
      header {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        padding: 0 var(--space-3);
        border-bottom: 1px solid var(--line);
        background: var(--surface-1);
      }
      .name {
        font-size: var(--text-15);
        font-weight: var(--weight-strong);
      }
      .page {
        width: 100%;
        max-width: 1248px;
        margin: 0 auto;
        padding: var(--space-6);
      }
      .welcome {
        display: flex;
        align-items: center;
        gap: var(--space-6);
        padding: var(--space-6);
        border: 1px dashed var(--line-strong);
        border-radius: var(--radius);
        background: var(--surface-1);
      }
      .welcome.over {
        border: 1px solid var(--accent-line);
        background: var(--surface-2);
      }
      .welcome.alone {
        flex-direction: column;
        justify-content: center;
        min-height: min(60dvh, 480px);
        text-align: center;
      }
      .alone .grow {
        flex: none;
      }
      h2 {
        font-size: var(--text-20);
        line-height: 1.3;
      }
      .words {
        max-width: 64ch;
        margin-top: var(--space-1);
        color: var(--text-soft);
      }
      .acts {
        display: flex;
        flex: none;
        flex-wrap: wrap;
        gap: var(--space-2);
      }
      .alone .acts {
        justify-content: center;
      }
      @media (max-width: 720px) {
        :host {
          grid-template-rows: 48px minmax(0, 1fr);
        }
        .page {
          padding: var(--space-4);
        }
        .welcome {
          flex-direction: column;
          align-items: stretch;
          gap: var(--space-4);
          padding: var(--space-5);
          text-align: center;
        }
        .acts .button {
          flex: 1 1 auto;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../core/api.d.ts").ProjectView[] | null} */
    this.projects = null;
    /** @type {import("../core/api.d.ts").Session | null} */
    this.session = null;
    this.isOver = false;
    this.isBusy = false;
    this.reading = new Latest();
    this.stopListening = () => {};
    this.addEventListener("dragover", (event) => this.#drag(event, true));
    this.addEventListener("dragleave", (event) => {
      if (!this.contains(/** @type {Node | null} */ (event.relatedTarget))) this.#drag(event, false);
    });
    this.addEventListener("drop", (event) => void this.#drop(event));
  }

  connectedCallback() {
    super.connectedCallback();
    const ofStates = (/** @type {typeof live.state} */ one) => one.jobs.map((job) => `${job.id} ${job.state}`).join();
    let known = live.state.jobs.length ? ofStates(live.state) : null; // null: nothing was heard yet
    this.stopListening = live.listen((state, before) => {
      const now = ofStates(state);
      const isOther = known !== null && now !== known;
      known = now;
      if (isOther || before.trouble && !state.trouble) void this.reload();
    });
    void this.reload();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stopListening();
  }

  /** Reads anew which films there are. */
  async reload() {
    try {
      await this.reading.run(
        (signal) => Promise.all([readSession(this.projects !== null), get("/projects", signal)]),
        async ([session, projects]) => {
          if (projects.length || hasUnfinished()) await load(import("./film-list.js"));
          Object.assign(this, { session, projects });
        },
      );
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      notify(error.message, "problem");
    }
  }

  /** @param {DragEvent} event @param {boolean} isOver */
  #drag(event, isOver) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.isOver = isOver;
  }

  /** @param {DragEvent} event */
  async #drop(event) {
    const { dataTransfer } = event;
    if (!dataTransfer?.types.includes("Files")) return;
    this.#drag(event, false);
    const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry());
    const files = [...dataTransfer.files];
    if (!entries.some((entry) => entry?.isDirectory)) return this.#take(files);
    const folders = await load(import("./dropped-folders.js"));
    if (folders) await this.#take(await folders.readEntries(entries));
  }

  /** @param {Event} event */
  #choose(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const files = [...input.files ?? []];
    input.value = "";
    void this.#take(files);
  }

  /** @param {File[]} files */
  async #take(files) {
    if (!files.length) return;
    void load(import("./sending.js"));
    await this.#open(async () => (await load(import("./take-in.js")))?.takeIn(files) ?? null);
  }

  /** @param {() => Promise<string | null>} make */
  async #open(make) {
    this.isBusy = true;
    const film = await make().finally(() => this.isBusy = false);
    if (film && !this.isConnected) notify("Your film is here: it stands among the others at home.");
    else if (film) this.dispatchEvent(new CustomEvent("kc-open", { detail: film, bubbles: true, composed: true }));
    else await this.reload();
  }

  /** @param {object} what */
  async #openFilm(what) {
    await this.#open(async () => (await load(import("./take-in.js")))?.openFilm(what) ?? null);
  }

  async #chooseFromServer() {
    const films = await load(import("./server-films.js"));
    const film = await films?.chooseServerFilm();
    if (film) await this.#openFilm({ film });
  }

  render() {
    const { projects } = this;
    const hasFilms = Boolean(projects?.length);
    return html`
      <header>
        ${LOGO}
        <h1 class="name grow">Kinemacolor</h1>
        <kc-page-buttons></kc-page-buttons>
      </header>
      <main class="scroll">
        <div class="page">
          ${projects ? this.#drawWelcome(!hasFilms) : nothing}
          ${hasFilms || hasUnfinished() && projects && !this.isBusy
            ? html`
              <kc-film-list .projects=${projects} .session=${this.session} @kc-changed=${this.reload}></kc-film-list>
            `
            : nothing}
        </div>
      </main>
    `;
  }

  /** @param {boolean} isAlone nothing else is there */
  #drawWelcome(isAlone) {
    const { session } = this;
    const choose = () => /** @type {HTMLElement} */ (this.renderRoot.querySelector("input[type=file]")).click();
    return html`
      <section class="welcome ${isAlone ? "alone" : ""} ${this.isOver ? "over" : ""}" aria-label="A new film">
        <div class="grow">
          <h2>Drop a film and its pictures here</h2>
          <p class="words">
            A picture shows the colours: any colour photograph of such a scene, or a frame that you painted. A single
            photograph can be coloured, too.
          </p>
        </div>
        ${this.isBusy ? html`<kc-sending></kc-sending>` : nothing}
        <div class="acts" ?hidden=${this.isBusy}>
          ${session?.has_films
            ? html`<button class="button" ?disabled=${this.isBusy} @click=${this.#chooseFromServer}>From the server</button>`
            : nothing}
          ${session?.has_sample
            ? html`
              <button class="button" ?disabled=${this.isBusy} @click=${() => this.#openFilm({ sample: true })}>
                Try it with our sample
              </button>
            `
            : nothing}
          <button class="button primary" @click=${choose}>Choose files</button>
          <input type="file" multiple hidden aria-label="A film and its pictures" @change=${this.#choose}>
        </div>
      </section>
    `;
  }
}
customElements.define("kc-home", Home);
