/**
 * Plays what there is of the film; where nothing is, it offers to colour three seconds, and plays those then.
 */
import { isActive } from "../core/jobs.js";
import { chooseStream } from "./film-time.js";
import { Player } from "./player.js";

export const TRY_SECONDS = 3;

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

export class Playback {
  /**
   * @param {import("../vendor/lit.js").LitElement} host
   * @param {() => FilmStore | null} find
   * @param {(video: HTMLVideoElement, frame: number) => void} draw
   */
  constructor(host, find, draw) {
    this.host = host;
    this.find = find;
    this.isPlaying = false;
    /** Somebody waits for it to play: else nobody wants to know that it cannot. */
    this.isWanted = false;
    /** Frame of the film that the video shows; null: none. @type {number | null} */
    this.frame = null;
    /** What is said where nothing plays. @type {"offer" | "broken" | null} */
    this.notice = null;
    /** The clip that is to be played once it is there. @type {{job: string, frame: number, isRead: boolean} | null} */
    this.asked = null;
    this.player = new Player({
      onFrame: (frame) => this.onFrame(frame, draw),
      onChange: () => this.onChange(),
      onProblem: () => this.isWanted && this.tell({ notice: "broken", isWanted: false }),
    });
    host.addController(this);
  }

  get video() {
    return this.player.video;
  }

  /** Frame that the video shows and that may stand for the picture of it; null: none. */
  get shownFrame() {
    return this.isPlaying || !this.stream?.isOutdated ? this.frame : null;
  }

  /** What plays, or is ready to. */
  get stream() {
    return this.player.stream;
  }

  /** @param {Partial<Playback>} changes */
  tell(changes) {
    Object.assign(this, changes);
    this.host.requestUpdate();
  }

  hostDisconnected() {
    this.player.open(null);
    this.frame = null;
  }

  hostUpdate() {
    const store = this.find();
    if (!store) return;
    const wanted = this.isPlaying ? this.stream : chooseStream(store.state.players, store.state.frame);
    if (wanted?.url !== this.stream?.url) {
      this.frame = null;
      this.notice = this.notice === "broken" ? null : this.notice;
      this.player.open(wanted);
    } else if (wanted) this.player.open(wanted);
    if (this.notice === "offer" && wanted) this.notice = null;
    this.followTry(store);
  }

  /** The job that colours a clip of this film now, if one does. */
  get trying() {
    const store = this.find();
    const jobs = store?.state.jobs ?? [];
    return jobs.find((job) => job.kind === "try" && job.project === store?.state.id && isActive(job)) ??
      null;
  }

  /** Why the clip that was asked for did not come. @returns {any} its job */
  get failedTry() {
    const { asked } = this;
    const job = asked && this.find()?.state.jobs.find(({ id }) => id === asked.job);
    return job && (job.state === "failed" || job.state === "stopped") ? job : null;
  }

  /** @param {FilmStore} store */
  followTry(store) {
    const { asked } = this;
    if (!asked || !store.state.jobs.some(({ id, state }) => id === asked.job && state === "done")) return;
    const stream = chooseStream(store.state.players, asked.frame);
    if (stream?.isClip && !stream.isOutdated) {
      this.asked = null;
      if (store.state.frame >= stream.first && store.state.frame < stream.first + stream.frames) void this.play();
    } else if (!asked.isRead) {
      asked.isRead = true;
      queueMicrotask(() => void this.readClip(asked, store));
    }
  }

  /** The clip is there, but not known yet. @param {object} asked @param {FilmStore} store */
  async readClip(asked, store) {
    await store.actions.reload();
    await this.host.updateComplete; // which plays it
    if (this.asked === asked) this.asked = null;
  }

  toggle() {
    if (this.isPlaying) this.player.pause();
    else void this.play();
  }

  async play() {
    const store = this.find();
    if (!store) return;
    const stream = chooseStream(store.state.players, store.state.frame);
    if (!stream) {
      this.tell({ notice: "offer" });
      return;
    }
    this.tell({ notice: null, isWanted: true });
    if (this.video.error) this.player.open(null); // once more from the start
    this.player.open(stream);
    await this.player.play(store.state.frame);
    if (this.player.isPlaying) this.isWanted = false;
  }

  get speed() {
    return this.video.defaultPlaybackRate;
  }

  /** @param {number} speed 1: as the film */
  setSpeed(speed) {
    this.video.defaultPlaybackRate = speed; // outlasts another stream
    this.video.playbackRate = speed;
  }

  /** Shows a frame from the video where one can be had, until its own picture is there. @param {number} frame */
  scrub(frame) {
    const { stream } = this;
    if (this.isPlaying) {
      this.isPlaying = false; // it is not looked at where it stopped, but where one goes
      this.player.pause();
    }
    if (stream && !stream.isOutdated && frame >= stream.first && frame < stream.first + stream.frames) {
      this.player.seek(frame);
    }
  }

  async tryHere() {
    const store = this.find();
    if (!store) return;
    const { frame } = store.state;
    this.tell({ notice: null, asked: null });
    const job = await store.actions.submit({ kind: "try", frame, seconds: TRY_SECONDS });
    if (job) this.tell({ asked: { job: job.id, frame, isRead: false } });
  }

  /** @param {number} frame @param {(video: HTMLVideoElement, frame: number) => void} draw */
  onFrame(frame, draw) {
    draw(this.video, frame);
    this.tell({ frame });
    const store = this.find();
    // The other parts of the window follow from shot to shot.
    if (store && this.isPlaying && store.shotNumber(frame) !== store.shotNumber()) {
      store.set({ frame, isPassing: true });
    }
  }

  onChange() {
    const wasPlaying = this.isPlaying;
    this.tell({ isPlaying: this.player.isPlaying });
    // Where it stops, exactly that frame of the film is looked at.
    if (!wasPlaying || this.isPlaying || this.frame === null) return;
    this.player.seek(this.frame); // a busy browser may have drawn the next one already
    void this.find()?.actions.showFrame(this.frame, { again: true });
  }
}
