/**
 * `<kc-filmstrip>`: the shots of the film, as they look now. Only those that are seen are in the document, so that 1,500
 * of them scroll as well as 15. The row is a list box: arrow keys move through it, Enter shows a shot, Space chooses it.
 */
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { html, LitElement, repeat } from "../vendor/lit.js";
import { openPictures } from "./choose-pictures.js";
import { filmstripStyles } from "./filmstrip-styles.js";
import { drawFinding, drawProgress, findShotJob } from "./finding.js";
import { ReferenceTarget } from "./reference-target.js";
import { drawShot } from "./shot-card.js";
import { arrange, numbersBetween, ORDERS } from "./shot-list.js";
import "./shot-tools.js";
import { thumbnailKey, Thumbnails } from "./thumbnails.js";
import { EDGE, findLayout, findWindow, GAP, scrollToItem } from "./windowing.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./shot-list.js").Shot} Shot */
/** @typedef {import("./shot-list.js").Order} Order */

const REST = 120; // ms without scrolling before thumbnails are asked for
const HANDS_OFF = 1500; // ms after the user scrolled, in which the strip does not move by itself
const NARROW = matchMedia("(max-width: 720px)");
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

class Filmstrip extends LitElement {
  static properties = { store: { attribute: false }, order: {}, active: { state: true }, isChoosing: { state: true } };
  static styles = [shared, filmstripStyles];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {Order} */
    this.order = "order";
    this.isChoosing = false;
    /** Number of the shot that the keys are on. @type {number | null} */
    this.active = null;
    /** @type {Shot[]} as they are listed */
    this.listed = [];
    /** @type {unknown[]} what `listed` was made of */
    this.madeOf = [];
    this.layout = { isVertical: NARROW.matches, pitch: 140, extent: 0 };
    this.scrolled = 0;
    this.drawn = { first: 0, end: 0 };
    /** @type {number | null} the shot that was kept in view last */
    this.followed = null;
    /** What was chosen last. @type {Set<number>} */
    this.chosen = new Set();
    this.lastTouched = 0;
    this.ownScrollUntil = 0;
    this.resting = 0;
    /** @type {Thumbnails | null} */
    this.thumbnails = null;
    /** @type {Map<string, string>} pictures of references, by name */
    this.pictures = new Map();
    /** The list box whose size is watched. @type {HTMLElement | null} */
    this.observed = null;
    this.sizes = new ResizeObserver(() => this.#measure());
    this.target = new ReferenceTarget(this, () => this.store, () => this.#list, () => this.#touch());
    new StoreController(this, () => this.store);
    this.remeasure = () => this.#measure();
  }

  get #list() {
    return /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".list"));
  }

  connectedCallback() {
    super.connectedCallback();
    NARROW.addEventListener("change", this.remeasure);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    NARROW.removeEventListener("change", this.remeasure);
    this.sizes.disconnect();
    clearTimeout(this.resting);
    this.thumbnails?.stop();
  }

  willUpdate() {
    const store = this.store;
    if (!store) return;
    this.thumbnails ??= new Thumbnails(
      (frame) => store.path(`/frames/${frame}/thumbnail`),
      () => this.requestUpdate(),
    );
    const shots = store.state.shots?.shots ?? [];
    if (shots !== this.madeOf[0] || this.order !== this.madeOf[1]) {
      this.listed = arrange(shots, this.order);
      if (shots.length !== this.madeOf[2]) this.active = null; // shots have other numbers
      this.madeOf = [shots, this.order, shots.length];
    }
    this.pictures = new Map(
      (store.state.project?.references ?? []).map((/** @type {any} */ one) => [one.name, one.url]),
    );
    this.drawn = this.#findWindow();
  }

  #findWindow() {
    const { pitch, extent } = this.layout;
    return findWindow({ scroll: this.scrolled, extent, pitch, count: this.listed.length });
  }

  updated() {
    this.#observe();
    const chosen = this.store?.state.chosen ?? this.chosen;
    if (chosen !== this.chosen) {
      this.chosen = chosen;
      this.#reveal(Math.min(...chosen)); // somebody else chose them
    }
    const current = this.store?.shotNumber() ?? null;
    if (current !== this.followed) {
      this.followed = current;
      if (performance.now() - this.lastTouched > HANDS_OFF) this.#reveal(current);
    }
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.#wantThumbnails(), REST);
  }

  #observe() {
    const list = this.#list;
    if (!list || list === this.observed) return;
    this.sizes.disconnect();
    this.sizes.observe(list);
    this.observed = list;
    this.scrolled = 0;
    // A listener of the template would be passive, and the page would scroll as well.
    list.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#measure();
  }

  #measure() {
    const list = this.#list;
    if (!list || !list.clientHeight) return;
    const film = this.store?.state.project?.film;
    const layout = findLayout({
      width: list.clientWidth,
      height: list.clientHeight,
      isVertical: NARROW.matches,
      aspect: film ? film.width / film.height : 16 / 9,
    });
    if (JSON.stringify(layout) === JSON.stringify(this.layout)) return;
    const isOther = layout.pitch !== this.layout.pitch || layout.isVertical !== this.layout.isVertical;
    this.layout = layout;
    this.requestUpdate();
    if (isOther) void this.updateComplete.then(() => this.#reveal(this.followed, "instant"));
  }

  #wantThumbnails() {
    const state = this.store?.state;
    if (!state?.plan || !this.thumbnails) return;
    const rest = JSON.stringify([state.plan.model, state.plan.options, [...this.pictures.values()]]);
    const { first, end } = findWindow({ ...this.layout, scroll: this.scrolled, count: this.listed.length, spare: 0 });
    this.thumbnails.want(
      this.listed.slice(first, end).map((shot) => ({ frame: shot.middle, key: thumbnailKey(shot, rest) })),
    );
  }

  #touch() {
    this.lastTouched = performance.now();
  }

  #scroll() {
    const list = this.#list;
    if (!list) return;
    this.scrolled = this.layout.isVertical ? list.scrollTop : list.scrollLeft;
    if (performance.now() > this.ownScrollUntil) this.#touch();
    const { first, end } = this.#findWindow();
    if (first !== this.drawn.first || end !== this.drawn.end) this.requestUpdate();
    else {
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.#wantThumbnails(), REST);
    }
  }

  /** A wheel that turns only one way scrolls the row, too. @param {WheelEvent} event */
  #wheel(event) {
    this.#touch();
    const list = this.#list;
    if (!list || this.layout.isVertical || event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    list.scrollLeft += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 32;
  }

  /** Brings a shot into view. @param {number | null} number @param {ScrollBehavior} [behavior] */
  #reveal(number, behavior = "smooth") {
    const [list, index] = [this.#list, this.listed.findIndex((shot) => shot.number === number)];
    if (!list || index < 0) return;
    const { pitch, extent, isVertical } = this.layout;
    const at = scrollToItem({ index, scroll: this.scrolled, extent, pitch, count: this.listed.length });
    if (at === this.scrolled) return;
    this.ownScrollUntil = performance.now() + 600;
    const isFar = Math.abs(at - this.scrolled) > 3 * extent;
    list.scrollTo({ [isVertical ? "top" : "left"]: at, behavior: isFar || CALM.matches ? "instant" : behavior });
  }

  /** @param {Iterable<number>} numbers */
  #choose(numbers) {
    this.chosen = new Set(numbers);
    this.store?.set({ chosen: this.chosen });
  }

  /** @param {number} number */
  #toggle(number) {
    const chosen = new Set(this.store?.state.chosen);
    if (!chosen.delete(number)) chosen.add(number);
    this.#choose(chosen);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    const number = Number(target.closest("[data-shot]")?.getAttribute("data-shot"));
    if (!number) return;
    const from = this.active ?? this.store?.shotNumber() ?? number;
    this.active = number;
    if (event.shiftKey) this.#choose([...this.store?.state.chosen ?? [], ...numbersBetween(this.listed, from, number)]);
    else if (event.ctrlKey || event.metaKey || this.isChoosing) this.#toggle(number);
    else {
      this.store?.actions.showShot(number);
      if (target.closest("[data-act=pictures]")) this.#openPictures([number]);
    }
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const at = this.listed.findIndex((shot) => shot.number === (this.active ?? this.store?.shotNumber()));
    const shot = this.listed[at];
    const page = Math.max(1, Math.floor(this.layout.extent / this.layout.pitch) - 1);
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -page, PageDown: page };
    const ends = { Home: 0, End: this.listed.length - 1 };
    const { key, ctrlKey, metaKey, altKey } = event;
    if (altKey) return;
    if (key in steps || key in ends) {
      const to = key in steps ? at + steps[key] : ends[/** @type {"Home" | "End"} */ (key)];
      this.#moveTo(Math.min(this.listed.length - 1, Math.max(0, to)), event.shiftKey ? shot : undefined);
    } else if (key === "Enter" && shot) this.store?.actions.showShot(shot.number);
    else if (key === " " && shot) this.#toggle(shot.number);
    else if (key.toLowerCase() === "a" && (ctrlKey || metaKey)) this.#choose(this.listed.map(({ number }) => number));
    else if (key === "Escape" && this.store?.state.chosen.size) this.#choose([]);
    else return;
    event.preventDefault();
  }

  /** @param {number} index @param {Shot} [from] chosen, as is all up to the other */
  #moveTo(index, from) {
    const shot = this.listed[index];
    if (!shot) return;
    this.active = shot.number;
    if (from) {
      this.#choose([...this.store?.state.chosen ?? [], ...numbersBetween(this.listed, from.number, shot.number)]);
    }
    this.#reveal(shot.number, "instant");
  }

  /** @param {number[]} [numbers] without: those that are chosen, or the one that is looked at */
  #openPictures(numbers) {
    const chosen = [...this.store?.state.chosen ?? []];
    const current = this.store?.shotNumber();
    const asked = numbers ?? (chosen.length ? chosen : current ? [current] : []);
    if (this.store && asked.length) void openPictures(this.store, asked);
  }

  /** @param {CustomEvent<Order>} event */
  #reorder(event) {
    this.order = event.detail;
    this.active = null;
    void this.updateComplete.then(() => this.#reveal(this.followed, "instant"));
  }

  render() {
    const store = this.store;
    if (!store) return html``;
    if (!store.state.shots?.shots.length) return html`<div class="strip">${drawFinding(store)}</div>`;
    const job = findShotJob(store);
    return html`
      <div class="strip">
        <kc-shot-tools .store=${store} .order=${this.order} .isChoosing=${this.isChoosing} @order=${this.#reorder}
          @choosing=${(/** @type {CustomEvent<boolean>} */ event) => (this.isChoosing = event.detail)}
          @pictures=${() => this.#openPictures()}></kc-shot-tools>
        ${job ? html`<div class="line">${drawProgress(job)}</div>` : ""} ${this.listed.length
          ? this.#drawList(store)
          : this.#drawNone()}
      </div>
    `;
  }

  #drawNone() {
    const label = ORDERS.find(({ name }) => name === this.order)?.label;
    return html`<p class="nothing">No shot is listed under “${label}”.</p>`;
  }

  /** @param {FilmStore} store */
  #drawList(store) {
    const { pitch, isVertical } = this.layout;
    const { first, end } = this.drawn;
    const current = store.shotNumber();
    const active = this.active ?? current;
    const items = this.listed.slice(first, end).map((shot, offset) => ({ shot, index: first + offset }));
    // What the keys are on stays in the document: it is what a screen reader reads.
    const index = this.listed.findIndex((shot) => shot.number === active);
    if (index >= 0 && (index < first || index >= end)) items.push({ shot: this.listed[index], index });
    const length = this.listed.length * pitch + (isVertical ? 0 : 2 * EDGE - GAP);
    return html`
      <div class=${isVertical ? "list vertical" : "list"} role="listbox" aria-label="Shots" aria-multiselectable="true"
        aria-orientation=${isVertical ? "vertical" : "horizontal"} tabindex="0"
        aria-activedescendant=${index >= 0 ? `shot-${active}` : ""}
        @scroll=${this.#scroll} @click=${this.#click} @keydown=${this.#press} @pointerdown=${this.#touch}>
        <div class="track" role="presentation" .style=${`${isVertical ? "height" : "width"}: ${length}px`}>
          ${repeat(items, ({ shot }) => shot.number, (item) => this.#drawItem(item, store, current, active))}
        </div>
      </div>
    `;
  }

  /**
   * @param {{shot: Shot, index: number}} item @param {FilmStore} store
   * @param {number | null} current @param {number | null} active
   */
  #drawItem({ shot, index }, store, current, active) {
    const { pitch, isVertical } = this.layout;
    const thumbnail = this.thumbnails?.of(shot.middle) ?? null;
    return drawShot({
      shot,
      color: thumbnail?.color ?? null,
      doubt: shot.doubt ?? thumbnail?.doubt ?? null,
      pictureOf: (name) => this.pictures.get(name),
      place: isVertical
        ? `height: ${pitch}px; transform: translateY(${index * pitch}px)`
        : `width: ${pitch - GAP}px; transform: translateX(${EDGE + index * pitch}px)`,
      position: index + 1,
      count: this.listed.length,
      isCurrent: shot.number === current,
      isActive: shot.number === active,
      isChosen: store.state.chosen.has(shot.number),
      isTarget: this.target.numbers.has(shot.number),
    });
  }
}
customElements.define("kc-filmstrip", Filmstrip);
