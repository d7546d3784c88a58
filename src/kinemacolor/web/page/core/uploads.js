/**
 * Sends files in pieces, one file after the other. A broken connection is waited for; after a reload the same file, given
 * again, goes on where it was.
 */
import { get, live, post, Problem, remove, request, UPLOADS_KEY } from "./client.js";

/** @typedef {{id: string, name: string, size: number, received: number}} Upload */
/** @typedef {Pick<File, "name" | "size" | "lastModified" | "slice">} Source */

const [SMALLEST, LARGEST] = [1 << 18, 8 << 20]; // bytes of a piece
const [QUICK, SLOW] = [1000, 4000]; // ms: what takes less gets larger pieces, what takes more smaller ones
const [SHORTEST, LONGEST] = [1000, 30000]; // ms between two tries

const PASSING = [0, 408, 429, 502, 503, 504]; // not reached, busy, about to answer again: the same may succeed later

/** What differs in tests: the clock, and where is noted what was begun. */
export const surroundings = {
  now: () => performance.now(),
  /** @param {number} milliseconds @param {AbortSignal} signal */
  wait: (milliseconds, signal) => /** @type {Promise<void>} */ (new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  })),
  get notes() {
    return globalThis.localStorage;
  },
};

/** What the user stopped: nobody needs to be told. */
export class Stopped extends Problem {
  constructor() {
    super("The upload was stopped.", 0);
    this.isStopped = true;
  }
}

/** Ids of uploads that were begun and not ended in this browser, by file. */
const begun = {
  /** @returns {Record<string, string>} */
  read() {
    try {
      return JSON.parse(surroundings.notes?.getItem(UPLOADS_KEY) ?? "{}");
    } catch {
      return {}; // damaged, or a browser that keeps nothing
    }
  },
  /** @param {Record<string, string>} ids */
  write(ids) {
    try {
      surroundings.notes?.setItem(UPLOADS_KEY, JSON.stringify(ids));
    } catch {
      // then the upload goes on only as long as the page is open
    }
  },
  /** @param {Source} file @param {string} id */
  add(file, id) {
    this.write({ ...this.read(), [fingerprint(file)]: id });
  },
  /** @param {Source} file */
  drop(file) {
    const { [fingerprint(file)]: _, ...others } = this.read();
    this.write(others);
  },
};

/** @param {Source} file */
const fingerprint = (file) => `${file.name}|${file.size}|${file.lastModified}`;

/** Uploads that this browser began and that wait for their file. @returns {Promise<Upload[]>} */
export async function listBegun() {
  const ids = new Set(Object.values(begun.read()));
  /** @type {Upload[]} */
  const uploads = await get("/uploads");
  return uploads.filter((upload) => ids.has(upload.id) && upload.received < upload.size);
}

/** Forgets an upload that was begun. @param {Upload} upload */
export async function dropBegun(upload) {
  begun.write(Object.fromEntries(Object.entries(begun.read()).filter(([, id]) => id !== upload.id)));
  await remove(`/uploads/${upload.id}`);
}

/**
 * Has the server make something of files that it has. Where the fault is its own, as on a full disk, it keeps them: they are
 * not sent again when they are given again.
 * @template T @param {Source[]} files @param {Upload[]} uploads of them @param {() => Promise<T>} work @returns {Promise<T>}
 */
export async function makeOf(files, uploads, work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem && error.status >= 500) files.forEach((file, at) => begun.add(file, uploads[at].id));
    throw error;
  }
}

/** The file that is sent before. @type {Promise<unknown>} */
let before = Promise.resolve();

/**
 * Sends a file; it is shown among what goes on (`live.state.uploads`).
 * @param {Source} file
 * @returns {Promise<Upload>} what the server has. Rejects with a `Problem`: `Stopped` where the user stopped it
 */
