/** What the server says by itself: of the session, once, and of what changes, as it does. */
import { get, Problem } from "./client.js";
import { Store } from "./store.js";

/** @typedef {import("./api.d.ts").Session} Session */

/** @type {Promise<Session> | null} */
let session = null;

/** What the server can do and may; asked once. @returns {Promise<Session>} */
export function readSession() {
  session ??= get("/session").catch((error) => {
    session = null;
    throw error;
  });
  return /** @type {Promise<Session>} */ (session);
}

/**
 * @typedef {object} Live
 * @property {import("./api.d.ts").JobView[]} jobs all of the user's
 * @property {number} others jobs of other users that run or wait
 * @property {string | null} revision of the project that is listened to: another one, another state of it
 * @property {string | null} trouble why nothing is heard, in words; null: all is well
 */

/** Jobs and the open film, as the server last told. @type {Store<Live>} */
export const live = new Store(
  /** @type {Live} */ ({ jobs: [], others: 0, revision: null, trouble: null }),
);

const PATIENCE = 2000; // ms of silence that are not worth a word
const [SHORTEST, LONGEST] = [1000, 15000]; // ms between two tries

/** @type {EventSource | null} */
let source = null;
let wait = SHORTEST;
let retry = 0;
let telling = 0;
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
  };
  source.onerror = () => void lose();
}

/** The stream broke: the browser's own tries end when a server refuses, so ours go on instead. */
async function lose() {
  source?.close();
  clearTimeout(retry);
  retry = setTimeout(open, wait);
  wait = Math.min(LONGEST, 2 * wait);
  if (telling || live.state.trouble) return;
  telling = setTimeout(() => (telling = 0, live.set({ trouble: "The server does not answer; waiting" })), PATIENCE);
  const problem = await get("/session").then(() => null, (error) => (error instanceof Problem ? error : null));
  if (problem?.status === 401) {
    live.set({ trouble: "The server does not know this browser any more: open the address it printed" });
  }
  if (problem?.status === 404) live.set({ trouble: "This film is not there any more" });
}
