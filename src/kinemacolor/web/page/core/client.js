/**
 * Asks the HTTP interface, and hears from it. Every call gives parsed JSON, or throws a `Problem` whose message is meant for a
 * person.
 */
import { Store } from "./store.js";

/** What a request was answered that did not do what was asked. */
export class Problem extends Error {
  /**
   * @param {string} message @param {number} status 0: the server was not reached
   * @param {any} [answer] what else the server said
   */
  constructor(message, status, answer = {}) {
    super(message.replace(/^[a-z]+(?=[ ,:;'])/, (word) => word[0].toUpperCase() + word.slice(1)));
    this.name = "Problem";
    this.status = status;
    this.answer = answer;
  }
}

/**
 * @param {string} method
 * @param {string} path below `/api`, beginning with a slash
 * @param {unknown} [body] sent as JSON; a Blob as it is
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function request(method, path, body, signal) {
  const isBlob = body instanceof Blob;
  let response, text;
  try {
    response = await fetch(`/api${path}`, {
      method,
      signal,
      headers: body === undefined ? {} : { "Content-Type": isBlob ? "application/octet-stream" : "application/json" },
      body: body === undefined ? undefined : isBlob ? body : JSON.stringify(body),
    });
    text = await response.text(); // breaks, too, where the connection does
  } catch (error) {
    if (signal?.aborted) throw error;
    void lose();
    throw new Problem("The server does not answer. Is it still running?", 0);
  }
  if (response.status === 204) return null;
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = {};
  }
  if (!response.ok) {
    throw new Problem(answer.error ?? `The server answered ${response.status}.`, response.status, answer);
  }
  return answer;
}

/** @param {string} path @param {AbortSignal} [signal] */
export const get = (path, signal) => request("GET", path, undefined, signal);
/** @param {string} path @param {unknown} [body] */
export const post = (path, body) => request("POST", path, body ?? undefined);
/** @param {string} path @param {unknown} body */
export const patch = (path, body) => request("PATCH", path, body);
/** @param {string} path @param {unknown} body */
export const put = (path, body) => request("PUT", path, body);
/** @param {string} path */
export const remove = (path) => request("DELETE", path);

/**
 * Questions that overtake each other: only the last one counts. A new one gives up the one before, and who waited for that
 * waits for the new one.
 */
export class Latest {
  constructor() {
    this.asking = new AbortController();
    /** @type {Promise<any>} */
    this.last = Promise.resolve();
  }

  /** What was asked last is given up; who waits for it gets undefined. */
  stop() {
    this.asking.abort();
    this.asking = new AbortController();
    this.last = Promise.resolve();
  }

  /**
   * @template Answer, Shown
   * @param {(signal: AbortSignal) => Promise<Answer>} ask
   * @param {(answer: Answer) => Shown | Promise<Shown>} show takes the answer, where nothing overtook it
   * @returns {Promise<Shown | undefined>} what `show` gave, or that of the question that overtook this one
   */
  run(ask, show) {
    this.stop();
    const { signal } = this.asking;
    const isOvertaken = () => signal.aborted;
    const shown = ask(signal).then(
      (answer) => isOvertaken() ? this.last : show(answer),
      (error) => {
        if (isOvertaken()) return this.last;
        throw error;
      },
    );
    return this.last = shown;
  }
}

/** @typedef {import("./api.d.ts").Session} Session */

/** Where a browser notes the uploads that it began. */
export const UPLOADS_KEY = "kinemacolor-uploads";

/** Whether uploads may wait for their file; looked at here so that nothing is loaded where none does. */
export function hasUnfinished() {
  try {
    return (localStorage.getItem(UPLOADS_KEY) ?? "{}") !== "{}";
  } catch {
    return false; // a browser that keeps nothing
  }
}

/** @type {Promise<Session> | null} */
let session = null;

/** What the server can do and may; asked once. @param {boolean} [again] the disk is another one @returns {Promise<Session>} */
export function readSession(again = false) {
  if (again) session = null;
  session ??= get("/session").catch((error) => {
    session = null;
    throw error;
  });
  return /** @type {Promise<Session>} */ (session);
}

/**
 * A file on its way to the server, as `uploads.js` tells it.
 *
 * @typedef {object} Sending
 * @property {string} name
 * @property {number} size bytes
 * @property {number} received bytes that the server has
 * @property {number | null} rate bytes per second
 * @property {boolean} isBroken the connection is; it is tried again
 * @property {() => void} stop
 */

/**
 * @typedef {object} Live
 * @property {import("./api.d.ts").JobView[]} jobs all of the user's
 * @property {number} others jobs of other users that run or wait
 * @property {Sending[]} uploads of this page
 * @property {string | null} revision of the project that is listened to: another one, another state of it
 * @property {string | null} trouble why nothing is heard, in words; null: all is well
 */

/** Jobs and the open film, as the server last told. @type {Store<Live>} */
export const live = new Store(
  /** @type {Live} */ ({ jobs: [], others: 0, uploads: [], revision: null, trouble: null }),
);

const PATIENCE = 2000; // ms without a connection that are not worth a word
const SILENCE = 6000; // ms in which something that runs was heard of before
const [SHORTEST, LONGEST] = [1000, 15000]; // ms between two tries

const NO_CONNECTION = "No connection to the server; it is tried again";

/** @type {EventSource | null} */
let source = null;
let wait = SHORTEST;
let retry = 0;
let telling = 0;
let doubting = 0;
/** @type {string | null} */
let listenedTo = null;

/** Listens from now on, also to one project. @param {string | null} project */
export function listenTo(project) {
  if (source && project === listenedTo) return;
  if (project !== listenedTo) live.set({ revision: null });
  listenedTo = project;
  open();
}

function open() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource(`/api/events${listenedTo ? `?project=${encodeURIComponent(listenedTo)}` : ""}`);
  source.onmessage = (event) => {
    clearTimeout(telling);
    [wait, telling] = [SHORTEST, 0];
    const { jobs, others, revision } = JSON.parse(event.data);
    live.set({ jobs, others, revision, trouble: null });
    doubtSoon();
  };
  source.onerror = () => void lose();
}

/** A stream may stay open although the server is gone or hangs: where something runs and nothing is told of it, it is asked. */
function doubtSoon() {
  clearTimeout(doubting);
  if (!live.state.jobs.some((job) => job.state === "running")) return;
  const ask = () => get("/session", AbortSignal.timeout(SILENCE)).then(doubtSoon, lose);
  doubting = setTimeout(() => void ask(), SILENCE);
}

/**
 * The stream broke, or a request had no answer: it is tried anew. The browser's own tries end when a server refuses, so ours go
 * on instead.
 */
async function lose() {
  if (!source) return; // it is waited for
  source.close();
  source = null;
  clearTimeout(doubting);
  clearTimeout(retry);
  retry = setTimeout(open, wait);
  wait = Math.min(LONGEST, 2 * wait);
  if (telling || live.state.trouble) return;
  telling = setTimeout(() => (telling = 0, live.set({ trouble: NO_CONNECTION })), PATIENCE);
  const problem = await get("/session", AbortSignal.timeout(SILENCE)).then(() => null, (error) => error);
  if (!problem) [, telling] = [clearTimeout(telling), 0]; // it answers: only the stream ended
  if (problem?.status === 401) {
    live.set({ trouble: "The server does not know this browser any more: open the address it printed" });
  }
}
