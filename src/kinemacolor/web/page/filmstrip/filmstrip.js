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
import { Listing } from "./listing.js";
import { ReferenceTarget } from "./reference-target.js";
import { Scroller } from "./scroller.js";
import { drawShot } from "./shot-card.js";
import { numbersBetween, ORDERS } from "./shot-list.js";
import "./shot-tools.js";
import { thumbnailKey, Thumbnails } from "./thumbnails.js";
import { EDGE, GAP } from "./windowing.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./shot-list.js").Shot} Shot */
/** @typedef {import("./shot-list.js").Order} Order */

class Filmstrip extends LitElement {
  static properties = { store: { attribute: false }, order: {}, active: { state: true }, isChoosing: { state: true } };
  static styles = [shared, filmstripStyles];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {Order} */
    this.order = "all";
    this.isChoosing = false;
    /** Number of the shot that the keys are on. @type {number | null} */
    this.active = null;
    this.listing = new Listing();
    /** @type {number | null} the shot that was kept in view last */
    this.followed = null;
    /** What was chosen last. @type {Set<number>} */
    this.chosen = new Set();
    /** @type {Thumbnails | null} */
    this.thumbnails = null;
    /** @type {Map<string, string>} pictures of references, by name */
    this.pictures = new Map();
    this.scroller = new Scroller(this, {
      list: () => this.#list,
      count: () => this.#listed.length,
      aspect: () => findAspect(this.store),
      rested: () => this.#wantThumbnails(),
      resized: () => this.#reveal(this.followed, "instant"),
    });
    this.target = new ReferenceTarget(this, () => this.store, () => this.#list, () => this.scroller.touch());
    new StoreController(this, () => this.store);
  }

