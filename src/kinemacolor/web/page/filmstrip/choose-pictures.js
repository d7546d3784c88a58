/** The dialog in which shots get their pictures, by ticking them: what dragging does, for keys and fingers. */
import { showSheet } from "../core/dialog.js";
import { count } from "../core/format.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { addPictures, pickFiles } from "../references/adding.js";
import { giveReference } from "../references/give.js";
import { labelOf, listGivable } from "../references/reference-list.js";
import "../references/wanted-picture.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { assignReferences, describeScore, wantsPicture } from "./shot-list.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./shot-list.js").Shot} Shot */
/** @typedef {import("../references/reference-list.js").Reference} Reference */

/** Opens the dialog. @param {FilmStore} store @param {number[]} numbers of shots */
export function openPictures(store, numbers) {
  const title = numbers.length === 1 ? `Pictures for shot ${numbers[0]}` : `Pictures for ${numbers.length} shots`;
  return showSheet(title, html`<kc-choose-pictures .store=${store} .numbers=${numbers}></kc-choose-pictures>`);
}

class ChoosePictures extends LitElement {
  static properties = { store: { attribute: false }, numbers: { attribute: false }, ticked: { state: true } };
  static styles = [
    shared,
    css`
      .all {
        display: grid;
        gap: var(--space-3);
      }
      legend {
        padding: 0;
        color: var(--text-soft);
      }
      .list {
        display: grid;
        gap: 2px;
        margin-top: var(--space-2);
      }
      .choice {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        min-width: 0;
      }
      label {
        display: flex;
        flex: 1;
        align-items: center;
        gap: var(--space-3);
        min-width: 0;
        min-height: var(--control);
        padding: var(--space-1) 0;
        cursor: pointer;
      }
      .words {
        min-width: 0;
      }
      .words > * {
        display: block;
      }
      .foot {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {number[]} */
    this.numbers = [];
    /** What was ticked or unticked here, by name. @type {Map<string, boolean>} */
    this.ticked = new Map();
    new StoreController(this, () => this.store);
  }

  /** @returns {Shot[]} */
  get #shots() {
    return (this.store?.listShots() ?? []).filter((shot) => this.numbers.includes(shot.number));
  }

  #close() {
    this.closest("dialog")?.close();
  }

  /** @param {Record<string, string[]>} references of the shots that change */
  async #apply(references) {
    const store = this.store;
    this.#close();
    if (!store || !(await store.actions.editShots({ references }))) return;
    const changed = Object.keys(references);
    const which = changed.length === 1 ? `shot ${changed[0]}` : count(changed.length, "shot");
    store.offerUndo(`The pictures of ${which} were changed.`);
  }

  /** @param {string} name */
  #giveAll(name) {
    this.#close();
    if (this.store) void giveReference(this.store, name, null);
  }

  async #addOwn() {
    const files = await pickFiles();
    if (!this.store || !files.length) return;
    void addPictures(this.store, files, { shots: this.numbers });
    this.#close();
  }

  render() {
    const { store } = this;
    if (!store) return nothing;
    const shots = this.#shots;
    const references = listGivable(store.state.project?.references ?? []);
    const changed = assignReferences(shots, this.ticked);
    const bare = Object.entries(changed).filter(([, names]) => !names.length).map(([number]) => number);
    return html`
      <div class="all">
        ${shots.length === 1 && store.state.plan && wantsPicture(shots[0])
          ? html`
            <kc-wanted-picture .store=${store} .shot=${shots[0]} .isAlone=${false}
              @click=${this.#leave}></kc-wanted-picture>
          `
          : nothing}
        ${references.length ? this.#drawList(shots, references) : html`<p>There is no picture yet: add one.</p>`}
        ${bare.length ? html`<p class="bad" role="alert">Shot ${bare[0]} needs at least one picture.</p>` : nothing}
        <div class="foot">
          <button class="button" @click=${this.#addOwn}>${icon("add")}A picture of your own…</button>
          <span class="grow"></span>
          <button class="button primary" ?disabled=${bare.length > 0 || !Object.keys(changed).length}
            @click=${() => this.#apply(changed)}>Use these</button>
        </div>
      </div>
    `;
  }

  /** Painting happens in the window, so the dialog goes. @param {Event} event */
  #leave(event) {
    const path = /** @type {Element[]} */ (event.composedPath());
    if (path.some((one) => one instanceof HTMLButtonElement)) this.#close();
  }

  /** @param {Shot[]} shots @param {Reference[]} references */
  #drawList(shots, references) {
    const isOff = !this.store?.state.plan;
    return html`
      <fieldset ?disabled=${isOff}>
        <legend>
          ${isOff
            ? "Pictures are chosen for the shots first."
            : "These give the colours. The number says how well one fits; 100 % is the same scene."}
        </legend>
        <div class="list">${references.map((reference) => this.#drawChoice(shots, reference))}</div>
      </fieldset>
    `;
  }

  /** @param {Shot[]} shots @param {Reference} reference */
  #drawChoice(shots, reference) {
    const { name, url } = reference;
    const label = labelOf(reference);
    const users = shots.filter((shot) => shot.references.some((one) => one.name === name));
    const isOn = this.ticked.get(name) ?? users.length === shots.length;
    const isMixed = !this.ticked.has(name) && users.length > 0 && users.length < shots.length;
    const score = shots.length === 1 ? users[0]?.references.find((one) => one.name === name)?.score : undefined;
    const words = isMixed
      ? `used by ${users.length} of ${shots.length}`
      : score === undefined
      ? ""
      : describeScore(score);
    /** @param {Event} event */
    const tick = (event) => {
      this.ticked = new Map(this.ticked).set(name, /** @type {HTMLInputElement} */ (event.target).checked);
    };
    return html`
      <div class="choice">
        <label>
          <input type="checkbox" .checked=${isOn} .indeterminate=${isMixed} @change=${tick}>
          <img class="thumb" src=${url} alt="" loading="lazy">
          <span class="words">
            <bdi class="cut" title=${label}>${label}</bdi>
            ${words ? html`<span class="small soft">${words}</span>` : nothing}
          </span>
        </label>
        <button class="button" aria-label="Give ${label} to all shots" @click=${() =>
          this.#giveAll(name)}>To all shots</button>
      </div>
    `;
  }
}
customElements.define("kc-choose-pictures", ChoosePictures);
