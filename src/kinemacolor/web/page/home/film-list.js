/** The films there are, as cards: found, ordered, opened, renamed, exported, removed. */
import { hasUnfinished, live, patch, post, Problem, remove } from "../core/client.js";
import { bytes, clock, count, day, lengthOf } from "../core/format.js";
import { hideBroken, icon } from "../core/icons.js";
import "../core/menu.js";
import { load, notify } from "../core/notify.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { css, html, LitElement, nothing, repeat } from "../vendor/lit.js";
import { describeState, orderFilms } from "./films.js";

/** @typedef {import("../core/api.d.ts").ProjectView} ProjectView */
/** @typedef {import("./films.js").Order} Order */

/** @type {[Order, string][]} */
const ORDERS = [["changed", "Newest first"], ["title", "By name"], ["size", "Largest first"]];
const MANY = 6; // films: from there on a field finds them

/** Fires `kc-changed` when the films of the server are others than `projects`. */
class FilmList extends LitElement {
  static properties = {
    projects: { attribute: false },
    session: { attribute: false },
    wanted: { state: true },
    order: { state: true },
    begun: { state: true },
    removed: { state: true },
  };
  static styles = [
    shared,
    css`
      .bar {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        margin: var(--space-6) 0 var(--space-3);
      }
      h2 {
        font-size: var(--text-15);
        font-weight: var(--weight-strong);
      }
      .bar input,
      .bar select {
        width: auto;
      }
      .bar input {
        min-width: 200px;
      }
      .begun {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        margin-top: var(--space-3);
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius);
        background: var(--surface-1);
        overflow-wrap: anywhere;
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(224px, 1fr));
        gap: var(--space-4);
      }
      li {
        position: relative;
        min-width: 0;
        border-radius: var(--radius);
        background: var(--surface-1);
        overflow: hidden;
      }
      li:hover {
        background: var(--surface-2);
      }
      .cover {
        position: relative;
        display: grid;
        place-items: center;
        aspect-ratio: 16 / 9;
        background: var(--room);
        color: var(--text-off);
      }
      .cover img {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: cover;
      }
      .cover progress {
        position: absolute;
        inset: auto 0 0;
        height: 3px;
        border-radius: 0;
      }
      .text {
        display: flex;
        flex-direction: column;
        align-items: flex-start;
        gap: 2px;
        min-width: 0;
        padding: var(--space-2) var(--space-2) var(--space-3) var(--space-3);
      }
      .text .row,
      .text > .cut {
        width: 100%;
      }
      .chip {
        margin-bottom: 2px;
      }
      li:hover .chip {
        background: var(--surface-3);
      }
      h3 {
        font-size: var(--text-15);
        font-weight: var(--weight-strong);
      }
      /* The whole card opens the film; what else can be pressed lies above. */
      h3 a {
        color: inherit;
        text-decoration: none;
        outline: none;
      }
      h3 a::after {
        position: absolute;
        inset: 0;
        border-radius: var(--radius);
        content: "";
      }
      h3 a:focus-visible::after {
        outline: 2px solid var(--focus);
        outline-offset: -2px;
      }
      kc-menu {
        position: relative;
        z-index: 1;
      }
      @media (max-width: 720px) {
        ul {
          grid-template-columns: minmax(0, 1fr);
          gap: var(--space-2);
        }
        li {
          display: grid;
          grid-template-columns: 124px minmax(0, 1fr);
        }
        .cover {
          aspect-ratio: auto;
          min-height: 93px;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {ProjectView[]} */
    this.projects = [];
    /** @type {import("../core/api.d.ts").Session | null} */
    this.session = null;
    this.wanted = "";
    /** @type {Order} */
    this.order = "changed";
    /** @type {import("../core/uploads.js").Upload[]} */
    this.begun = [];
    /** Ids of films that are going: they are gone from sight at once. @type {string[]} */
    this.removed = [];
    new StoreController(this, () => live);
  }

  /** In the order in which they stand. @type {ProjectView[]} */
  #shown = [];

  connectedCallback() {
    super.connectedCallback();
    if (!hasUnfinished()) return;
    void this.#attempt(async () => this.begun = await (await import("../core/uploads.js")).listBegun());
  }

  /** @param {() => Promise<unknown>} work */
  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      notify(error.message, "problem");
    }
  }

  /** @param {() => Promise<unknown>} work */
  async #change(work) {
    await this.#attempt(work);
    this.dispatchEvent(new CustomEvent("kc-changed"));
  }

  /** @param {ProjectView} project */
  async #rename(project) {
    const dialog = await load(import("../core/dialog.js"));
    const title = await dialog?.askText({ title: "Rename", label: "Name", value: project.title });
    if (title) await this.#change(() => patch(`/projects/${project.id}`, { title }));
  }

  /** Where one was removed the next one takes the focus, else the heading. @param {number} index */
  #focusCard(index) {
    const cards = /** @type {NodeListOf<HTMLElement>} */ (this.renderRoot.querySelectorAll("h3 a"));
    const next = cards[Math.min(index, cards.length - 1)] ?? this.renderRoot.querySelector("h2");
    next?.focus();
  }

  /** @param {ProjectView} project */
  async #remove(project) {
    const index = this.#shown.indexOf(project);
    const show = (/** @type {boolean} */ isRemoved) => {
      this.removed = isRemoved ? [...this.removed, project.id] : this.removed.filter((one) => one !== project.id);
    };
    const restore = async () => {
      await this.#change(() => post(`/projects/${project.id}/restore`));
      show(false);
    };
    show(true);
    await this.updateComplete;
    this.#focusCard(index);
    await this.#change(async () => {
      try {
        await remove(`/projects/${project.id}`);
        notify(`${project.title} was removed.`, "told", () => void restore());
      } catch (error) {
        show(false);
        throw error;
      }
    });
  }

  /** @param {import("../core/uploads.js").Upload} upload */
  async #discard(upload) {
    await this.#attempt(async () => (await import("../core/uploads.js")).dropBegun(upload));
    this.begun = this.begun.filter((one) => one !== upload);
  }

  render() {
    const kept = this.projects.filter((project) => !this.removed.includes(project.id));
    const films = this.#shown = orderFilms(kept, this.wanted, this.order);
    const isSent = (/** @type {{name: string, size: number}} */ one) =>
      live.state.uploads.some(({ name, size }) => name === one.name && size === one.size);
    return html`
      ${this.begun.filter((one) => !isSent(one)).map((upload) => this.#drawBegun(upload))} ${this.projects.length
        ? this.#drawBar()
        : nothing}
      <ul>
        ${repeat(films, (project) => project.id, (project) => this.#drawFilm(project))}
      </ul>
      ${kept.length && !films.length ? html`<p class="soft">No film has “${this.wanted}” in its name.</p>` : nothing}
    `;
  }

  #describeDisk() {
    const disk = this.session?.disk;
    if (!disk || disk.used_bytes === null) return "";
    return `${bytes(disk.used_bytes)} of ${bytes(disk.share_bytes ?? disk.used_bytes + disk.free_bytes)} in use`;
  }

  #drawBar() {
    /** @param {Event} event */
    const find = (event) => this.wanted = /** @type {HTMLInputElement} */ (event.target).value;
    /** @param {Event} event */
    const sort = (event) => this.order = /** @type {Order} */ (/** @type {HTMLSelectElement} */ (event.target).value);
    return html`
      <div class="bar">
        <h2 tabindex="-1">Films</h2>
        <span class="small faint number">${this.projects.length}</span>
        <span class="small faint number grow cut">
          ${this.#describeDisk()}
        </span>
        ${this.projects.length < MANY
          ? nothing
          : html`<input class="desk" type="search" placeholder="Find a film" aria-label="Find a film" @input=${find}>`}
        <select aria-label="Order" @change=${sort}>
          ${ORDERS.map(([order, words]) =>
            html`<option value=${order} ?selected=${order === this.order}>${words}</option>`
          )}
        </select>
      </div>
    `;
  }

  /** @param {import("../core/uploads.js").Upload} upload */
  #drawBegun(upload) {
    return html`
      <p class="begun">
        ${icon("upload")}
        <span class="grow">
          <bdi>${upload.name}</bdi>: ${bytes(upload.received)} of ${bytes(upload.size)} are here.
          <span class="soft">Drop the same file again, and it goes on.</span>
        </span>
        <button class="button bare" aria-label="Forget ${upload.name}" title="Forget it" @click=${() =>
          this.#discard(upload)}>
          ${icon("close")}
        </button>
      </p>
    `;
  }

  /** @param {ProjectView} project */
  #drawFilm(project) {
    const jobs = live.state.jobs.filter((job) => job.project === project.id);
    const state = describeState(project, jobs);
    const length = project.film && lengthOf(project.film);
    const facts = [
      project.is_photograph || !length ? null : clock(length),
      project.size_bytes === null ? null : bytes(project.size_bytes),
      day(project.changed),
    ];
    const items = [
      { icon: "edit", words: "Rename", act: () => void this.#rename(project) },
      { icon: "export", words: "Export", href: `/api/projects/${project.id}/export`, act: () => {} },
      {
        icon: "export",
        words: "Export with results",
        href: `/api/projects/${project.id}/export?results=true`,
        act: () => {},
      },
      { icon: "trash", words: "Remove", act: () => void this.#remove(project) },
    ];
    return html`
      <li>
        <div class="cover">
          ${project.picture
            ? html`<img @error=${hideBroken} @load=${hideBroken} src=${project.picture} alt="" loading="lazy">`
            : icon(project.is_photograph ? "picture" : "film", 32)}
          ${state.part === undefined
            ? nothing
            : html`<progress value=${state.part} aria-label=${state.words}></progress>`}
        </div>
        <div class="text">
          <div class="row">
            <h3 class="cut grow" dir="auto" title=${project.title}>
              <a href="/films/${project.id}">${project.title}</a>
            </h3>
            <kc-menu label="More for ${project.title}" .items=${items}></kc-menu>
          </div>
          <span class="chip ${state.kind}">${state.icon ? icon(state.icon) : nothing} ${state.words}</span>
          <span class="small faint number cut">
            ${facts.filter((fact) => fact !== null).join(" · ")}
            ${project.references.length ? ` · ${count(project.references.length, "picture")}` : ""}
          </span>
        </div>
      </li>
    `;
  }
}
customElements.define("kc-film-list", FilmList);