  get #listed() {
    return this.listing.listed;
  }

  get #list() {
    return /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".list"));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.thumbnails?.stop();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    const store = this.store;
    if (!store) return;
    if (changed.has("store") || !this.thumbnails) {
      this.thumbnails?.stop();
      this.thumbnails = new Thumbnails(
        (frame) => store.path(`/frames/${frame}/thumbnail`),
        (frame, { doubt }) => {
          if (doubt !== null) store.set({ doubts: new Map(store.state.doubts).set(frame, doubt) });
          this.requestUpdate();
        },
      );
    }
    const shots = store.listShots();
    if (shots.length !== this.listing.shots.length) this.active = null; // they have other numbers
    this.listing.update(store.state.shots, shots, this.order);
    this.pictures = new Map(
      (store.state.project?.references ?? []).map((one) => [one.name, one.url]),
    );
    this.scroller.look();
  }

  updated() {
    const chosen = this.store?.state.chosen ?? this.chosen;
    if (chosen !== this.chosen) {
      this.chosen = chosen;
      this.#reveal(Math.min(...chosen)); // somebody else chose them
    }
    const current = this.store?.shotNumber() ?? null;
    if (current !== this.followed) {
      this.followed = current;
      if (this.scroller.isFree) this.#reveal(current);
    }
  }

  #wantThumbnails() {
    const state = this.store?.state;
    if (!state?.plan) return this.thumbnails?.stop();
    if (!this.thumbnails) return;
    const rest = JSON.stringify([state.plan.model, state.plan.options, [...this.pictures.values()]]);
    const { first, end } = this.scroller.findSeen(0);
    this.thumbnails.want(
      this.#listed.slice(first, end).map((shot) => ({ frame: shot.middle, key: thumbnailKey(shot, rest) })),
    );
  }

  /** Brings a shot into view. @param {number | null} number @param {ScrollBehavior} [behavior] */
  #reveal(number, behavior) {
    this.scroller.reveal(this.#listed.findIndex((shot) => shot.number === number), behavior);
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
    const current = this.store?.shotNumber() ?? number;
    const [from, wasClicked] = [this.active ?? current, this.active === current];
    this.active = number;
    if (event.shiftKey) {
      this.#choose([...this.store?.state.chosen ?? [], ...numbersBetween(this.#listed, from, number)]);
    } else if (this.isChoosing) this.#toggle(number);
    else if (event.ctrlKey || event.metaKey) {
      // The shot that was clicked before, which is shown now, is the first of those that are chosen together.
      const isFirst = wasClicked && !this.store?.state.chosen.size && number !== current;
      if (isFirst) this.#choose([current, number]);
      else this.#toggle(number);
    } else {
      this.store?.actions.showShot(number);
      if (target.closest("[data-act=pictures]")) this.#openPictures([number]);
    }
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const at = this.#listed.findIndex((shot) => shot.number === (this.active ?? this.store?.shotNumber()));
    const shot = this.#listed[at];
    const page = Math.max(1, Math.floor(this.scroller.layout.extent / this.scroller.layout.pitch) - 1);
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -page, PageDown: page };
    const ends = { Home: 0, End: this.#listed.length - 1 };
    const { key, ctrlKey, metaKey, altKey } = event;
    if (altKey) return;
    if (key in steps || key in ends) {
      const to = key in steps ? at + steps[key] : ends[/** @type {"Home" | "End"} */ (key)];
      this.#moveTo(Math.min(this.#listed.length - 1, Math.max(0, to)), event.shiftKey ? shot : undefined);
    } else if (key === "Enter" && shot) this.store?.actions.showShot(shot.number);
    else if (key === " " && shot) this.#toggle(shot.number);
    else if (key.toLowerCase() === "a" && (ctrlKey || metaKey)) {
      this.#choose(this.#listed.map(({ number }) => number));
    } else return;
    event.preventDefault();
  }

  /** @param {number} index @param {Shot} [from] chosen, as is all up to the other */
  #moveTo(index, from) {
    const shot = this.#listed[index];
    if (!shot) return;
    this.active = shot.number;
    if (from) {
      this.#choose([
        ...this.store?.state.chosen ?? [],
        ...numbersBetween(this.#listed, from.number, shot.number),
      ]);
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
        <kc-shot-tools .store=${store} .shots=${this.listing.shots} .order=${this.order} .isChoosing=${this
          .isChoosing} @order=${this.#reorder}
          @choosing=${(/** @type {CustomEvent<boolean>} */ event) => (this.isChoosing = event.detail)}
          @pictures=${() => this.#openPictures()}></kc-shot-tools>
        ${job ? html`<div class="line">${drawProgress(job)}</div>` : ""} ${this.#listed.length
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
    const { pitch, isVertical } = this.scroller.layout;
    const { first, end } = this.scroller.drawn;
    const current = store.shotNumber();
    const active = this.active ?? current;
    const items = this.#listed.slice(first, end).map((shot, offset) => ({ shot, index: first + offset }));
    // What the keys are on stays in the document: it is what a screen reader reads.
    const index = this.#listed.findIndex((shot) => shot.number === active);
    if (index >= 0 && (index < first || index >= end)) items.push({ shot: this.#listed[index], index });
    const length = this.#listed.length * pitch + (isVertical ? 0 : 2 * EDGE - GAP);
    return html`
      <div class=${isVertical ? "list vertical" : "list"} role="listbox" aria-label="Shots" aria-multiselectable="true"
        aria-orientation=${isVertical ? "vertical" : "horizontal"} tabindex="0"
        aria-activedescendant=${index >= 0 ? `shot-${active}` : ""}
        @click=${this.#click} @keydown=${this.#press}>
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
    const { pitch, isVertical } = this.scroller.layout;
    const thumbnail = this.thumbnails?.of(shot.middle) ?? null;
    return drawShot({
      shot,
      color: thumbnail?.color ?? null,
      doubt: shot.doubt,
      pictureOf: (name) => this.pictures.get(name),
      place: isVertical
        ? `height: ${pitch}px; transform: translateY(${index * pitch}px)`
        : `width: ${pitch - GAP}px; transform: translateX(${EDGE + index * pitch}px)`,
      position: index + 1,
      count: this.#listed.length,
      isCurrent: shot.number === current,
      isActive: shot.number === active,
      isChosen: store.state.chosen.has(shot.number),
      isTarget: this.target.numbers.has(shot.number),
    });
  }
}
customElements.define("kc-filmstrip", Filmstrip);

/** Width by height of a frame. @param {FilmStore | null} store */
function findAspect(store) {
  const film = store?.state.project?.film;
  return film ? film.width / film.height : 16 / 9;
}
