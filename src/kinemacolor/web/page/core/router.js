/**
 * The address of an open film: `/films/ID?shot=3&frame=120&panel=look`. Another shot or panel is a step to come back to; another
 * frame is none, and is written when it has rested.
 */

import { startOf } from "./film-store.js";

/** @typedef {import("./film-store.js").FilmStore} FilmStore */
/** @typedef {{shot: number | null, frame: number | null, panel: import("./film-store.js").Panel}} Place */

const REST = 300; // ms
/** What tells that the address is going to be another one: `kc-leave` comes from the page. */
const LEAVING = ["kc-leave", "pagehide"];
const PANELS = /** @type {const} */ (["look", "correct", "render", "report"]);

/** @param {string | null} text @returns {number | null} */
const number = (text) => (text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null);

/** @param {string} search of an address @returns {Place} */
export function readPlace(search) {
  const query = new URLSearchParams(search);
  const panel = PANELS.find((one) => one === query.get("panel")) ?? "look";
  return { shot: number(query.get("shot")), frame: number(query.get("frame")), panel };
}

/** @param {Place} place */
export function writePlace({ shot, frame, panel }) {
  const query = new URLSearchParams();
  if (shot !== null) query.set("shot", String(shot));
  if (frame !== null) query.set("frame", String(frame));
  if (panel !== "look") query.set("panel", panel);
  return query.size ? `?${query}` : "";
}

/** Keeps address and store of one film the same, in both directions, until it is stopped. */
export class FilmRouter {
  /** @param {FilmStore} store */
  constructor(store) {
    this.store = store;
    this.timer = 0;
    this.isGoing = false;
    this.stopListening = store.listen((state, before) => this.#follow(state, before));
    this.goBack = () => void this.go();
    this.flush = () => this.#write();
    addEventListener("popstate", this.goBack);
    for (const leaving of LEAVING) addEventListener(leaving, this.flush);
  }

  stop() {
    this.#rest();
    this.stopListening();
    removeEventListener("popstate", this.goBack);
    for (const leaving of LEAVING) removeEventListener(leaving, this.flush);
  }

  #rest() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  /** Shows what the address says; frames of a film that is still unknown are kept until it is known. */
  async go() {
    if (location.pathname !== `/films/${this.store.state.id}`) return;
    this.#rest();
    const { shot, frame, panel } = readPlace(location.search);
    this.isGoing = true;
    this.store.set({ panel });
    const middle = shot === null ? undefined : this.store.state.shots?.shots[shot - 1]?.middle;
    const wanted = frame ?? middle ?? this.store.state.shots?.shots[0]?.middle ?? 0;
    const shown = this.store.actions.showFrame(wanted);
    this.isGoing = false;
    await shown;
  }

  /**
   * @param {import("./film-store.js").FilmState} state
   * @param {import("./film-store.js").FilmState} before
   */
  #follow(state, before) {
    const isSame = state.frame === before.frame && state.panel === before.panel;
    const isMoved = before.project !== null && startOf(state) !== startOf(before); // the shots are looked for anew
    if (this.isGoing || isSame || !(state.shots || isMoved)) return;
    const now = this.#place();
    const isOther = now.panel !== readPlace(location.search).panel;
    const isPassing = state.isPassing && before.isPassing;
    const isLeap = state.frame !== before.frame && !isPassing && this.timer === 0 && this.#isOtherShot(now);
    if (isOther || isLeap) {
      this.#write(before);
      history.pushState(null, "", this.#address(now));
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#write(), REST);
  }

  /** Writes a frame that waits to rest. @param {import("./film-store.js").FilmState} [state] */
  #write(state) {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    history.replaceState(null, "", this.#address(this.#place(state)));
  }

  /** A frame of another shot than the address says: while frames run by, as in playing, they are one step. @param {Place} now */
  #isOtherShot(now) {
    const { shot, frame } = readPlace(location.search);
    return now.shot !== (frame === null ? shot : this.store.shotNumber(frame));
  }

  /** @param {import("./film-store.js").FilmState} [state] @returns {Place} */
  #place({ frame, panel } = this.store.state) {
    return { shot: this.store.shotNumber(frame), frame, panel };
  }

  /** @param {Place} place */
  #address(place) {
    return location.pathname + writePlace(place);
  }
}
