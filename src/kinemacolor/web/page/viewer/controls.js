/**
 * `<kc-controls>`: the time line, and one row below it: play and step, where one is, ways to look, zoom. In a narrow
 * viewer the steps stand beside the time line, and what is used less moves into the menu.
 *
 * Events: `kc-do` with the name of a deed of the viewer (see `viewer.js`), `kc-go` `{frame, isSoon}`, `kc-step-shot`.
 */
import { clockTenth } from "../core/format.js";
import { icon } from "../core/icons.js";
import "../core/menu.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { html, LitElement, nothing } from "../vendor/lit.js";
import { controlStyles } from "./control-styles.js";
import { parsePlace, secondsOf } from "./film-time.js";
import "./timeline.js";

/** @typedef {import("../core/film-store.js").ViewMode} ViewMode */

/** @type {[ViewMode, string, string, string][]} mode, icon, word, key */
const MODES = [
  ["color", "colour", "Colour", "C"],
  ["gray", "gray", "Gray", "G"],
  ["divider", "divider", "Divider", "D"],
  ["doubt", "doubt", "Doubt", "U"],
];
const SPEEDS = /** @type {[number, string][]} */ ([[1, "Full speed"], [0.5, "Half speed"], [0.25, "Quarter speed"]]);

class Controls extends LitElement {
  static properties = {
    store: { attribute: false },
    frame: { type: Number },
    zoom: {},
    isPlaying: { type: Boolean },
    isPicking: { type: Boolean },
    isPainting: { type: Boolean },
    isBefore: { type: Boolean },
    stream: { attribute: false },
    speed: { type: Number },
    isMuted: { type: Boolean },
  };

  static styles = [shared, controlStyles];

  constructor() {
    super();
    /** @type {import("../core/film-store.js").FilmStore | null} */
    this.store = null;
    this.frame = 0;
    this.zoom = "Fit";
    this.isPlaying = false;
    this.isPicking = false;
    /** The frame is painted on: there is one way to look, and what it was before. */
    this.isPainting = false;
    this.isBefore = false;
    /** @type {import("./film-time.js").Stream | null} */
    this.stream = null;
    this.speed = 1;
    this.isMuted = false;
    new StoreController(this, () => this.store);
  }

  get frames() {
    return this.store?.state.shots?.frames ?? this.store?.state.project?.film?.frames ?? 1;
  }

  /** When the frames of the film are shown. @returns {import("./film-time.js").Clock} */
  get clock() {
    const { players, shots, project } = this.store?.state ?? {};
    return players?.clock ?? { rate: shots?.rate || project?.film?.rate || 24 };
  }

  /** A place in words. @param {number} frame */
  words(frame) {
    const shot = this.store?.shotNumber(frame);
    return `${clockTenth(secondsOf(frame, this.clock))} · frame ${frame}${shot ? ` · shot ${shot}` : ""}`;
  }

  /** @param {string} name @param {unknown} [value] */
  do(name, value) {
    this.dispatchEvent(new CustomEvent("kc-do", { detail: { name, value } }));
  }

  /** @param {number} frame @param {boolean} [isSoon] others will follow */
  go(frame, isSoon = false) {
    this.dispatchEvent(new CustomEvent("kc-go", { detail: { frame, isSoon } }));
  }

  /** @param {Event} event */
  onPlace(event) {
    const field = /** @type {HTMLInputElement} */ (event.currentTarget);
    const frame = parsePlace(field.value, this.clock, this.frame);
    field.setCustomValidity(frame === null ? "A frame, as 120, or a time, as 0:05" : "");
    field.reportValidity();
    if (frame === null) return;
    this.go(frame);
    field.value = String(Math.min(this.frames - 1, Math.max(0, frame)));
  }

  render() {
    if (!this.store) return nothing;
    const isPhotograph = Boolean(this.store.state.project?.is_photograph);
    return html`
      <div class="bar ${isPhotograph ? "photograph" : ""}">
        ${isPhotograph ? nothing : this.renderTime()}
        <span class="grow"></span>
        ${this.isPainting ? this.renderBefore() : this.renderModes()}
        ${this.renderZoom()}
        <kc-menu label="More ways to look" .items=${this.menu(isPhotograph)}></kc-menu>
      </div>
    `;
  }

