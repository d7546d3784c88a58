/** The film itself: what it is for, its making, what was made, and the part of the film that is worked on. */
import { css, html, LitElement, live, nothing, repeat } from "../vendor/lit.js";
import { get, Latest, readSession } from "../core/client.js";
import { bytes } from "../core/format.js";
import { icon } from "../core/icons.js";
import { isActive } from "../core/jobs.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import "./film-facts.js";
import { panel } from "./panel-styles.js";
import { progressOf } from "./progress.js";
import { describeEnd } from "../queue/words.js";
import { purposeOf, purposes, queryOf, taskOf } from "./purposes.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./purposes.js").RenderChoice} RenderChoice */

const RECORD = ".kinemacolor.json"; // what the name of a result's record adds to it

class RenderPanel extends LitElement {
  static properties = {
    store: { attribute: false },
    choice: { state: true },
    formats: { state: true },
    command: { state: true },
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
      section,
      ul {
        min-width: 0;
      }
      li a {
        color: inherit;
      }
      li .name > a {
        text-decoration: none;
      }
      li .name > a:hover {
        text-decoration: underline;
      }
      li .name {
        display: grid;
        flex: 1;
        min-width: 0;
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
    this.reading = new Latest();
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
    const path = store.path(`/command?${queryOf(this.choice)}`);
    this.command =
      await store.actions.attempt(() => this.reading.run((signal) => get(path, signal), ({ command }) => command)) ??
        "";
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
        ${this.#results(project)} <kc-film-facts .store=${store}></kc-film-facts>
        <div class="part">
          <details>
            <summary>${icon("chevron-right")} More</summary>
            <div class="inner">${this.#more(isPhotograph)} ${this.#asCommand()}
              <a class="button" href="/api${store.path("/export")}" download>${icon(
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
    if (job && isActive(job)) {
      return html`
        <div class="field">
          <div class="named"><span>${job.is_stopping
            ? "Stopping …"
            : job.state === "queued"
            ? "Waiting"
            : job.step ?? "Beginning"}</span></div>
          <progress aria-label="The render" max=${job.expected ?? 1} value=${job.expected ? job.done : nothing}>
          </progress>
          <p class="quiet">${progressOf(job)}</p>
        </div>
        <button class="button" ?disabled=${job.is_stopping} @click=${() => store.actions.stopJob(job.id)}>${icon(
          "stop",
        )} Stop</button>
      `;
    }
    const wantsPicture = !project.references.length && !store.state.plan;
    const ended = job && ["stopped", "failed"].includes(job.state) ? job : null;
    return html`
      ${ended
        ? html`<p class=${ended.state === "failed" ? "problem" : "told"}>${describeEnd(ended)}${
          ended.state === "failed" && ended.message ? html`: <span dir="auto">${ended.message}</span>` : ""
        }</p>`
        : nothing}
      ${wantsPicture ? html`<p class="told">Give a colour picture first.</p>` : nothing}
      ${ended
        ? html`<button class="button primary" @click=${() => store.actions.resumeJob(ended.id)}>${
          icon("resume")
        } Resume</button>`
        : nothing}
      <button class="button ${ended ? "" : "primary"}" ?disabled=${wantsPicture} @click=${() =>
        store.actions.submit(taskOf(this.choice))}>
        Render the ${project.is_photograph ? "picture" : "film"}
      </button>
    `;
  }

  /** @param {import("../core/api.d.ts").ProjectView} project */
  #results(project) {
    if (!project.results.length) return nothing;
    const isRecord = (/** @type {{name: string}} */ one) => one.name.endsWith(RECORD);
    return html`
      <section class="part" aria-label="Results">
        <h3>Results</h3>
        <ul>
          ${repeat(project.results.filter((one) => !isRecord(one)), (one) => one.name, (one) =>
            html`
              <li>
                <span class="name">
                  <a class="cut" href=${one.url} download dir="auto" title=${one.name}>${one.name}</a>
                  <span class="quiet">${bytes(one.size_bytes)}${one.is_partial ? ", not whole" : ""}${one.is_outdated
                    ? ", made before the last change"
                    : ""}${this.#record(project.results.find(({ name }) => name === one.name + RECORD))}</span>
                </span>
                <a class="button bare" href=${one
                  .url} download title="Download" aria-label=${`Download ${one.name}`}>${icon(
                    "download",
                  )}</a>
              </li>
            `)}
        </ul>
      </section>
    `;
  }

  /** What says how a result was made, beside it. @param {import("../core/api.d.ts").ResultView | undefined} record */
  #record(record) {
    if (!record) return nothing;
    const title = "How it was made: keep it beside the film, to verify it";
    return html`, <a href=${record.url} download=${record.name} title=${title}>its record</a>`;
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
        <span>Also a map of how sure the colours are, as a film</span>
      </label>
    `;
  }

  #asCommand() {
    if (!this.store?.state.plan) return nothing;
    if (!this.command) {
      return html`<button class="button" @click=${this.readCommand}>The same as a command line</button>`;
    }
    return html`
      <div class="field">
        <label for="command">The same as a command line</label>
        <textarea id="command" readonly .value=${this.command} @focus=${(/** @type {Event} */ event) =>
          /** @type {HTMLTextAreaElement} */ (event.target).select()}></textarea>
        <button class="button" @click=${this.copy}>Copy</button>
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
