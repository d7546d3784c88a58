/**
 * `<kc-references>`: the pictures and colour films that the colours come from: where each is used, and giving more of them.
 */
import { count, list, percent } from "../core/format.js";
import { hideBroken, icon } from "../core/icons.js";
import "../core/menu.js";
import { live } from "../core/client.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { findShotJob } from "../filmstrip/finding.js";
import { wantsPicture } from "../filmstrip/shot-list.js";
import { classMap, html, LitElement, nothing, repeat } from "../vendor/lit.js";
import { addPictures, arrivalsOf, pickFiles } from "./adding.js";
import { dragReference } from "./drag.js";
import { giveReference } from "./give.js";
import { groupReferences, labelOf } from "./reference-list.js";
import { referencesStyles } from "./references-styles.js";
import "./suggested-frames.js";
import "./wanted-picture.js";
import { WindowDrop } from "./window-drop.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./adding.js").Arrival} Arrival */
/** @typedef {import("./reference-list.js").Reference} Reference */
/** @typedef {import("./reference-list.js").ReferenceGroup} ReferenceGroup */

class References extends LitElement {
  static properties = { store: { attribute: false }, opened: { state: true } };
  static styles = [shared, referencesStyles];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** Files of the colour films whose stills are shown. @type {Set<string>} */
    this.opened = new Set();
    this.drop = new WindowDrop(this, (files) => this.#add(files));
    new StoreController(this, () => this.store);
    new StoreController(this, () => this.store && arrivalsOf(this.store));
    new StoreController(this, () => live); // how far uploads are
  }

  updated() {
    const overlay = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[popover]"));
    if (overlay && overlay.matches(":popover-open") !== this.drop.isOver) overlay.togglePopover(this.drop.isOver);
  }

