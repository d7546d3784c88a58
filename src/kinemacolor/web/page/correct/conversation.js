/**
 * What the server says to strokes: how they spread over other frames of the shot, before anything is rendered; then they
 * are kept, and the next place that wants a look is offered.
 */
import { get, post, Problem, request } from "../core/client.js";
import { operationsOf } from "./history.js";
import { encodeLayer, readPixels } from "./pixels.js";
import { chooseSpreadFrames } from "./spread-frames.js";
import { describePlace, listUnsure, nextUnsure } from "./unsure.js";

/** @typedef {import("./paint-store.js").PaintStore} PaintStore */

const REST = 1000; // ms after a stroke
const LEAST_SHARE = 0.0005; // of the frame; the server takes no less
const TOO_LITTLE = "Too little is painted to spread: paint a larger part.";

export class Conversation {
  /** @param {PaintStore} painting */
  constructor(painting) {
    this.painting = painting;
    this.asking = new AbortController();
    this.timer = 0;
    /** @type {unknown} */
    this.reportOf = null;
  }

  /** Nothing is waited for any more; an answer that still comes is not heard. */
  stop() {
    clearTimeout(this.timer);
    this.asking.abort();
  }

  /** Asks how the strokes spread when the hand has rested. */
  askSoon() {
    this.stop();
    const { painting } = this;
    const asked = this.#frames();
    if (!asked.length || !operationsOf(painting.state.history).length) {
      return this.#tell({ status: "none", asked: [], frames: [], problem: null });
    }
    this.#tell({ status: "waiting", asked, problem: null });
    this.timer = setTimeout(() => void this.ask(), REST);
  }

  /** Asks now. */
  async ask() {
    this.stop();
    const { painting } = this;
    const { frame, base, isWhole } = painting.state;
    const frames = this.#frames();
    if (frame === null || !painting.layer || !base || !frames.length) return;
    if (painting.layer.share() < LEAST_SHARE) return this.#tell({ status: "failed", problem: TOO_LITTLE });
    const { signal } = this.asking = new AbortController();
    this.#tell({ status: "working", asked: frames, problem: null });
    const strokes = { layer: encodeLayer(painting.layer), painted_on: isWhole ? base.painted_on : null };
    try {
      const path = painting.film.path(`/frames/${frame}/spread`);
      const answer = await request("POST", path, { ...strokes, frames }, signal);
      if (signal.aborted) return;
      this.#tell({ status: "shown", asked: [], frames: answer.frames });
      painting.tell(`The strokes spread over ${answer.frames.length} other frames. Nothing is rendered yet.`);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#tell({ status: "failed", asked: [], problem: error.message });
    }
  }

  /** Other frames of the shot, on which the spread is shown. */
  #frames() {
    const { film, state: { frame } } = this.painting;
    const shot = frame === null ? null : film.shot(frame);
    return shot && frame !== null ? chooseSpreadFrames(shot, frame) : [];
  }

  /** @param {Partial<import("./paint-store.js").Spread>} changes */
  #tell(changes) {
    this.painting.set({ spread: { ...this.painting.state.spread, ...changes } });
  }

  /** The strokes become a reference of the shot; gives whether they did. @param {boolean} andRender */
  async keep(andRender = false) {
    const { painting } = this;
    const { film, layer } = painting;
    const { frame, base, history, isWhole, isKeeping } = painting.state;
    if (frame === null || !base || !layer || isKeeping) return false;
    this.stop();
    painting.set({ isKeeping: true });
    const kept = await film.actions.attempt(() =>
      post(film.path(`/frames/${frame}/strokes`), {
        layer: encodeLayer(layer),
        painted_on: isWhole ? base.painted_on : null,
      })
    );
    painting.set({ isKeeping: false });
    if (!kept) return false;
    const draft = { width: base.width, height: base.height, history, isWhole };
    painting.forget(frame);
    this.#settle(frame, kept, () => painting.restore(frame, draft));
    if (andRender) await film.actions.submit({ kind: "render" });
    return true;
  }

  /** A picture of this frame in colour takes the place of strokes. @param {string} upload id */
  async givePicture(upload) {
    const { film, state: { frame } } = this.painting;
    if (frame === null) return;
    const given = await film.actions.attempt(() => post(film.path(`/frames/${frame}/picture`), { upload }));
    if (given) this.#settle(frame, given, () => {});
  }

  /**
   * A frame was corrected: that is told, can be taken back, and the next one is offered.
   * @param {number} frame @param {import("../core/film-store.js").ProjectView} project @param {() => void} restore
   */
  #settle(frame, project, restore) {
    const { film } = this.painting;
    film.set({ project });
    film.offerUndo(`Frame ${frame} now leads its shot.`, restore);
    this.painting.tell(`Frame ${frame} is kept, it leads its shot.`);
    void film.actions.reload();
    void this.offerNext(frame);
  }

  /** The report, where there is one; it is asked for again only when something was changed. */
  async readReport() {
    const { film } = this.painting;
    const { revision, state = "new", is_photograph: isPhotograph } = film.state.project ?? {};
    if (this.reportOf === revision) return;
    this.reportOf = revision;
    if (isPhotograph || !["rendered", "outdated"].includes(state)) return this.painting.set({ report: null });
    try {
      this.painting.set({ report: await get(film.path("/report")) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.painting.set({ report: null });
    }
  }

  /** Frames that want a look. */
  listUnsure() {
    return listUnsure(this.painting.film.listShots(), this.painting.state.report);
  }

  /** Says where the frame that is looked at is unsure. @param {{frame: number, confidence: string} | null} look */
  async findPlace(look) {
    this.painting.set({ place: null });
    if (!look) return;
    const place = await describeConfidence(look.confidence);
    if (this.painting.film.state.look?.frame === look.frame) this.painting.set({ place });
  }

  /** Goes to the next or the last one. @param {1 | -1} step */
  goTo(step) {
    const { film } = this.painting;
    const next = nextUnsure(this.listUnsure(), film.shotNumber(), step);
    if (next) void film.actions.showFrame(next.frame);
  }

  /** Finds the next frame that wants a look, and where in it. @param {number} frame that was corrected */
  async offerNext(frame) {
    const { painting } = this;
    const next = nextUnsure(this.listUnsure(), painting.film.shotNumber(frame), 1);
    if (!next) return painting.set({ offer: null });
    painting.set({ offer: { shot: next.shot, frame: next.frame, place: null } });
    const look = await get(painting.film.path(`/frames/${next.frame}/look`)).catch(() => null);
    const place = look && await describeConfidence(look.confidence);
    if (place && painting.state.offer?.frame === next.frame) {
      painting.set({ offer: { shot: next.shot, frame: next.frame, place } });
    }
  }
}

/** Where a frame is unsure, in words; null where that is not known, for it is only a hint. @param {string} url of confidence */
const describeConfidence = (url) => readPixels(url).then(({ data, width }) => describePlace(data, width), () => null);
