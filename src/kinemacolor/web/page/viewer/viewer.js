/** `<kc-viewer>`: the picture, in the middle of the window of a film, with all that is done by looking at it. */
import { readSession } from "../core/client.js";
import { Shortcuts } from "../core/keys.js";
import { StoreController } from "../core/store.js";
import { column, shared } from "../core/styles.js";
import { html, LitElement, nothing } from "../vendor/lit.js";
import "./controls.js";
import "./divider.js";
import { choosePictures, chooseReferences, chooseSize, plannedSaturation } from "./look-at.js";
import "./origin.js";
import { renderOver } from "./over.js";
import "./picture.js";
import { Playback } from "./playback.js";
import "./reference-pane.js";
import "./stage.js";
import { Trial } from "./trial.js";
import { viewerKeys } from "./viewer-keys.js";
import { viewerStyles } from "./viewer-styles.js";
import { Walk } from "./walk.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */
/** @typedef {import("../core/film-store.js").ViewMode} ViewMode */

const LARGER = 1.25;

export class Viewer extends LitElement {
  static properties = {
    store: { attribute: false },
    isPicking: { state: true },
    isBefore: { state: true },
    isHand: { state: true },
    isOverGray: { state: true },
    firstRead: { state: true },
    isDrop: { state: true },
    models: { state: true },
  };

  static styles = [shared, column, viewerStyles];

  constructor() {
    super();
    /** @type {FilmStore | null} */
    this.store = null;
    /** A point is to be chosen, of which is asked where its colour comes from. */
    this.isPicking = false;
    /** A key is held: what it was before. */
    this.isBefore = false;
    this.wasPainting = false;
    this.isHand = false;
    this.wasMoved = false;
    this.isOverGray = false;
    /** The film whose first look is explained no more. @type {string | null} */
    this.firstRead = null;
    this.isDrop = false;
    /** @type {import("../core/api.d.ts").Session["models"]} */
    this.models = [];
    this.size = { width: 16, height: 9 };
    new StoreController(this, () => this.store);
    /** @type {Playback} */
    this.playback = new Playback(this, () => this.store, (video) => this.picture?.drawStream(video));
    /** @type {Walk} */
    this.walk = new Walk(this, () => this.store, this.playback);
    this.trial = new Trial(this, () => this.store);
    new Shortcuts(this, "Viewer", viewerKeys(this));
    this.release = (/** @type {Event} */ event) => this.onRelease(event);
  }

