/**
 * The frame that is painted on: tools, strokes with their steps, and what becomes of them.
 *
 * It opens the frame that the film's store looks at while the panel `correct` is shown. Strokes that were not kept stay
 * with their frame. What has to do with the server after a stroke (its spread, keeping it) is in `conversation.js`.
 */
import { get } from "../core/client.js";
import { startOf } from "../core/film-store.js";
import { Store } from "../core/store.js";
import { Regions } from "./areas.js";
import { Conversation } from "./conversation.js";
import { Drafts } from "./drafts.js";
import * as steps from "./history.js";
import { layKeptStrokes, PaintLayer } from "./layer.js";
import { readPixels } from "./pixels.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("./history.js").Operation} Operation */
/** @typedef {import("./history.js").History} History */
/** @typedef {"brush" | "fill" | "regions" | "eraser" | "picker"} Tool */
/** @typedef {{picture: string, painted_on: string, width: number, height: number, references: string[], strokes: string | null}} Paintable */
/** @typedef {{frame: number, before: string, after: string}} SpreadFrame */

/**
 * @typedef {object} Spread
 * @property {"none" | "waiting" | "working" | "shown" | "failed"} status
 * @property {number[]} asked frames that are being coloured
 * @property {readonly SpreadFrame[]} frames what was shown last, of `frame`
 * @property {string | null} problem
 */

/**
 * @typedef {object} PaintState
 * @property {Tool} tool
 * @property {string} color `#rrggbb`
 * @property {string} otherColor the one before, which `X` takes
 * @property {readonly string[]} recent colours that were painted with, the latest first
 * @property {number} size px of the frame
 * @property {number} hardness 0..1
 * @property {number} strength 0..1
 * @property {number} tolerance of a fill, codes of gray
 * @property {number | null} frame that is open; null: none yet
 * @property {Paintable | null} base
 * @property {number} drawn counts up when what is painted has to be drawn anew
 * @property {string | null} problem why no frame can be painted on
 * @property {History} history
 * @property {boolean} isWhole all other colours of the frame are right, too
 * @property {ReadonlySet<number>} selection regions of the last area, which can still be changed
 * @property {Spread} spread
 * @property {readonly number[]} drafts frames with strokes that were not kept
 * @property {boolean} isKeeping
 * @property {any} report `GET report`; null: there is none
 * @property {{shot: number, frame: number, place: string | null} | null} offer where to go on
 * @property {string | null} place where in this frame it is unsure, in words
 * @property {string} said what happened last, for who does not see it
 */

const REST = 120; // ms on a frame before it is opened
const MOST_RECENT = 8;
/** @type {ReadonlySet<number>} */
const NONE = new Set();
/** @type {Spread} */
const NO_SPREAD = { status: "none", asked: [], frames: [], problem: null };

