/** Goes from frame to frame. Of frames that follow each other fast only the last one is asked for. */
import { grayOf } from "../core/film-store.js";
import { loadAhead } from "./picture-loader.js";

const SOON_MS = 160;

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

export class Walk {
  /**
   * @param {import("../vendor/lit.js").LitElement} host
   * @param {() => FilmStore | null} find
   * @param {import("./playback.js").Playback} playback
   */
  constructor(host, find, playback) {
    this.host = host;
    this.find = find;
    this.playback = playback;
    /** Frame that is in sight, but not yet asked for. @type {number | null} */
    this.wanted = null;
    this.direction = 1;
    this.last = 0;
    this.soon = 0;
    host.addController(this);
    this.leave = () => this.wanted !== null && this.arrive(this.wanted);
  }

  hostConnected() {
    addEventListener("kc-leave", this.leave, true); // before the address is written
  }

  hostDisconnected() {
    removeEventListener("kc-leave", this.leave, true);
    clearTimeout(this.soon);
    this.wanted = null;
  }

  /** The frame that is in sight. */
  get frame() {
    const { isPlaying, frame } = this.playback;
    return isPlaying && frame !== null ? frame : this.stillFrame;
  }

  /** The frame that is in sight where nothing plays. */
  get stillFrame() {
    return this.wanted ?? this.find()?.state.frame ?? 0;
  }

  /** @param {number} frame @param {boolean} [isSoon] others will follow, as it is dragged */
  go(frame, isSoon = false) {
    const state = this.find()?.state;
    const last = (state?.shots?.frames ?? state?.project?.film?.frames ?? 1) - 1;
    const next = Math.min(last, Math.max(0, Math.round(frame)));
    this.direction = next < this.frame ? -1 : 1;
    this.playback.scrub(next);
    const now = performance.now();
    const isFast = isSoon || now - this.last < SOON_MS;
    this.last = now;
    clearTimeout(this.soon);
    this.wanted = next;
    this.soon = setTimeout(() => this.arrive(next), isFast ? SOON_MS : 0);
    this.host.requestUpdate();
  }

  /** @param {number} frame */
  arrive(frame) {
    this.wanted = null;
    void this.find()?.actions.showFrame(frame);
  }

  /** @param {number} by shots */
  goShot(by) {
    const store = this.find();
    const number = store?.shotNumber(this.frame);
    const shot = number ? store?.state.shots?.shots[number - 1 + by] : null;
    if (shot) this.go(shot.middle);
  }

  /** Once the frame is there: the next one in gray, as it is probably looked at next. */
  lookAhead() {
    const state = this.find()?.state;
    if (!state?.shots || this.wanted !== null || state.look?.frame !== state.frame || this.playback.isPlaying) return;
    const next = state.frame + this.direction;
    if (next >= 0 && next < state.shots.frames) loadAhead(grayOf(state, next));
  }
}
