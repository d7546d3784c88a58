/** The film itself: what it is for, its making, what was made, and the part of the film that is worked on. */
import { css, html, LitElement, live, nothing, repeat } from "../vendor/lit.js";
import { get, readSession } from "../core/client.js";
import { bytes, clockTenth } from "../core/format.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { panel } from "./panel-styles.js";
import { progressOf } from "./progress.js";
import { parseTime, purposeOf, purposes, queryOf, taskOf } from "./purposes.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./purposes.js").RenderChoice} RenderChoice */

const ACTIVE = ["queued", "running"];

class RenderPanel extends LitElement {
  static properties = {
    store: { attribute: false },
    choice: { state: true },
    formats: { state: true },
    command: { state: true },
    partProblem: { state: true },
  };
  static styles = [
    shared,
    panel,
    css`
      .purpose {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 2px var(--space-2);
        align-items: center;
        padding: var(--space-2);
        border-radius: var(--radius);
        background: var(--surface-2);
        cursor: pointer;
      }
      .purpose:hover {
        background: var(--surface-3);
      }
      .purpose:has(:checked) {
        background: var(--chosen);
        box-shadow: inset 2px 0 var(--accent-line);
      }
      .purpose .quiet {
        grid-column: 2;
        color: var(--text-soft);
      }
      .purposes {
        display: grid;
        gap: var(--space-2);
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        min-height: var(--row-height);
      }
      li .name {
        flex: 1;
        min-width: 0;
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: var(--space-1) var(--space-3);
      }
      dt {
        color: var(--text-soft);
      }
      dd {
        text-align: end;
        font-variant-numeric: tabular-nums;
      }
      textarea {
        min-height: 88px;
        font: var(--text-12) / var(--leading) var(--mono);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {RenderChoice} */
    this.choice = { form: null, layer: false, confidence: false };
    /** @type {import("../core/api.d.ts").FormatView[]} */
    this.formats = [];
    this.command = "";
    this.partProblem = "";
    new StoreController(this, () => this.store);
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.store?.state.project?.is_photograph) this.choice = purposes(true)[0].choice;
    void this.store?.actions.attempt(async () => {
      this.formats = (await readSession()).formats;
    });
  }

  /** The last render of this film in the queue. */
  get job() {
    const { jobs, id } = /** @type {FilmStore} */ (this.store).state;
    return jobs.filter((one) => one.project === id && one.kind === "render").at(-1);
  }

  /** @param {Partial<RenderChoice>} changes */
  choose(changes) {
    this.choice = { ...this.choice, ...changes };
    if (this.command) void this.readCommand();
  }

  async readCommand() {
    const store = /** @type {FilmStore} */ (this.store);
    const answer = await store.actions.attempt(() => get(store.path(`/command?${queryOf(this.choice)}`)));
    this.command = answer?.command ?? "";
  }

  /** @param {SubmitEvent} event */
  takePart(event) {
    event.preventDefault();
    const fields = /** @type {HTMLFormElement} */ (event.target).elements;
    /** @param {string} name */
    const textOf = (name) => /** @type {HTMLInputElement} */ (fields.namedItem(name)).value;
    try {
      const changes = { start_seconds: parseTime(textOf("from")) ?? 0, end_seconds: parseTime(textOf("to")) };
      this.partProblem = "";
      void this.store?.actions.changeProject(changes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.partProblem = error.message;
    }
  }

  render() {
    const { store } = this;
    const project = store?.state.project;
    if (!store || !project) return nothing;
    const isPhotograph = project.is_photograph;
    return html`
      <div class="head">
        <h2>Render</h2>
      </div>
      <div class="scroll">
        <div class="part">
          ${this.#purposes(isPhotograph)}
          ${this.#begin(project)}
        </div>
        ${this.#results(project)} ${isPhotograph ? nothing : this.#part(project)} ${this.#film(project)}
        <div class="part">
          <details>
            <summary>${icon("chevron-right")} More</summary>
            <div class="inner">${this.#more(isPhotograph)} ${this.#asCommand()}
              <a class="button plain" href="/api${store.path("/export")}" download>${icon(
                "export",
              )} Save the project as one file</a>
            </div>
          </details>
        </div>
      </div>
    `;
  }

  /** @param {boolean} isPhotograph */
  #purposes(isPhotograph) {
    const chosen = purposeOf(this.choice, isPhotograph);
    return html`
      <div class="purposes" role="radiogroup" aria-label="What the result is for">
        ${purposes(isPhotograph).map((one) =>
          html`
            <label class="purpose">
              <input type="radio" name="purpose" .checked=${live(one.name === chosen)} @change=${() =>
                this.choose(one.choice)}>
              <span>${one.words}</span><span class="quiet">${one.why}</span>
            </label>
          `
        )}
      </div>
    `;
  }

  /** The button, or what became of it. @param {import("../core/api.d.ts").ProjectView} project */
  #begin(project) {
    const store = /** @type {FilmStore} */ (this.store);
    const { job } = this;
    if (job && ACTIVE.includes(job.state)) {
      return html`
        <div class="field">
          <div class="named"><span>${job.is_stopping
            ? "Stopping …"
            : job.state === "queued"
            ? "Waiting"
            : job.step ?? "Beginning"}</span></div>
          <progress aria-label="The render" max=${job.expected ?? 1} .value=${live(
            job.expected ? job.done : undefined,
          )}></progress>
          <p class="quiet">${progressOf(job)}</p>
        </div>
        <button class="plain" ?disabled=${job.is_stopping} @click=${() => store.actions.stopJob(job.id)}>${icon(
          "stop",
        )} Stop</button>
      `;
    }
    const wantsPicture = !project.references.length && !store.state.plan;
    const ended = job && ["stopped", "failed"].includes(job.state) ? job : null;
    return html`
      ${ended
        ? html`<p class=${ended.state === "failed" ? "problem" : "told"}>${ended.message} ${
          ended.done ? progressOf(ended) : ""
        }</p>`
        : nothing}
      ${wantsPicture ? html`<p class="told">Give a colour picture first.</p>` : nothing}
      ${ended
        ? html`<button class="plain" @click=${() => store.actions.resumeJob(ended.id)}>${
          icon("resume")
        } Go on with it</button>`
        : nothing}
      <button class="primary" ?disabled=${wantsPicture} @click=${() => store.actions.submit(taskOf(this.choice))}>
        Render the ${project.is_photograph ? "picture" : "film"}
      </button>
    `;
  }

  /** @param {import("../core/api.d.ts").ProjectView} project */
  #results(project) {
    if (!project.results.length) return nothing;
    return html`
      <section class="part" aria-label="Results">
        <h3>Results</h3>
        <ul>
          ${repeat(project.results, (/** @type {any} */ one) => one.name, (/** @type {any} */ one) =>
            html`
              <li>
                <span class="name">
                  <a class="cut" href=${one.url} download dir="auto" title=${one.name}>${one.name}</a>
                  <span class="quiet">${bytes(one.size_bytes)}${one.is_partial ? ", not whole" : ""}${one.is_outdated
                    ? ", made before the last change"
                    : ""}</span>
                </span>
                <a class="button plain" href=${one.url} download aria-label=${`Download ${one.name}`}>${icon(
                  "download",
                )}</a>
              </li>
            `)}
        </ul>
      </section>
    `;
  }

  /** @param {import("../core/api.d.ts").ProjectView} project */
  #part({ film }) {
    if (!film) return nothing;
    const isPart = film.start_seconds > 0 || film.end_seconds !== null;
    return html`
      <div class="part">
        <details ?open=${isPart}>
          <summary>${icon("chevron-right")} Only a part of the film</summary>
          <form class="inner" @submit=${this.takePart}>
            <div class="pair">
              <div class="field"><label for="from">From</label><input id="from" name="from" .value=${clockTenth(
                film.start_seconds,
              )}></div>
              <div class="field">
                <label for="to">To (empty: its end)</label>
                <input id="to" name="to" .value=${film.end_seconds === null ? "" : clockTenth(film.end_seconds)}>
              </div>
            </div>
            ${this.partProblem ? html`<p class="problem" role="alert">${this.partProblem}</p>` : nothing}
            <button class="plain">Take this part</button>
            <p class="quiet">Shots are looked for anew; pictures that lie at a frame lose their place if the start moves.</p>
          </form>
        </details>
      </div>
    `;
  }

  /** @param {import("../core/api.d.ts").ProjectView} project */
  #film({ film }) {
    if (!film) return nothing;
    const facts = [
      ["Size", `${film.width} × ${film.height}`],
      ["Rate", film.rate ? `${film.rate} a second` : "varies"],
      ["Length", film.duration ?? "not known yet"],
      ["Depth", `${film.depth} bits`],
      ["Coded as", film.codec],
    ];
    return html`
      <div class="part">
        <details>
          <summary>${icon("chevron-right")} What the film is</summary>
          <div class="inner">
            <dl>${facts.map(([name, value]) =>
              html`
                <dt>${name}</dt>
                <dd>${value}</dd>
              `
            )}</dl>
          </div>
        </details>
        ${film.warnings.map((/** @type {string} */ text) => html`<p class="told">${text}</p>`)}
      </div>
    `;
  }

  /** @param {boolean} isPhotograph */
  #more(isPhotograph) {
    const { form, layer, confidence } = this.choice;
    /** @param {Event} event */
    const valueOf = (event) => /** @type {HTMLSelectElement} */ (event.target).value;
    /** @param {Event} event */
    const isChecked = (event) => /** @type {HTMLInputElement} */ (event.target).checked;
    if (isPhotograph) return nothing;
    return html`
      <div class="field">
        <label for="format">Format</label>
        <select id="format" @change=${(/** @type {Event} */ event) => this.choose({ form: valueOf(event) || null })}>
          <option value="" ?selected=${!form}>As the film</option>
          ${this.formats.filter((one) => one.name !== "png").map((one) =>
            html`<option value=${one.name} ?selected=${one.name === form}>${one.label}</option>`
          )}
        </select>
      </div>
      <label class="choice">
        <input type="checkbox" .checked=${live(layer)} @change=${(/** @type {Event} */ event) =>
          this.choose({ layer: isChecked(event) })}>
        <span>Also the colours alone, as a layer</span>
      </label>
      <label class="choice">
        <input type="checkbox" .checked=${live(confidence)} @change=${(/** @type {Event} */ event) =>
          this.choose({ confidence: isChecked(event) })}>
        <span>Also how sure the model is, as a film</span>
      </label>
    `;
  }

  #asCommand() {
    if (!this.store?.state.plan) return nothing;
    if (!this.command) {
      return html`<button class="plain" @click=${this.readCommand}>The same as a command line</button>`;
    }
    return html`
      <div class="field">
        <label for="command">The same as a command line</label>
        <textarea id="command" readonly .value=${this.command} @focus=${(/** @type {Event} */ event) =>
          /** @type {HTMLTextAreaElement} */ (event.target).select()}></textarea>
        <button class="plain" @click=${this.copy}>Copy</button>
      </div>
    `;
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.command);
      this.store?.notify("The command was copied.");
    } catch {
      /** @type {HTMLTextAreaElement | null} */ (this.renderRoot.querySelector("#command"))?.focus(); // to be copied by hand
    }
  }
}
customElements.define("kc-render-panel", RenderPanel);
