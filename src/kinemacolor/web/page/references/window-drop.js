/** Files that are dragged over the window, wherever: a Lit controller. */

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") === true;

export class WindowDrop {
  /**
   * @param {import("../vendor/lit.js").LitElement} host
   * @param {(files: File[]) => void} take is called with what was dropped where nothing else took it
   */
  constructor(host, take) {
    this.host = host;
    this.take = take;
    this.isOver = false;
    this.depth = 0;
    this.isTaken = false;
    /** @type {AbortController | null} */
    this.listening = null;
    host.addController(this);
  }

  hostConnected() {
    this.listening = new AbortController();
    const { signal } = this.listening;
    addEventListener("dragenter", (event) => this.#count(event, 1), { signal });
    addEventListener("dragleave", (event) => this.#count(event, -1), { signal });
    addEventListener("dragover", (event) => this.#allow(event), { signal });
    addEventListener("drop", () => this.#end(), { capture: true, signal }); // also what others take
    addEventListener("drop", (event) => this.#drop(event), { signal });
    addEventListener("kc-drop", (event) => this.#hand(/** @type {CustomEvent<{files: File[]}>} */ (event)), { signal });
  }

  hostDisconnected() {
    this.listening?.abort();
    this.#show(0);
  }

  /** Enters and leaves come for every element that is crossed. @param {DragEvent} event @param {number} step */
  #count(event, step) {
    if (hasFiles(event)) this.#show(Math.max(0, this.depth + step));
  }

  /** @param {number} depth */
  #show(depth) {
    this.depth = depth;
    if (this.isOver === depth > 0) return;
    this.isOver = depth > 0;
    this.host.requestUpdate();
  }

  /** @param {DragEvent} event */
  #allow(event) {
    if (!hasFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy"; // the page itself refuses files
  }

  #end() {
    this.#show(0);
    this.isTaken = false;
  }

  /** A part hands on what was dropped on it. @param {CustomEvent<{files: File[]}>} event */
  #hand({ detail: { files } }) {
    this.isTaken = true;
    this.take(files);
  }

  /** @param {DragEvent} event */
  #drop(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    const files = [...event.dataTransfer?.files ?? []];
    if (files.length && !this.isTaken) this.take(files);
  }
}
