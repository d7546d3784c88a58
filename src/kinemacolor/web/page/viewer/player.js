/**
 * Plays a stream with gray on its left and colour on its right, and finds its frames exactly. It draws nothing: who
 * asks gets the video and the number of the frame that it shows.
 */
import { frameAt, middleOf } from "./film-time.js";

/** @typedef {import("./film-time.js").Stream} Stream */

export class Player {
  /**
   * @param {object} told
   * @param {(frame: number) => void} told.onFrame another frame is in `video`; it is counted in the film
   * @param {() => void} told.onChange it began or ended to play, or another stream came
   * @param {() => void} told.onProblem the stream cannot be played
   */
  constructor({ onFrame, onChange, onProblem }) {
    this.onFrame = onFrame;
    /** @type {Stream | null} */
    this.stream = null;
    this.video = document.createElement("video");
    this.video.playsInline = true;
    this.video.preload = "auto";
    /** @type {number | null} frame of the stream that is being looked for */
    this.wanted = null;
    this.frame = 0;
    for (const event of ["play", "pause", "ended", "volumechange"]) this.video.addEventListener(event, onChange);
    this.video.addEventListener("seeked", () => this.onSeeked());
    this.video.addEventListener("loadeddata", () => this.tell(this.video.currentTime));
    this.video.addEventListener("error", () => {
      if (this.stream) onProblem();
    });
    this.video.addEventListener("play", () => this.follow());
  }

  get isPlaying() {
    return !this.video.paused && !this.video.ended;
  }

  /** @param {Stream | null} stream */
  open(stream) {
    if (stream?.url === this.stream?.url) {
      this.stream = stream;
      return;
    }
    this.video.pause();
    this.stream = stream;
    this.wanted = null;
    if (stream) this.video.src = stream.url;
    else this.video.removeAttribute("src");
    this.video.load();
  }

  /** @param {number} frame of the film */
  async play(frame) {
    const stream = this.stream;
    if (!stream) return;
    if (this.video.readyState < HTMLMediaElement.HAVE_METADATA) await told(this.video, "loadedmetadata");
    if (stream.url !== this.stream?.url) return;
    const isAtEnd = frame - stream.first >= stream.frames - 1;
    this.seek(isAtEnd ? stream.first : frame);
    try {
      await this.video.play();
    } catch (error) {
      // Another wish came before it began, or the browser wants a press first: the button still says "Play".
      if (!(error instanceof DOMException)) throw error;
    }
  }

  pause() {
    this.video.pause();
  }

  /** Shows a frame. While one is being looked for, only the last wish waits. @param {number} frame of the film */
  seek(frame) {
    if (!this.stream || this.video.readyState < HTMLMediaElement.HAVE_METADATA) return;
    const isIdle = this.wanted === null;
    this.wanted = Math.min(Math.max(0, frame - this.stream.first), this.stream.frames - 1);
    if (isIdle) this.video.currentTime = middleOf(this.wanted, this.stream);
  }

  onSeeked() {
    const { stream, video, wanted } = this;
    if (!stream) return;
    if (wanted !== null && frameAt(video.currentTime, stream) !== wanted) {
      video.currentTime = middleOf(wanted, stream);
      return;
    }
    this.wanted = null;
    this.tell(video.currentTime);
  }

  /** @param {number} seconds of the stream */
  tell(seconds) {
    if (!this.stream || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.frame = this.stream.first + Math.min(frameAt(seconds, this.stream), this.stream.frames - 1);
    this.onFrame(this.frame);
  }

  /** Tells of each frame while it plays. */
  follow() {
    const tell = (/** @type {number} */ seconds) => {
      if (!this.isPlaying) return;
      if (this.wanted === null) this.tell(seconds);
      this.follow();
    };
    const { video } = this;
    if ("requestVideoFrameCallback" in video) {
      video.requestVideoFrameCallback((_, { mediaTime }) => tell(mediaTime));
    } else requestAnimationFrame(() => tell(/** @type {HTMLVideoElement} */ (video).currentTime));
  }
}

/** @param {HTMLVideoElement} video @param {string} event @returns {Promise<void>} */
const told = (video, event) =>
  new Promise((resolve) => {
    video.addEventListener(event, () => resolve(), { once: true });
    video.addEventListener("error", () => resolve(), { once: true });
  });