/** @extends {Store<PaintState>} */
export class PaintStore extends Store {
  /** @param {FilmStore} film */
  constructor(film) {
    super({
      tool: "brush",
      color: "#b08a6e",
      otherColor: "#5f7a3a",
      recent: [],
      size: 32,
      hardness: 0.6,
      strength: 1,
      tolerance: 10,
      frame: null,
      base: null,
      drawn: 0,
      problem: null,
      history: steps.EMPTY,
      isWhole: false,
      selection: NONE,
      spread: NO_SPREAD,
      drafts: [],
      isKeeping: false,
      report: null,
      offer: null,
      place: null,
      said: "",
    });
    this.film = film;
    this.drafts = new Drafts(film.state.id, localStorage, startOf(film.state));
    this.conversation = new Conversation(this);
    /** @type {PaintLayer | null} */
    this.layer = null;
    /** @type {Promise<Regions> | null} */
    this.regions = null;
    this.opening = new AbortController();
    this.timer = 0;
    this.isFull = false;
    this.stopListening = film.listen((state, before) => this.#follow(state, before));
    this.set({ drafts: this.drafts.frames() });
    if (film.state.panel !== "correct") return;
    void this.open(film.state.frame);
    void this.conversation.findPlace(film.state.look);
  }

  /** The film is left. */
  close() {
    this.stopListening();
    clearTimeout(this.timer);
    this.opening.abort();
    this.conversation.stop();
  }

  /** @param {import("../core/film-store.js").FilmState} state @param {import("../core/film-store.js").FilmState} before */
  #follow(state, before) {
    if (state.panel !== "correct") return;
    if (state.look !== before.look || state.panel !== before.panel) void this.conversation.findPlace(state.look);
    const isOther = state.frame !== this.state.frame;
    const isChanged = state.project?.revision !== before.project?.revision || state.panel !== before.panel;
    if (!isOther && !isChanged && state.frame === before.frame) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.open(this.film.state.frame), REST);
  }

  /** Makes a frame ready to be painted on; its strokes that were not kept come back. @param {number} frame */
  async open(frame) {
    this.opening.abort();
    const { signal } = this.opening = new AbortController();
    const start = startOf(this.film.state);
    const isOther = frame !== this.state.frame || start !== this.drafts.start;
    if (isOther) {
      this.drafts.start = start;
      this.layer = null;
      this.conversation.stop();
      this.set({
        frame,
        base: null,
        problem: null,
        history: steps.EMPTY,
        isWhole: false,
        selection: NONE,
        spread: NO_SPREAD,
        offer: null,
        drafts: this.drafts.frames(),
      });
    }
    try {
      const base = await get(this.film.path(`/frames/${frame}/paintable`), signal);
      const isSame = this.layer && base.picture === this.state.base?.picture &&
        base.strokes === this.state.base?.strokes;
      if (!isSame) await this.#show(base, frame, isOther, signal);
      void this.conversation.readReport();
    } catch (error) {
      if (!signal.aborted) this.set({ base: null, problem: error instanceof Error ? error.message : String(error) });
    }
  }

  /** @param {Paintable} base @param {number} frame @param {boolean} isOther @param {AbortSignal} signal */
  async #show(base, frame, isOther, signal) {
    const { width, height } = base;
    const picture = (await readPixels(base.picture, signal, { width, height })).data;
    if (base.strokes) layKeptStrokes(picture, (await readPixels(base.strokes, signal, { width, height })).data);
    if (signal.aborted) return;
    this.layer = new PaintLayer(width, height, picture);
    this.regions = null;
    const draft = isOther ? this.drafts.load(frame, width, height) : null;
    const history = draft?.history ?? this.state.history;
    this.layer.replay(steps.operationsOf(history));
    const isFirst = this.state.drawn === 0;
    this.set({
      ...{ base, history, problem: null, isWhole: draft?.isWhole ?? this.state.isWhole, drawn: this.state.drawn + 1 },
      ...(isFirst ? { size: Math.round(width / 24) } : {}),
    });
    if (isOther && steps.operationsOf(history).length) this.conversation.ask();
  }

  /** Regions along edges, once they are needed. @returns {Promise<Regions>} */
  findRegions() {
    const { base, frame } = this.state;
    if (!base) return Promise.reject(new Error("no frame is open"));
    this.regions ??= readPixels(`/api${this.film.path(`/frames/${frame}/regions`)}`, this.opening.signal)
      .then(({ data, width }) => new Regions(data, width));
    this.regions.catch(() => (this.regions = null));
    return this.regions;
  }

  /** @param {Tool} tool */
  take(tool) {
    this.set({ tool, selection: NONE });
  }

  /** A colour to paint with; the area that was painted last takes it too, while it is selected. @param {string} color */
  choose(color) {
    const { color: before, selection, history, tool } = this.state;
    if (color === before) return;
    this.set({ color, otherColor: before });
    const last = steps.operationsOf(history).at(-1);
    if (selection.size && last?.kind === "area") this.change(steps.amend(history, { ...last, color }), selection);
    else if (tool === "eraser" || tool === "picker") this.take("brush");
  }

  /** Something new is painted. @param {Operation} operation @param {ReadonlySet<number>} [selection] */
  add(operation, selection = NONE) {
    const recent = [operation.color, ...this.state.recent.filter((one) => one !== operation.color)];
    if (!(operation.kind === "stroke" && operation.erases)) this.set({ recent: recent.slice(0, MOST_RECENT) });
    this.change(steps.add(this.state.history, operation), selection);
  }

  /** @param {History} history @param {ReadonlySet<number>} [selection] */
  change(history, selection = NONE) {
    if (history === this.state.history) return;
    this.layer?.replay(steps.operationsOf(history));
    this.set({ history, selection, drawn: this.state.drawn + 1 });
    this.#keepDraft();
    this.conversation.askSoon();
  }

  undo() {
    this.change(steps.undo(this.state.history));
    this.tell("Taken back.");
  }

  redo() {
    this.change(steps.redo(this.state.history));
    this.tell("Done again.");
  }

  /** All strokes are taken away; that can be taken back. */
  clear() {
    if (steps.operationsOf(this.state.history).length) this.change(steps.change(this.state.history, []));
    this.tell("All strokes are taken away.");
  }

  /** One operation less. @param {number} index */
  drop(index) {
    const operations = steps.operationsOf(this.state.history);
    this.change(steps.change(this.state.history, operations.filter((_, one) => one !== index)));
    this.tell("The stroke is taken away.");
  }

  /** @param {boolean} isWhole */
  setWhole(isWhole) {
    this.set({ isWhole });
    this.#keepDraft();
    this.conversation.askSoon();
  }

  /** Nothing is painted on a frame any more: it was kept. @param {number} frame */
  forget(frame) {
    this.drafts.drop(frame);
    this.set({ drafts: this.drafts.frames() });
    if (frame !== this.state.frame) return;
    this.layer?.replay([]);
    const nothing = { history: steps.EMPTY, selection: NONE, spread: NO_SPREAD, isWhole: false };
    this.set({ ...nothing, drawn: this.state.drawn + 1 });
  }

  /** Strokes of a frame are there again. @param {number} frame @param {import("./drafts.js").Draft} draft */
  restore(frame, draft) {
    this.drafts.save(frame, draft);
    this.set({
      drafts: this.drafts.frames(),
      isWhole: frame === this.state.frame ? draft.isWhole : this.state.isWhole,
    });
    if (frame === this.state.frame && this.layer) this.change(draft.history);
  }

  #keepDraft() {
    const { frame, base, history, isWhole } = this.state;
    if (frame === null || !base) return;
    const isKept = this.drafts.save(frame, { width: base.width, height: base.height, isWhole, history });
    if (!isKept && !this.isFull) this.film.notify("So many strokes are not remembered: keep them soon.", "problem");
    this.isFull = !isKept;
    this.set({ drafts: this.drafts.frames() });
  }

  /** @param {string} said */
  tell(said) {
    this.set({ said });
  }
}

/** The painting of an open film; all parts share it. @param {FilmStore} film @returns {PaintStore} */
export const paintingOf = (film) => film.painting ??= new PaintStore(film);
