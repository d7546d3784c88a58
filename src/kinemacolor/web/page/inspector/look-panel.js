/** How it looks: strength, sharpness and quality of the film, of the shot, or of the shots that are chosen. */
import { readSession } from "../core/client.js";
import { html, LitElement, live, nothing } from "../vendor/lit.js";
import { span } from "../core/format.js";
import { icon } from "../core/icons.js";
import { StoreController } from "../core/store.js";
import { filled, shared } from "../core/styles.js";
import { wantsLook } from "../filmstrip/shot-list.js";
import {
  inSteps,
  mixedOf,
  qualities,
  renderSeconds,
  scopeOf,
  SHARPNESS,
  shotsOf,
  unlessOwn,
  valuesOf,
} from "./look-choices.js";
import { panel } from "./panel-styles.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("../core/api.d.ts").ModelView} ModelView */

class LookPanel extends LitElement {
  static properties = { store: { attribute: false }, scope: { state: true }, models: { state: true } };
  static styles = [
    shared,
    panel,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {import("./look-choices.js").Scope} */
    this.scope = "film";
    /** @type {ModelView[]} */
    this.models = [];
    /** Names of the values that differ among the shots that are chosen. @type {Set<string>} */
    this.mixed = new Set();
    new StoreController(this, () => this.store);
  }

  connectedCallback() {
    super.connectedCallback();
    void this.store?.actions.attempt(async () => {
      this.models = (await readSession()).models;
    });
  }

  /** Shots that were chosen together may be so no more: then the choice does not come back by itself. */
  willUpdate() {
    if (this.store) this.scope = scopeOf(this.scope, this.store.state.chosen);
  }

  /** The model of the plan; the default one until there is a plan. */
  get model() {
    const name = this.store?.state.plan?.model;
    return this.models.find((one) => (name ? one.name === name : one.is_default));
  }

  /** Sends options of what `scope` says. @param {Record<string, unknown>} changes */
  async change(changes) {
    const store = this.store;
    if (!store?.state.plan) return;
    const { chosen } = store.state;
    const numbers = shotsOf(scopeOf(this.scope, chosen), store.shotNumber(), chosen);
    if (numbers && !numbers.length) return;
    if (!numbers) await store.actions.changePlan({ options: changes });
    else await store.actions.editShots({ options: Object.fromEntries(numbers.map((number) => [number, changes])) });
    store.set({ trial: null });
  }

  render() {
    const { store, model } = this;
    if (!store || !model) return nothing;
    const { plan, project } = store.state;
    const numbers = shotsOf(this.scope, store.shotNumber(), store.state.chosen);
    const isOfShot = Boolean(numbers?.length);
    const options = (numbers ?? []).map((number) => store.state.shots?.shots[number - 1]?.options ?? {});
    const values = valuesOf(model, plan?.options ?? {}, options[0]);
    this.mixed = mixedOf(model, plan?.options ?? {}, options);
    return html`
      <div class="head">
        <h2>Look</h2>
        ${project?.is_photograph ? nothing : this.#scopes()}
      </div>
      <div class="scroll">
        ${plan ? nothing : html`<p class="part told">${waiting(store)}</p>`}
        <fieldset class="part" ?disabled=${!plan}>
          <legend class="unseen">Look of ${this.scope === "chosen"
            ? "the chosen shots"
            : isOfShot
            ? "the shot"
            : "the film"}</legend>
          ${this.#strength(values.saturation, model, isOfShot)} ${this.#sharpness(values.edge_filter, model, isOfShot)}
          ${this.#quality(values.short_side, model, isOfShot)}
        </fieldset>
        <div class="part">
          <details>
            <summary>${icon("chevron-right")} More</summary>
            <div class="inner">${this.#more(values.short_side, model, isOfShot)}</div>
          </details>
        </div>
        ${plan ? this.#doubtful() : nothing}
      </div>
    `;
  }

