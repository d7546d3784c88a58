/** The line above the strip: which shots are listed, how many are chosen, and what can be done with cuts and pictures. */
import { list } from "../core/format.js";
import { icon } from "../core/icons.js";
import { comesFrom, Shortcuts } from "../core/keys.js";
import "../core/menu.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { css, html, LitElement, nothing } from "../vendor/lit.js";
import { canMoveCut, canSplit, nearestCut } from "./cuts.js";
import { describeJob, findShotJob } from "./finding.js";
import { countShots, MAIN_ORDERS, ORDERS } from "./shot-list.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./shot-list.js").Order} Order */
/** @typedef {import("./shot-list.js").Shot} Shot */
/** @typedef {{name: string, icon: string, words: string, key: string, can: boolean, act: () => void}} Tool */

const TOLD = 4000; // ms

/** What stands beside an icon where there is room. @type {Record<string, string>} */
const SHORT = { pictures: "Pictures…", split: "Split here", merge: "Merge with next", here: "Cut is here" };

/**
 * Fires `order` (detail: an `Order`), `choosing` (detail: whether a click on a shot chooses it) and `pictures`.
 */
class ShotTools extends LitElement {
  static properties = {
    shots: { attribute: false },
    store: { attribute: false },
    order: {},
    isChoosing: { attribute: false },
    told: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        flex: none;
      }
      .bar {
        position: relative;
        display: flex;
        align-items: center;
        gap: var(--space-2);
        height: max(40px, calc(var(--control) + 4px));
        padding: 0 var(--space-2) 0 var(--space-3);
      }
      h2 {
        font-weight: var(--weight-strong);
      }
      .segment {
        gap: 4px;
      }
      .gap {
        flex: 1;
      }
      .chip button {
        min-height: 20px;
        padding: 0;
      }
      .tools {
        display: flex;
      }
      .more {
        display: none;
      }
      @media (max-width: 1180px) {
        .tools .words {
          display: none;
        }
      }
      @media (pointer: coarse) {
        .more {
          display: inline-flex;
        }
      }
      @media (max-width: 720px) {
        .bar {
          height: 52px;
        }
        h2,
        .tools {
          display: none;
        }
        .more {
          display: inline-flex;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** @type {Shot[]} */
    this.shots = [];
    /** @type {Order} */
    this.order = "all";
    this.isChoosing = false;
    /** What the last key did, where a message for each press would be too many. */
    this.told = "";
    this.telling = 0;
    new StoreController(this, () => this.store);
    const shortcuts = this.#tools().map((tool) => ({
      keys: [tool.key],
      words: tool.words,
      act: () => this.#find(tool.name)?.act(),
      // Who paints does not cut, so that what is undone is what was done last.
      when: (/** @type {Event} */ event) =>
        (this.store?.state.panel !== "correct" || comesFrom(event, "kc-filmstrip")) &&
        this.#find(tool.name)?.can === true,
    }));
    const none = {
      keys: ["Escape"],
      words: "Choose no shot",
      act: () => this.#chooseNone(),
      when: () => Boolean(this.store?.state.chosen.size),
    };
    new Shortcuts(this, "Shots", [...shortcuts, none]);
  }

  /** @param {string} name */
  #find(name) {
    return this.#tools().find((tool) => tool.name === name);
  }

  /** What can be done now. @returns {Tool[]} */
  #tools() {
    const [store, frame] = [this.store, this.store?.state.frame ?? 0];
    const shots = store?.state.shots?.shots ?? [];
    const shot = store?.shot() ?? null;
    const cut = nearestCut(shots, frame);
    const number = shot?.number ?? 0;
    const next = number + 1;
    const [before, after] = [(cut?.first ?? 0) - 1, (cut?.first ?? 0) + 1];
    return [
      {
        name: "pictures",
        icon: "picture",
        words: "Choose pictures",
        key: "P",
        can: shots.length > 0,
        act: () => this.#tell("pictures"),
      },
      {
        name: "split",
        icon: "split",
        words: "Split at this frame",
        key: "S",
        can: canSplit(shot, frame),
        act: () =>
          void this.#edit({ split: number, at: frame }, `Shot ${number} was split: ${next} begins at frame ${frame}.`),
      },
      {
        name: "merge",
        icon: "merge",
        words: "Merge with the next shot",
        key: "M",
        can: number > 0 && number < shots.length,
        act: () => void this.#edit({ merge: number }, `Shots ${number} and ${next} are one shot now.`),
      },
      {
        name: "here",
        icon: "nudge",
        words: "The cut is at this frame",
        key: "K",
        can: canMoveCut(cut, frame),
        act: () => cut && void this.#move(cut.number, frame),
      },
      {
        name: "earlier",
        icon: "chevron-left",
        words: "Cut one frame earlier",
        key: "<",
        can: canMoveCut(cut, before),
        act: () => cut && void this.#move(cut.number, before),
      },
      {
        name: "later",
        icon: "chevron-right",
        words: "Cut one frame later",
        key: ">",
        can: canMoveCut(cut, after),
        act: () => cut && void this.#move(cut.number, after),
      },
    ];
  }

  #chooseNone() {
    this.store?.set({ chosen: new Set() });
  }

  /** Merges or splits. @param {object} edit @param {string} told */
  async #edit(edit, told) {
    const store = this.store;
    if (!(await store?.actions.editShots(edit)) || !store) return;
    store.offerUndo(told);
  }

  /** Moves the start of a shot, and looks at it. @param {number} number @param {number} first */
  async #move(number, first) {
    const store = this.store;
    if (!(await store?.actions.editShots({ move: number, first })) || !store) return;
    this.told = `Shot ${number} begins at frame ${first}`;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => (this.told = ""), TOLD);
    await store.actions.showFrame(first);
  }

  /** @param {string} name @param {unknown} [detail] */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  render() {
    const state = this.store?.state;
    const tools = this.#tools();
    const job = this.store && findShotJob(this.store);
    return html`
      <div class="bar" role="toolbar" aria-label="Shots">
        <h2>Shots</h2>
        ${this.#drawOrders()}
        ${this.#drawChosen(state?.chosen ?? new Set())}
        <span class="told soft small cut number" role="status">${job
          ? describeJob(job, this.shots.length)
          : this.told}</span>
        <span class="gap"></span>
        <div class="tools">${tools.map((tool) => this.#drawTool(tool))}</div>
        ${this.#drawMenu(tools)}
      </div>
    `;
  }

  /** Which shots are listed: the usual ways, with what was chosen of the others, and those in a menu. */
  #drawOrders() {
    const counts = countShots(this.shots);
    const seen = ORDERS.filter(({ name }, index) => index < MAIN_ORDERS || name === this.order);
    const items = ORDERS.slice(MAIN_ORDERS).map(({ name, label }) => ({
      icon: name === this.order ? "check" : "filter",
      words: name === "unsure-first" ? label : `${label} ${counts[name]}`,
      act: () => this.#tell("order", name),
    }));
    return html`
      <div class="segments number" role="group" aria-label="Which shots are listed">
        ${seen.map(({ name, label }) =>
          html`
            <button class="segment" aria-pressed=${name === this.order} @click=${() => this.#tell("order", name)}>
              ${label}${name === "unsure-first" ? nothing : html`<span class="count">${counts[name]}</span>`}
            </button>
          `
        )}
      </div>
      <kc-menu label="More ways to list shots" icon="filter" .items=${items}></kc-menu>
    `;
  }

  /** @param {Set<number>} chosen */
  #drawChosen(chosen) {
    if (!chosen.size) return nothing;
    const words = chosen.size === 1 ? "1 shot chosen" : `${chosen.size} chosen`;
    return html`
      <span class="chip" title=${list([...chosen].sort((one, other) => one - other))}>
        <span role="status">${words}</span>
        <button class="button bare" aria-label="Choose none" title="Choose none (Esc)" @click=${this.#chooseNone}>
          ${icon("close", 12)}
        </button>
      </span>
    `;
  }

  /** @param {Tool} tool */
  #drawTool(tool) {
    return html`
      <button class="button bare" title="${tool.words} (${tool.key})" aria-label=${tool.words} aria-keyshortcuts=${tool
        .key}
        ?disabled=${!tool.can} @click=${tool.act}>
        ${icon(tool.icon)}${SHORT[tool.name] ? html`<span class="words">${SHORT[tool.name]}</span>` : nothing}
      </button>
    `;
  }

  /** What there is no room for, and what a finger cannot do otherwise. @param {Tool[]} tools */
  #drawMenu(tools) {
    const choosing = {
      icon: "check",
      words: this.isChoosing ? "End choosing" : "Choose several shots",
      act: () => this.#tell("choosing", !this.isChoosing),
    };
    const items = tools.map(({ icon, words, act, can }) => ({ icon, words, act, isOff: !can }));
    return html`<kc-menu class="more" label="More for shots" .items=${[choosing, ...items]}></kc-menu>`;
  }
}
customElements.define("kc-shot-tools", ShotTools);