  /** @param {File[]} files */
  #add(files) {
    if (this.store && files.length) void addPictures(this.store, files);
  }

  async #pick() {
    this.#add(await pickFiles());
  }

  /** @param {Reference} reference */
  async #replace({ file, frame }) {
    const [picked] = await pickFiles(false);
    if (this.store && picked) void addPictures(this.store, [picked], { frame, instead: file });
  }

  /** Chooses the shots that use it, or none when they are chosen. @param {Reference} reference */
  #chooseShots({ used, frame }) {
    const store = this.store;
    if (!store) return;
    const chosen = isChosen(store, used) ? [] : used;
    store.set({ chosen: new Set(chosen) });
    if (!used.length && frame !== null) void store.actions.showFrame(frame);
  }

  /** The next one takes the focus of the one that goes, else the heading. @param {FilmStore} store @param {Reference} reference */
  async #remove(store, { file }) {
    const cards = () => /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll(".reference .item")]);
    const focused = this.renderRoot.querySelector(".reference:focus-within .item");
    const index = cards().findIndex((one) => one === focused);
    await store.actions.removeReference(file);
    await this.updateComplete;
    if (index < 0 || focused?.isConnected) return;
    const left = cards();
    const next = left[Math.min(index, left.length - 1)] ?? this.renderRoot.querySelector("h2");
    /** @type {HTMLElement} */ (next).focus();
  }

  render() {
    const store = this.store;
    if (!store) return nothing;
    /** @type {Reference[]} */
    const references = store.state.project?.references ?? [];
    const groups = groupReferences(references);
    const { items } = arrivalsOf(store).state;
    const isPhotograph = Boolean(store.state.project?.is_photograph);
    const shot = isPhotograph ? null : store.shot();
    return html`
      <div class="column">
        <div class="head">
          <h2 tabindex="-1">References</h2>
          <span class="faint small">${groups.length || ""}</span>
          <span class="grow"></span>
          <button class="button bare" aria-label="Add pictures" title="Add pictures" @click=${this.#pick}>${icon(
            "add",
          )}</button>
        </div>
        <div class="scroll">
          ${items.length ? this.#drawArrivals(store, items) : nothing}
          <ul aria-label="References">
            ${repeat(groups, (one) => one.reference.file, (one) => this.#drawGroup(store, one))}
          </ul>
          ${references.length ? nothing : html`
            <p class="empty soft">
              A reference is a picture in colour of what is seen here: its colours are carried over to everything that it fits.
            </p>
          `}
          <kc-suggested-frames class="advice" .store=${store}></kc-suggested-frames>
          ${store.state.plan && shot && wantsPicture(shot)
            ? html`<kc-wanted-picture class="advice" .store=${store} .shot=${shot}></kc-wanted-picture>`
            : nothing}
        </div>
        <button class="drop" @click=${this.#pick}>
          ${icon("picture")}
          <span class="desk" title=${isPhotograph ? nothing : "Here, or on a shot"}>Drop pictures</span>
          <span class="narrow">Add colour pictures</span>
        </button>
      </div>
      <div class="overlay" popover="manual">
        <p>${icon("picture", 32)}Drop colour pictures here${isPhotograph ? "" : ", or on a shot"}</p>
      </div>
    `;
  }

  /** @param {string} file of a colour film */
  #toggle(file) {
    const opened = new Set(this.opened);
    if (!opened.delete(file)) opened.add(file);
    this.opened = opened;
  }

  /** @param {FilmStore} store @param {ReferenceGroup} group */
  #drawGroup(store, { reference, stills }) {
    const isOpen = this.opened.has(reference.file);
    return html`
      ${this.#drawReference(store, reference)}
      ${stills.length
        ? html`
          <li>
            <button class="disclose" aria-expanded=${isOpen} @click=${() => this.#toggle(reference.file)}>
              ${icon("chevron-right")}${count(stills.length, "still")} of it
            </button>
          </li>
        `
        : nothing}
      ${isOpen ? stills.map((still) => this.#drawReference(store, still)) : nothing}
    `;
  }

  /** @param {FilmStore} store @param {Reference} reference */
  #drawReference(store, reference) {
    const { url, used, frame } = reference;
    const name = labelOf(reference);
    const hasChosen = isChosen(store, used);
    const isPlanning = !store.state.plan || findShotJob(store)?.kind === "plan";
    const where = store.state.project?.is_photograph
      ? ""
      : used.length
      ? list(used)
      : isPlanning
      ? "being chosen"
      : "not used";
    const facts = [where, frame === null ? "" : `is frame ${frame}`].filter(Boolean).join(" · ");
    /** @param {KeyboardEvent} event */
    const press = (event) => event.key === "Delete" && void this.#remove(store, reference);
    return html`
      <li class=${classMap({ reference: true, chosen: hasChosen })}>
        <button class="item" aria-pressed=${hasChosen} title=${[name, facts].filter(Boolean).join(": ")}
          aria-label="${[name, facts].filter(Boolean).join(", ")}${reference.is_partial ? ", partial" : ""}${used.length
            ? ": choose its shots"
            : ""}"
          @click=${() => this.#chooseShots(reference)} @keydown=${press}
          @pointerdown=${(/** @type {PointerEvent} */ event) => reference.is_film || dragReference(event, reference)}>
          <span class="picture">
            <img @error=${hideBroken} @load=${hideBroken} class="thumb" src=${url} alt="" loading="lazy" decoding="async" draggable="false">
            ${reference.is_film ? html`<span class="mark" title="A colour film">${icon("film")}</span>` : nothing}
            ${reference.is_partial
              ? html`<span class="mark" title="Partial: only what is painted counts">${icon("brush")}</span>`
              : nothing}
          </span>
          <span class="grow">
            <span class="line cut name" dir="auto">${name}</span>
            <span class="line small soft cut number">${where}</span>
            ${frame === null
              ? nothing
              : html`<span class="chip" title="It shows frame ${frame} of the film">frame ${frame}</span>`}
          </span>
        </button>
        <kc-menu label="More for ${name}" .items=${this.#listActs(store, reference)}></kc-menu>
      </li>
    `;
  }

  /** @param {FilmStore} store @param {Reference} reference @returns {import("../core/menu.js").Item[]} */
  #listActs(store, reference) {
    const { name, frame } = reference;
    const chosen = [...store.state.chosen];
    const isOff = !store.state.plan;
    if (store.state.project?.is_photograph || reference.is_film) return this.#listCommonActs(store, reference);
    return [
      ...(frame === null
        ? []
        : [{ icon: "search", words: `Show frame ${frame}`, act: () => void store.actions.showFrame(frame) }]),
      {
        icon: "film",
        words: chosen.length ? `Give to ${count(chosen.length, "chosen shot")}` : "Give to this shot",
        act: () => void giveReference(store, name, chosen.length ? chosen : [store.shotNumber() ?? 1]),
        isOff,
      },
      { icon: "add", words: "Give to all shots", act: () => void giveReference(store, name, null), isOff },
      ...this.#listCommonActs(store, reference),
    ];
  }

  /** What can be done with the reference of a photograph, too. @param {FilmStore} store @param {Reference} reference */
  #listCommonActs(store, reference) {
    const remove = { icon: "trash", words: "Remove", act: () => void this.#remove(store, reference) };
    if (reference.still_of !== null) return [remove];
    return [{ icon: "upload", words: "Replace…", act: () => void this.#replace(reference) }, remove];
  }

  /** @param {FilmStore} store @param {Arrival[]} items */
  #drawArrivals(store, items) {
    const words = items.map(({ file, problem }) => problem ?? `${file.name} is on its way`).join(". ");
    return html`
      <p class="unseen" role="status">${words}</p>
      <ul aria-label="Pictures on their way">
        ${repeat(items, (one) => one.key, (one) => this.#drawArrival(store, one))}
      </ul>
    `;
  }

  /** @param {FilmStore} store @param {Arrival} arrival */
  #drawArrival(store, { key, file, frame, state, sending, problem }) {
    const share = sending ? sending.received / Math.max(1, sending.size) : 0;
    const words = {
      waiting: "waits",
      sending: sending?.isBroken ? "waits for the server" : percent(Math.min(share, 0.99)),
      checking: "is looked at …",
      refused: problem ?? "",
    }[state];
    const label = state === "refused" ? `Forget ${file.name}` : `Stop ${file.name}`;
    return html`
      <li class="arrival">
        <span class="grow">
          <span class="line cut name" dir="auto" title=${file.name}>${file.name}</span>
          <span class=${state === "refused" ? "line small bad" : "line small soft"}>
            ${words}${frame !== null && state !== "refused" ? ` · is placed at frame ${frame}` : ""}
          </span>
          ${state === "refused" || state === "waiting"
            ? nothing
            : html`<progress aria-label="Sending ${file.name}" max="1" value=${
              state === "sending" ? share : nothing
            }></progress>`}
        </span>
        ${state === "checking" ? nothing : html`
          <button class="button bare" aria-label=${label} title=${label} @click=${() => arrivalsOf(store).drop(key)}>
            ${icon("close")}
          </button>
        `}
      </li>
    `;
  }
}
customElements.define("kc-references", References);

/** Are just these shots chosen? @param {FilmStore} store @param {number[]} used */
const isChosen = ({ state: { chosen } }, used) =>
  used.length > 0 && used.length === chosen.size && used.every((number) => chosen.has(number));