export function uploadFile(file) {
  const aborter = new AbortController();
  /** @type {import("./client.js").Sending} */
  const sending = {
    name: file.name,
    size: file.size,
    received: 0,
    rate: null,
    isBroken: false,
    stop: () => aborter.abort(),
  };
  /** @param {Partial<typeof sending>} changes */
  const show = (changes) => {
    Object.assign(sending, changes);
    live.set({ uploads: [...live.state.uploads] });
  };
  live.set({ uploads: [...live.state.uploads, sending] });
  const sent = before.then(() => new Sender(file, show, aborter.signal).send());
  before = sent.catch(() => {});
  return sent.finally(() => live.set({ uploads: live.state.uploads.filter((one) => one !== sending) }));
}

/** One file on its way. */
class Sender {
  /**
   * @param {Source} file
   * @param {(changes: Partial<import("./client.js").Sending>) => void} show
   * @param {AbortSignal} signal
   */
  constructor(file, show, signal) {
    this.file = file;
    this.show = show;
    this.signal = signal;
    this.piece = 1 << 20;
    this.pause = SHORTEST;
    /** @type {number | null} */
    this.rate = null;
  }

  /** @returns {Promise<Upload>} */
  async send() {
    /** @type {Upload | null} */
    let upload = null;
    while (!upload || upload.received < this.file.size) {
      if (this.signal.aborted) await this.#giveUp(upload);
      try {
        upload = upload ? await this.#sendPiece(upload) : await this.#begin();
        this.pause = SHORTEST;
        this.show({ received: upload.received, rate: this.rate, isBroken: false });
      } catch (error) {
        if (this.signal.aborted) continue;
        upload = await this.#recover(error, upload);
      }
    }
    begun.drop(this.file);
    return upload;
  }

  /** Takes up what was begun before, or begins. @returns {Promise<Upload>} */
  async #begin() {
    const id = begun.read()[fingerprint(this.file)];
    const known = id && await get(`/uploads/${id}`, this.signal).catch(nullIfGone);
    if (known) return known;
    const upload = await post("/uploads", { name: this.file.name, size: this.file.size });
    begun.add(this.file, upload.id);
    return upload;
  }

  /** @param {Upload} upload @returns {Promise<Upload>} */
  async #sendPiece(upload) {
    const end = Math.min(this.file.size, upload.received + this.piece);
    let bytes;
    try {
      bytes = await this.file.slice(upload.received, end).arrayBuffer();
    } catch {
      throw new Problem(`${this.file.name} cannot be read any more: was it moved or changed?`, 400);
    }
    const start = surroundings.now();
    const next = await request(
      "PATCH",
      `/uploads/${upload.id}?offset=${upload.received}`,
      new Blob([bytes]),
      this.signal,
    );
    const milliseconds = Math.max(1, surroundings.now() - start);
    const rate = 1000 * bytes.byteLength / milliseconds;
    this.rate = this.rate === null ? rate : 0.7 * this.rate + 0.3 * rate;
    if (milliseconds < QUICK) this.piece = Math.min(LARGEST, 2 * this.piece);
    else if (milliseconds > SLOW) this.piece = Math.max(SMALLEST, this.piece / 2);
    return next;
  }

  /**
   * Waits where a later try may succeed, and finds out how much has arrived.
   * @param {unknown} error @param {Upload | null} upload @returns {Promise<Upload | null>}
   */
  async #recover(error, upload) {
    if (!(error instanceof Problem)) throw error;
    if (upload && error.status === 404) return null; // it was swept away: from the beginning
    if (upload && error.status === 409) return { ...upload, received: error.answer.received };
    if (!PASSING.includes(error.status)) throw error;
    this.show({ isBroken: true, rate: null });
    await surroundings.wait(this.pause, this.signal);
    this.pause = Math.min(LONGEST, 2 * this.pause);
    return upload && await get(`/uploads/${upload.id}`, this.signal).catch(() => upload);
  }

  /** @param {Upload | null} upload @returns {Promise<never>} */
  async #giveUp(upload) {
    begun.drop(this.file);
    if (upload) await remove(`/uploads/${upload.id}`).catch(() => {});
    throw new Stopped();
  }
}

/** @param {unknown} error */
function nullIfGone(error) {
  if (error instanceof Problem && error.status === 404) return null;
  throw error;
}