  #scopes() {
    const store = /** @type {FilmStore} */ (this.store);
    const number = store.shotNumber();
    const chosen = store.state.chosen.size;
    /** @type {["film" | "shot" | "chosen", string, boolean][]} */
    const scopes = [["film", "Film", true], ["shot", `Shot ${number ?? ""}`, number !== null], [
      "chosen",
      `${chosen} shots`,
      chosen > 1,
    ]];
    return html`
      <div class="segments" role="group" aria-label="What the choices below are for">
        ${scopes.filter(([scope, , can]) => can || scope === this.scope).map(([scope, words, can]) =>
          html`<button class="segment" aria-pressed=${
            String(this.scope === scope)
          } ?disabled=${!can} @click=${() => (this.scope = scope)}>${words}</button>`
        )}
      </div>
    `;
  }

  /** What holds where nothing is chosen here: for a shot the film's, for the film the model's. @param {ModelView} model @param {boolean} isOfShot */
  #otherwise(model, isOfShot) {
    return valuesOf(model, isOfShot ? this.store?.state.plan?.options ?? {} : {}, undefined);
  }

  /** @param {number} value @param {ModelView} model @param {boolean} isOfShot */
  #strength(value, model, isOfShot) {
    const store = /** @type {FilmStore} */ (this.store);
    const shown = store.state.trial?.saturation ?? value;
    const isMixed = this.mixed.has("saturation") && store.state.trial?.saturation === undefined;
    /** @param {Event} event */
    const numberOf = (event) => Number(/** @type {HTMLInputElement} */ (event.target).value) / 100;
    return html`
      <div class="field">
        <div class="named"><label for="strength">Strength</label><output>${isMixed
          ? "mixed"
          : `${Math.round(100 * shown)} %`}</output></div>
        <input
          type="range" id="strength" min="0" max="200" step="5" .value=${live(String(Math.round(100 * shown)))}
          .style=${filled(100 * shown, 0, 200)}
          @input=${(/** @type {Event} */ event) =>
            store.set({ trial: { ...store.state.trial, saturation: numberOf(event) } })}
          @change=${(/** @type {Event} */ event) =>
            this.change({ saturation: unlessOwn(numberOf(event), this.#otherwise(model, isOfShot).saturation) })}
        >
        <div class="ends" aria-hidden="true"><span>gray</span><span>strong</span></div>
      </div>
    `;
  }

  /** @param {string} value @param {ModelView} model @param {boolean} isOfShot */
  #sharpness(value, model, isOfShot) {
    const shown = this.store?.state.trial?.edge_filter ?? value;
    /** @param {string} filter */
    const choose = (filter) => {
      this.store?.set({ trial: { ...this.store.state.trial, edge_filter: filter } });
      void this.change({ edge_filter: unlessOwn(filter, this.#otherwise(model, isOfShot).edge_filter) });
    };
    const isMixed = this.mixed.has("edge_filter") && this.store?.state.trial?.edge_filter === undefined;
    return segments("Sharpness of colour edges", SHARPNESS, isMixed ? null : shown, choose);
  }

  /** @param {number} value @param {ModelView} model @param {boolean} isOfShot */
  #quality(value, model, isOfShot) {
    const offered = qualities(model);
    const seconds = renderSeconds(/** @type {FilmStore} */ (this.store).state);
    const cost = seconds ? `about ${span(seconds)}` : offered.find((one) => one.value === value)?.cost ?? "see More";
    /** @param {number} size */
    const choose = (size) =>
      void this.change({ short_side: unlessOwn(size, this.#otherwise(model, isOfShot).short_side) });
    const isMixed = this.mixed.has("short_side");
    return segments("Quality", offered, isMixed ? null : value, choose, isMixed ? undefined : cost);
  }

  /** @param {number} size @param {ModelView} model @param {boolean} isOfShot */
  #more(size, model, isOfShot) {
    const store = /** @type {FilmStore} */ (this.store);
    const { plan } = store.state;
    /** @param {Event} event */
    const isChecked = (event) => /** @type {HTMLInputElement} */ (event.target).checked;
    return html`
      ${model.can_fill
        ? html`
          <label class="choice">
            <input type="checkbox" ?disabled=${!plan} .checked=${live(Boolean(plan?.options.fill))}
              @change=${(/** @type {Event} */ event) =>
                store.actions.changePlan({ options: { fill: isChecked(event) } })}>
            <span>Guess typical colours where no picture shows any</span>
          </label>
        `
        : nothing}
      <button class="button" ?disabled=${!plan} @click=${() =>
        this.change({ short_side: null, saturation: null, edge_filter: null })}>
        ${isOfShot ? "As the film" : "Back to the usual"}
      </button>
      <details>
        <summary>${icon("chevron-right")} For experts</summary>
        <div class="inner">${this.#forExperts(size, model, isOfShot)}</div>
      </details>
    `;
  }

  /** @param {number} size @param {ModelView} model @param {boolean} isOfShot */
  #forExperts(size, model, isOfShot) {
    const store = /** @type {FilmStore} */ (this.store);
    const { plan } = store.state;
    /** @param {Event} event */
    const valueOf = (event) => /** @type {HTMLInputElement} */ (event.target).value;
    /** @param {Event} event */
    const isChecked = (event) => /** @type {HTMLInputElement} */ (event.target).checked;
    return html`
      <div class="field">
        <label for="model">Model</label>
        <select id="model" ?disabled=${!plan} @change=${(/** @type {Event} */ event) =>
          store.actions.changePlan({ model: valueOf(event) })}>
          ${this.models.map((one) =>
            html`<option value=${one.name} ?selected=${one.name === model.name}>${one.name}${
              one.is_default ? ", our own" : ", as published"
            }</option>`
          )}
        </select>
        ${model.notices.map((/** @type {string} */ text) => html`<p class="quiet">${text}</p>`)}
      </div>
      <div class="field">
        <label for="size">Working size: short side in px</label>
        <input type="number" id="size" min="64" max="1080" step="4" ?disabled=${!plan} .value=${live(String(size))}
          @change=${(/** @type {Event} */ event) =>
            this.change({
              short_side: unlessOwn(inSteps(Number(valueOf(event))), this.#otherwise(model, isOfShot).short_side),
            })}>
        <p class="quiet">Larger is finer, and slower.</p>
      </div>
      <label class="choice">
        <input type="checkbox" ?disabled=${!plan} .checked=${live(Boolean(plan?.options.crop))}
          @change=${(/** @type {Event} */ event) => store.actions.changePlan({ options: { crop: isChecked(event) } })}>
        <span>Colour the middle 16:9 only, as a published script does</span>
      </label>
    `;
  }

  #doubtful() {
    const store = /** @type {FilmStore} */ (this.store);
    const shots = store.listShots().filter(wantsLook);
    const here = store.shotNumber() ?? 0;
    const next = shots.find((one) => one.number > here) ?? shots[0];
    if (store.state.project?.is_photograph) return nothing;
    return html`
      <div class="part">
        <h3>Shots that want a look <span class="value">${shots.length || "none known"}</span></h3>
        <div class="pair">
          <button class="button" ?disabled=${!next} @click=${() =>
            store.actions.showShot(next.number)}>Next one</button>
          <button class="button" @click=${() => store.actions.correctFrame(store.state.frame)}>Correct frame</button>
        </div>
      </div>
    `;
  }
}
customElements.define("kc-look-panel", LookPanel);

/**
 * One of a few, side by side.
 * @template T @param {string} name @param {{value: T, words: string}[]} offered @param {T | null} value null: several
 * @param {(value: T) => void} choose @param {string} [told]
 */
function segments(name, offered, value, choose, told) {
  return html`
    <div class="field">
      <div class="named"><span>${name}</span><span class="value">${told ??
        (value === null ? "mixed" : offered.find((one) => one.value === value)?.words ?? "")}</span></div>
      <div class="segments wide" role="group" aria-label=${name}>
        ${offered.map((one) =>
          html`<button class="segment" aria-pressed=${String(one.value === value)} @click=${() =>
            choose(one.value)}>${one.words}</button>`
        )}
      </div>
    </div>
  `;
}

/** Why nothing can be chosen yet. @param {FilmStore} store */
function waiting({ state }) {
  if (!state.project) return "";
  if (!state.project.references.length) return "Give a colour picture: then you see here how it may look.";
  if (state.project.is_photograph) return "The picture is being coloured.";
  return `Pictures are being chosen for the shots. ${
    state.firstLook?.color ? "The first frame is in colour already." : ""
  }`;
}
