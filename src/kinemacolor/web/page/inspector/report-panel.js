/** How good it became: which shots want a look and why, and the frames that would help most. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { get, Latest, Problem } from "../core/client.js";
import { describeFault } from "../core/faults.js";
import { clockTenth, percent } from "../core/format.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { panel } from "./panel-styles.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

class ReportPanel extends LitElement {
  static properties = { store: { attribute: false }, report: { state: true } };
  static styles = [
    shared,
    panel,
    css`
      li {
        display: grid;
        gap: var(--space-2);
        padding: var(--space-2) 0;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {any} null: there is none; undefined: not asked yet */
    this.report = undefined;
    this.revision = "";
    this.reading = new Latest();
    new StoreController(this, () => this.store);
  }

  /** A report is read anew when anything of the project has changed. */
  willUpdate() {
    const revision = this.store?.state.project?.revision ?? "";
    if (!this.store || revision === this.revision) return;
    this.revision = revision;
    const { project } = this.store.state;
    const isRendered = project?.state === "rendered" || project?.state === "outdated";
    if (isRendered && !project.is_photograph) void this.#read(this.store);
    else {
      this.reading.stop();
      this.report = null;
    }
  }

  /** @param {FilmStore} store */
  async #read(store) {
    try {
      await this.reading.run((signal) => get(store.path("/report"), signal), (report) => this.report = report);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.report = null;
    }
  }

  render() {
    const { store, report } = this;
    if (!store) return nothing;
    return html`
      <div class="head">
        <h2>Report</h2>
        ${report
          ? html`<a class="button" href=${this.#page()} target="_blank" rel="noopener">All of it ${icon("export")}</a>`
          : nothing}
      </div>
      <div class="scroll">${report
        ? this.#draw(store)
        : html`<p class="part told">${report === null ? this.#explain(store) : ""}</p>`}</div>
    `;
  }

  /** Why there is none. @param {FilmStore} store */
  #explain({ state }) {
    return state.project?.is_photograph ? "A photograph has no report." : "The report comes with the rendered film.";
  }

  #page() {
    return `/api${this.store?.path("/files/report/index.html")}`;
  }

  /** @param {FilmStore} store */
  #draw(store) {
    const { report } = this;
    const wanting = report.shots.filter((/** @type {any} */ one) => one.verdict === "look")
      .sort((/** @type {any} */ one, /** @type {any} */ other) => other.need - one.need);
    return html`
      ${report.is_outdated
        ? html`<p class="part told">${icon("warn")} The plan has changed since: render again for a report of it.</p>`
        : nothing}
      <div class="part">
        <h3>Sure of its colours <span class="value">${percent(report.mean_confidence)}</span></h3>
        <h3>Shots that want a look <span class="value">${wanting.length} of ${report.shots.length}</span></h3>
      </div>
      <section class="part" aria-label="Shots that want a look">
        ${wanting.length ? nothing : html`<p class="told">${icon("check")} No shot reaches a limit.</p>`}
        <ul>
          ${wanting.map((/** @type {any} */ one) =>
            html`
              <li>
                <div class="named"><strong>Shot ${one.number}</strong><span class="value">${clockTenth(
                  one.seconds,
                )}</span></div>
                ${Object.entries(one.reasons).map(([fault, text]) =>
                  html`
                    <div>
                      <p>${describeFault(fault, text)}</p>
                      <p class="small faint">${text.replace(/^[^:]*: /, "")}</p>
                    </div>
                  `
                )}
                <div class="pair">
                  <button class="button" aria-label=${`Look at shot ${one.number}`} @click=${() =>
                    store.actions.showFrame(one.least_sure)}>Look</button>
                  <button class="button" aria-label=${`Correct shot ${one.number}`} @click=${() =>
                    store.actions.correctFrame(one.least_sure)}>Correct</button>
                </div>
              </li>
            `
          )}
        </ul>
      </section>
      ${report.advice.length ? this.#advice(store) : nothing}
    `;
  }

  /** @param {FilmStore} store */
  #advice(store) {
    return html`
      <section class="part" aria-label="Frames that would help most">
        <h3>Frames that would help most</h3>
        <ul>
          ${this.report.advice.map((/** @type {any} */ one) =>
            html`
              <li>
                <div class="named"><span>Frame ${one.frame}</span><span class="value">${percent(
                  one.share,
                )} of the doubt</span></div>
                <div class="pair">
                  <button class="button" aria-label=${`Correct frame ${one.frame}`} @click=${() =>
                    store.actions.correctFrame(one.frame)}>Paint it</button>
                  <a class="button" href=${`/api${store.path(`/frames/${one.frame}/picture`)}`} download>${icon(
                    "download",
                  )} Save it</a>
                </div>
              </li>
            `
          )}
        </ul>
        <p
          class="quiet">Saved, coloured in any program, and given back under its name, a frame is a reference at its place.</p>
      </section>
    `;
  }
}
customElements.define("kc-report-panel", ReportPanel);
