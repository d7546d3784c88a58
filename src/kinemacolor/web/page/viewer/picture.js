/**
 * `<kc-picture>`: one frame, in the layer of a stage: in gray, in colour, with a divider between them, or with what is
 * unsure marked. It never shows the colours of another frame; what is not there yet is shown in gray.
 *
 * Event: `kc-loaded` when a picture came, or could not be loaded.
 */
import { css, html, LitElement } from "../vendor/lit.js";
import { maskByDoubt } from "./doubt.js";
import { PictureLoader } from "./picture-loader.js";

/**
 * @typedef {object} Pictures
 * @property {string} key of the frame: pictures with the same key are of the same
 * @property {number} frame
 * @property {string | null} gray address
 * @property {string | null} color
 * @property {string | null} confidence
 * @property {number} saturation with which `color` was made
 */
/** @typedef {{key: string, saturation: number}} Tag */

export class Picture extends LitElement {
  static properties = {
    pictures: { attribute: false },
    saturation: { type: Number },
    mode: { reflect: true },
    isOverGray: { type: Boolean, reflect: true, attribute: "over-gray" },
    isPlaying: { type: Boolean },
    streamFrame: { attribute: false },
  };

  static styles = css`
    :host {
      position: absolute;
      inset: 0;
      display: block;
      --cut: calc(clamp(var(--seen-left, 0), var(--divider, 0.5), var(--seen-right, 1)) * 100%);
    }
    div,
    canvas,
    img {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      image-rendering: var(--rendering, auto);
      pointer-events: none;
    }
    [hidden],
    :host([mode="gray"]) .color,
    :host([mode="doubt"][over-gray]) .color,
    :host(:not([mode="doubt"])) .doubt {
      display: none;
    }
    .doubt {
      background: var(--doubt-hatch);
      mask-size: 100% 100%;
    }
    :host([mode="divider"]) .color {
      clip-path: inset(0 0 0 var(--cut));
    }
  `;

  constructor() {
    super();
    /** @type {Pictures | null} */
    this.pictures = null;
    this.saturation = 1;
    this.mode = "divider";
    this.isOverGray = false;
    this.isPlaying = false;
    /** Frame of the stream that was drawn last; null: none that may be shown. @type {number | null} */
    this.streamFrame = null;
    this.unsureShare = 0;
    const changed = () => {
      this.requestUpdate();
      this.dispatchEvent(new CustomEvent("kc-loaded"));
    };
    /** @type {PictureLoader<Tag>} */
    this.gray = new PictureLoader(changed);
    /** @type {PictureLoader<Tag>} */
    this.color = new PictureLoader(changed);
    /** @type {PictureLoader<Tag>} */
    this.confidence = new PictureLoader(() => {
      this.drawnDoubt = null;
      changed();
    });
    /** Address of the confidence in the canvas. @type {string | null} */
    this.drawnDoubt = null;
  }

  /** Whether a picture of this frame that should be there could not be loaded. */
  get isBroken() {
    return Boolean(this.color.failed || (this.gray.failed && !this.hasColor));
  }

  get hasColor() {
    return Boolean(this.pictures?.color) && this.color.shown?.tag.key === this.pictures?.key;
  }

  get hasGray() {
    return this.gray.shown?.tag.key === this.pictures?.key;
  }

  get hasDoubt() {
    return Boolean(this.pictures?.confidence) && this.confidence.shown?.tag.key === this.pictures?.key;
  }

  /** Share of the frame that is unsure; null: not known. */
  get unsure() {
    return this.hasDoubt && this.drawnDoubt !== null ? this.unsureShare : null;
  }

  /** Size of what is shown; null: nothing is. */
  get size() {
    const image = this.hasColor ? this.color.shown?.image : this.gray.shown?.image;
    return image ? { width: image.naturalWidth, height: image.naturalHeight } : null;
  }

  retry() {
    for (const loader of [this.gray, this.color, this.confidence]) loader.retry();
    this.requestUpdate();
  }

  /** Draws a stream that has gray on its left and colour on its right. @param {HTMLVideoElement} video */
  drawStream(video) {
    const [width, height] = [Math.floor(video.videoWidth / 2), video.videoHeight];
    if (!width) return;
    for (const [name, left] of /** @type {const} */ ([["gray", 0], ["color", width]])) {
      const canvas = /** @type {HTMLCanvasElement | null} */ (this.renderRoot.querySelector(`canvas.${name}`));
      if (!canvas) continue;
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      canvas.getContext("2d")?.drawImage(video, left, 0, width, height, 0, 0, width, height);
    }
  }

  willUpdate() {
    const { pictures } = this;
    const tag = { key: pictures?.key ?? "", saturation: pictures?.saturation ?? 1 };
    // The gray of a frame stays the same, whatever its address is called later.
    if (!pictures?.gray || this.gray.failed || this.gray.wanted?.tag.key !== tag.key) {
      this.gray.want(pictures?.gray ?? null, tag);
    }
    this.color.want(pictures?.color ?? null, tag);
    this.confidence.want(this.mode === "doubt" ? pictures?.confidence ?? null : null, tag);
  }

  render() {
    const { pictures, hasColor } = this;
    const isStream = this.isPlaying || (this.streamFrame !== null && this.streamFrame === pictures?.frame && !hasColor);
    return html`
      <div ?hidden=${!this.gray.shown || (!this.hasGray && hasColor)}>${this.gray.shown?.image}</div>
      <div class="color" ?hidden=${!hasColor}>${this.color.shown?.image}</div>
      <canvas class="gray" ?hidden=${!isStream}></canvas>
      <canvas class="color" ?hidden=${!isStream}></canvas>
      <div class="doubt" ?hidden=${!this.hasDoubt || isStream}></div>
    `;
  }

  updated() {
    const [still, stream] = /** @type {NodeListOf<HTMLElement>} */ (this.renderRoot.querySelectorAll(".color"));
    // Strength is a factor on the colours: the browser applies it until a picture with it is there.
    still.style.filter = saturate(this.saturation / (this.color.shown?.tag.saturation || 1));
    stream.style.filter = saturate(this.saturation / (this.planned || 1));
    const { shown } = this.confidence;
    if (this.mode === "doubt" && shown && this.drawnDoubt !== shown.source) {
      const hatch = /** @type {HTMLElement} */ (this.renderRoot.querySelector(".doubt"));
      this.unsureShare = maskByDoubt(hatch, shown.image);
      this.drawnDoubt = shown.source;
      this.dispatchEvent(new CustomEvent("kc-loaded"));
    }
  }

  /** Saturation of the plan, with which streams were made. */
  planned = 1;
}
customElements.define("kc-picture", Picture);

/** @param {number} factor */
const saturate = (factor) => (Math.abs(factor - 1) < 0.005 ? "" : `saturate(${factor.toFixed(3)})`);