  renderTime() {
    const clip = this.stream?.isClip ? this.stream : null;
    return html`
      ${this.renderButton("back", "step-back", "Frame back (←)", () => this.go(this.frame - 1))}
      <kc-timeline
        .frame=${this.frame}
        .frames=${this.frames}
        .rate=${this.clock.rate}
        .shots=${this.store?.listShots() ?? []}
        .clip=${clip}
        .words=${(/** @type {number} */ frame) => this.words(frame)}
        @kc-scrub=${(/** @type {CustomEvent<number>} */ event) => this.go(event.detail, true)}
        @kc-seek=${(/** @type {CustomEvent<number>} */ event) => this.go(event.detail)}
        @kc-step-shot=${(/** @type {CustomEvent<number>} */ event) => this.do("shot", event.detail)}
      ></kc-timeline>
      ${this.renderButton("forward", "step-forward", "Frame on (→)", () => this.go(this.frame + 1))}
      ${this.isPainting ? nothing : this.renderButton(
        "play",
        this.isPlaying ? "pause" : "play",
        this.isPlaying ? "Pause (Space)" : "Play (Space)",
        () => this.do("play"),
      )}
      <span class="time number"><b>${clockTenth(
        secondsOf(this.frame, this.clock),
      )}</b><span class="total"> / ${clockTenth(
        secondsOf(this.frames, this.clock),
      )}</span></span>
      <label class="place"><span class="wide">frame</span><input
        type="text"
        inputmode="text"
        autocomplete="off"
        aria-label="Go to a frame, or a time as 0:05"
        title="A frame, as 120, or a time, as 0:05"
        .value=${String(this.frame)}
        @focus=${(/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).select()}
        @change=${this.onPlace}
      ></label>
    `;
  }

  renderModes() {
    const { mode, withReference } = /** @type {import("../core/film-store.js").FilmStore} */ (this.store).state;
    return html`
      <div class="segments" role="group" aria-label="Way to look">
        ${MODES.map(([name, sign, word, key]) =>
          html`
            <button
              type="button"
              class="segment"
              aria-pressed=${mode === name}
              aria-label=${word}
              title="${word} (${key})"
              @click=${() => this.do("mode", name)}
            >${icon(sign)}<span class="wide" aria-hidden="true">${word}</span></button>
          `
        )}
      </div>
      <button
        type="button"
        class="button bare"
        aria-pressed=${Boolean(withReference)}
        aria-label="Reference beside it"
        title="Reference beside it (R)"
        @click=${() => this.do("reference")}
      >${icon("reference")}</button>
      <button
        type="button"
        class="button bare pick roomy"
        aria-pressed=${this.isPicking}
        aria-label="Where does a colour come from?"
        title="Where does a colour come from? (O)"
        @click=${() => this.do("pick")}
      >${icon("origin")}</button>
    `;
  }

  renderBefore() {
    return html`
      <button
        type="button"
        class="button"
        aria-pressed=${this.isBefore}
        title="As it was before (hold \\)"
        @click=${() => this.do("before")}
      >Before</button>
    `;
  }

  renderZoom() {
    return html`
      <span class="zoom roomy">
        ${this.renderButton("", "zoom-out", "Smaller (-)", () => this.do("smaller"))}
        <button type="button" class="button bare number" title="Fit (0)" aria-label="Zoom ${this
          .zoom}. Press to fit" @click=${() => this.do("fit")}>
          ${this.zoom}
        </button>
        ${this.renderButton("", "zoom-in", "Larger (+)", () => this.do("larger"))}
      </span>
    `;
  }

  /** @param {string} place @param {string} sign @param {string} words @param {() => void} act */
  renderButton(place, sign, words, act) {
    return html`
      <button type="button" class="button bare ${place}" aria-label=${words} title=${words}
        @click=${act}>${icon(sign)}</button>
    `;
  }

  /** @param {boolean} isPhotograph @returns {import("../core/menu.js").Item[]} */
  menu(isPhotograph) {
    const items = [
      ...(this.isPainting ? [] : [{
        icon: "origin",
        words: this.isPicking ? "Leave: where colours come from" : "Where does a colour come from?",
        act: () => this.do("pick"),
      }]),
      { icon: "fit", words: "Fit", act: () => this.do("fit") },
      { icon: "zoom-in", words: "One to one", act: () => this.do("pixels") },
      { icon: "full", words: "Full screen", act: () => this.do("full") },
    ];
    if (isPhotograph || this.isPainting) return items;
    return [
      ...items,
      {
        icon: this.isMuted ? "silent" : "sound",
        words: this.isMuted ? "Sound on" : "Sound off",
        act: () => this.do("mute"),
      },
      ...SPEEDS.map(([speed, words]) => ({
        icon: speed === this.speed ? "check" : "play",
        words: speed === this.speed ? `${words}, chosen` : words,
        act: () => this.do("speed", speed),
      })),
    ];
  }
}
customElements.define("kc-controls", Controls);
