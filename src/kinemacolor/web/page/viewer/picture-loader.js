/**
 * Loads the pictures of one place in the viewer, one after the other: what is shown stays until the next one can be
 * drawn, and of wishes that follow each other fast only the last one waits.
 */

const KEPT = 12; // pictures that were loaded ahead

/** @type {Map<string, HTMLImageElement>} */
const ahead = new Map();

/** Loads a picture that may be wanted soon. @param {string} source */
export function loadAhead(source) {
  if (ahead.has(source)) return;
  const image = new Image();
  image.fetchPriority = "low";
  image.src = source;
  ahead.set(source, image);
  for (const old of [...ahead.keys()].slice(0, -KEPT)) ahead.delete(old);
}

/** @param {string} source @returns {Promise<HTMLImageElement>} decoded */
async function load(source) {
  const image = ahead.get(source) ?? new Image();
  ahead.delete(source);
  image.alt = "";
  image.draggable = false;
  if (image.src === "") image.src = source;
  await image.decode();
  return image;
}

/**
 * @template Tag
 * @typedef {object} Shown
 * @property {string} source
 * @property {Tag} tag what the picture is of
 * @property {HTMLImageElement} image
 */

/** @template Tag */
export class PictureLoader {
  /** @param {() => void} changed is called when another picture is shown, or one failed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Shown<Tag> | null} */
    this.shown = null;
    /** @type {{source: string, tag: Tag} | null} */
    this.wanted = null;
    /** @type {string | null} */
    this.failed = null;
    this.isLoading = false;
  }

  /** @param {string | null} source null: nothing @param {Tag} tag */
  want(source, tag) {
    if (source === null) {
      this.wanted = null;
      this.failed = null;
      return;
    }
    if (this.wanted?.source === source || this.failed === source) {
      if (this.wanted) this.wanted.tag = tag;
      return;
    }
    this.failed = null;
    this.wanted = { source, tag };
    if (!this.isLoading) void this.run();
  }

  /** Asks once more for what could not be loaded. */
  retry() {
    this.failed = null;
    this.wanted = null;
  }

  async run() {
    this.isLoading = true;
    while (this.wanted && this.wanted.source !== this.shown?.source && this.wanted.source !== this.failed) {
      const { source, tag } = this.wanted;
      try {
        const image = await load(source);
        this.shown = { source, tag, image };
        this.failed = null;
      } catch {
        // The browser says no more than that it could not be loaded.
        if (/** @type {any} */ (this.wanted)?.source === source) this.failed = source;
      }
      this.changed();
    }
    if (this.wanted && this.shown && this.wanted.source === this.shown.source) this.shown.tag = this.wanted.tag;
    this.isLoading = false;
  }
}