  connectedCallback() {
    super.connectedCallback();
    for (const event of ["keyup", "blur"]) addEventListener(event, this.release);
    // Without the models their own strength counts as 1; that the server does not answer is told elsewhere.
    readSession().then(({ models }) => (this.models = models), () => {});
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const event of ["keyup", "blur"]) removeEventListener(event, this.release);
  }

  get state() {
    return /** @type {FilmStore} */ (this.store).state;
  }

  get stage() {
    return /** @type {import("./stage.js").Stage | null} */ (this.renderRoot?.querySelector("kc-stage"));
  }

  get picture() {
    return /** @type {import("./picture.js").Picture | null} */ (this.renderRoot?.querySelector("kc-picture"));
  }

  get isPainting() {
    return this.state.panel === "correct";
  }

  /** @param {ViewMode} mode */
  showMode(mode) {
    if (mode === "doubt") this.isOverGray = this.state.mode === "doubt" ? !this.isOverGray : false;
    this.store?.actions.showMode(mode);
  }

  togglePane() {
    this.store?.set({ withReference: !this.state.withReference });
  }

  togglePicking() {
    if (this.isPicking) return this.leaveOrigin();
    this.isPicking = true;
    this.playback.player.pause();
    void this.updateComplete.then(() => /** @type {any} */ (this.renderRoot.querySelector("kc-origin"))?.take());
  }

  leaveOrigin() {
    this.isPicking = false;
    this.store?.set({ origin: null });
  }

  /** @param {{x: number, y: number}} point */
  async ask({ x, y }) {
    const { store } = this;
    this.playback.player.pause();
    await store?.actions.askOrigin(y, x);
    const { origin } = this.state;
    if (origin?.answer?.reference) store?.set({ withReference: true });
    if (origin && !origin.answer && origin.row === y && origin.column === x) store?.set({ origin: null }); // it failed
  }

  toggleFull() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.requestFullscreen?.();
  }

  /** The space bar is held: it moves the picture; if nothing was moved, it plays. */
  holdSpace() {
    if (this.isHand) return;
    this.isHand = true;
    this.wasMoved = false;
  }

  /** @param {Event} event */
  onRelease(event) {
    const key = event instanceof KeyboardEvent ? event.key : null;
    if (key === null || key === "\\") this.isBefore = false;
    if (!this.isHand || (key !== null && key !== " ")) return;
    this.isHand = false;
    if (key && !this.wasMoved && !this.isPainting && !this.state.project?.is_photograph) this.playback.toggle();
  }

  /** @param {CustomEvent<{name: string, value?: any}>} event */
  onDo({ detail: { name, value } }) {
    /** @type {Record<string, () => void>} */
    const deeds = {
      play: () => this.playback.toggle(),
      shot: () => this.walk.goShot(value),
      mode: () => this.showMode(value),
      reference: () => this.togglePane(),
      pick: () => this.togglePicking(),
      before: () => (this.isBefore = !this.isBefore),
      fit: () => this.stage?.fit(),
      pixels: () => this.stage?.showPixels(),
      smaller: () => this.stage?.zoomBy(1 / LARGER),
      larger: () => this.stage?.zoomBy(LARGER),
      full: () => this.toggleFull(),
      mute: () => (this.playback.video.muted = !this.playback.video.muted),
      speed: () => this.playback.setSpeed(value),
    };
    deeds[name]();
    this.requestUpdate();
  }

  /** @param {CustomEvent<{x: number, y: number, alt: boolean}>} event */
  onPoint({ detail }) {
    if (this.isPicking || detail.alt) this.ask(detail);
  }

  onView() {
    if (this.isHand) this.wasMoved = true;
    this.requestUpdate();
  }

  /** @param {DragEvent} event */
  onDrag(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.isDrop = event.type !== "dragleave" && event.type !== "drop";
    if (event.type === "drop") this.drop([...event.dataTransfer.files]);
  }

  /** @param {File[]} files */
  drop(files) {
    if (files.length) {
      this.dispatchEvent(new CustomEvent("kc-drop", { detail: { files }, bubbles: true, composed: true }));
    }
  }

  again() {
    this.picture?.retry();
    void this.store?.actions.showFrame(this.state.frame, { again: true });
  }

  willUpdate() {
    if (!this.store) return;
    const size = chooseSize(this.state) ?? this.picture?.size;
    if (size && (size.width !== this.size.width || size.height !== this.size.height)) this.size = size;
    if (this.wasPainting !== this.isPainting) [this.isBefore, this.isPicking] = [false, false];
    this.wasPainting = this.isPainting;
  }

  render() {
    if (!this.store) return nothing;
    const { state } = this;
    const withPane = state.withReference && !this.isPainting;
    return html`
      <div
        class="middle ${withPane ? "with-reference" : ""} ${this.isDrop ? "drop" : ""}"
        @dragenter=${this.onDrag}
        @dragover=${this.onDrag}
        @dragleave=${this.onDrag}
        @drop=${this.onDrag}
      >
        ${state.isLooking ? html`<progress class="live" aria-label="Colouring this frame"></progress>` : nothing}
        ${this.renderStage()}
        ${withPane ? this.renderPane() : nothing}
      </div>
      ${this.isPainting ? html`<kc-paint-bar .store=${this.store}></kc-paint-bar>` : nothing}
      <kc-controls
        .store=${this.store}
        .frame=${this.walk.frame}
        .zoom=${this.zoomWords}
        .isPlaying=${this.playback.isPlaying}
        .isPicking=${this.isPicking}
        .isPainting=${this.isPainting}
        .isBefore=${this.isBefore}
        .stream=${this.playback.stream}
        .speed=${this.playback.speed}
        .isMuted=${this.playback.video.muted}
        @kc-do=${this.onDo}
        @kc-go=${(/** @type {CustomEvent} */ { detail }) => this.walk.go(detail.frame, detail.isSoon)}
      ></kc-controls>
      <p class="unseen" role="status">${state.isLooking || this.playback.isPlaying ? "" : this.label}</p>
    `;
  }

  /** What is in sight, in words. */
  get label() {
    const { state } = this;
    if (state.project?.is_photograph) return state.project.title ?? "Photograph";
    const shot = this.store?.shotNumber(this.walk.frame);
    return `Frame ${this.walk.frame}${shot ? `, shot ${shot}` : ""}`;
  }

  get zoomWords() {
    const { stage } = this;
    if (!stage || stage.view.isFit) return "Fit";
    return `${Math.round(stage.scale * stage.density * 100)} %`;
  }

  renderStage() {
    const { state } = this;
    const shot = this.store?.shot(this.walk.frame);
    const planned = plannedSaturation(state, shot, this.models);
    const pictures = choosePictures(state, this.walk.stillFrame, this.trial.asked, planned);
    const mode = this.isPainting ? "color" : this.isBefore || !(state.plan || pictures?.color) ? "gray" : state.mode;
    return html`
      <kc-stage
        class="${this.isPicking ? "picking" : ""} ${this.isPainting ? "painting" : ""}"
        .picture=${this.size}
        .isPainting=${this.isPainting}
        .isHand=${this.isHand}
        @kc-view=${this.onView}
        @kc-point=${this.onPoint}
      >
        <kc-picture
          role="img"
          aria-label=${this.label}
          .pictures=${pictures}
          .saturation=${state.trial?.saturation ?? planned}
          .planned=${planned}
          .mode=${mode}
          .isOverGray=${this.isOverGray}
          .isPlaying=${this.playback.isPlaying}
          .streamFrame=${this.playback.shownFrame}
          @kc-loaded=${() => this.requestUpdate()}
        ></kc-picture>
        ${this.isPainting
          ? html`
            <kc-painter
              class=${this.isBefore ? "away" : ""}
              .store=${this.store}
              .size=${this.stage?.layerSize}
              .scale=${1}
            ></kc-painter>
          `
          : nothing}
        ${mode === "divider"
          ? html`<kc-divider ?inert=${this.isPicking} .value=${state.divider} @kc-divide=${(
            /** @type {CustomEvent<number>} */ event,
          ) => this.store?.set({ divider: event.detail })}></kc-divider>`
          : nothing}
        <kc-origin
          .point=${state.origin ? { x: state.origin.column, y: state.origin.row } : null}
          .isPicking=${this.isPicking}
          @kc-ask=${(/** @type {CustomEvent} */ event) => this.ask(event.detail)}
          @kc-leave=${this.leaveOrigin}
        ></kc-origin>
        <div slot="over" class="over">${renderOver(this, mode)}</div>
      </kc-stage>
    `;
  }

  renderPane() {
    const { state } = this;
    const answer = state.origin?.answer;
    return html`
      <kc-reference-pane
        .references=${chooseReferences(state, this.store?.shot())}
        .found=${answer?.reference ? answer : null}
      ></kc-reference-pane>
    `;
  }

  updated() {
    this.walk.lookAhead();
    if (this.store) this.style.setProperty("--divider", String(this.state.divider));
    this.style.setProperty("--aspect", (this.size.width / this.size.height).toFixed(4));
  }
}
customElements.define("kc-viewer", Viewer);
