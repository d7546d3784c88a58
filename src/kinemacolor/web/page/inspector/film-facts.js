/** What the film is, or the photograph, and the part of it that is worked on. */
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { clockTenth } from "../core/format.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { panel } from "./panel-styles.js";
import { parseTime } from "./purposes.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

class FilmFacts extends LitElement {
  static properties = { store: { attribute: false }, partProblem: { state: true } };
  static styles = [
    shared,
    panel,
    css`
      :host {
        height: auto;
      }
      .part:first-child {
        border-top: 1px solid var(--line);
        padding-top: var(--space-3);
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
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    this.partProblem = "";
    new StoreController(this, () => this.store);
  }

  /** @param {SubmitEvent} event */
  takePart(event) {
    event.preventDefault();
    const fields = /** @type {HTMLFormElement} */ (event.target).elements;
    /** What a field says; what is shown there in tenths stays exact. @param {string} name @param {number | null} now */
    const readTime = (name, now) => {
      const { value } = /** @type {HTMLInputElement} */ (fields.namedItem(name));
      return now !== null && value === clockTenth(now) ? now : parseTime(value);
    };
    const film = this.store?.state.project?.film;
    if (!film) return;
    try {
      const changes = {
        start_seconds: readTime("from", film.start_seconds) ?? 0,
        end_seconds: readTime("to", film.end_seconds),
      };
      this.partProblem = "";
      void this.store?.actions.changeProject(changes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.partProblem = error.message;
    }
  }

  render() {
    const project = this.store?.state.project;
    if (!project?.film) return nothing;
    return html`${project.is_photograph ? nothing : this.#drawPart(project.film)} ${
      this.#drawFacts(project.film, project.is_photograph)
    }`;
  }

  /** @param {import("../core/api.d.ts").FilmCard} film */
  #drawPart(film) {
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
            <button class="button">Take this part</button>
            <p class="quiet">Shots are looked for anew; what you placed, cut or chose stays with its frames.</p>
          </form>
        </details>
      </div>
    `;
  }

  /** @param {import("../core/api.d.ts").FilmCard} film @param {boolean} isPhotograph */
  #drawFacts(film, isPhotograph) {
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
          <summary>${icon("chevron-right")} What the ${isPhotograph ? "picture" : "film"} is</summary>
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
}
customElements.define("kc-film-facts", FilmFacts);
