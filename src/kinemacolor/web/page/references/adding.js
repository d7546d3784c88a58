/**
 * Pictures on their way to a film: sent one after the other, taken as references, then chosen from once for all.
 * One that is refused says why beside its name; the others go on.
 */
import { live, post, Problem } from "../core/client.js";
import { count } from "../core/format.js";
import { isActive } from "../core/jobs.js";
import { Store } from "../core/store.js";
import { Stopped, uploadFile } from "../core/uploads.js";
import { frameOfName } from "./frame-names.js";
import { listGivable } from "./reference-list.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

/**
 * @typedef {object} Arrival a file on its way
 * @property {number} key
 * @property {File} file
 * @property {number | null} frame that it shows, by its name or by what the user said
 * @property {"waiting" | "sending" | "checking" | "refused"} state
 * @property {import("../core/client.js").Sending | null} sending how far it is; it changes with `live`
 * @property {string | null} problem in words
 */

/**
 * @typedef {object} Wish what the pictures are for
 * @property {number[] | null} [shots] that get them, whatever fits best; null: those that they fit
 * @property {number | null} [frame] that the picture shows
 * @property {string | null} [instead] file name of the reference whose place it takes
 */

/** What is on its way to one film. @extends {Store<{items: Arrival[]}>} */
export class Arrivals extends Store {
  /** @param {FilmStore} film */
  constructor(film) {
    super({ items: [] });
    this.film = film;
    this.keys = 0;
    /** @type {Promise<unknown>} ends when all that came before has been taken */
    this.before = Promise.resolve();
  }

  /** @param {File[]} files @param {Wish} [wish] */
  add(files, wish = {}) {
    const arrivals = files.map((file) => this.#begin(file, wish.frame ?? null));
    const taken = this.before.then(() => this.#take(arrivals, wish));
    this.before = taken.catch(() => {}); // those that follow are taken all the same
    return taken;
  }

  /** Stops one, or forgets why it was refused. @param {number} key */
  drop(key) {
    this.#find(key)?.sending?.stop();
    this.set({ items: this.state.items.filter((one) => one.key !== key) });
  }

  /** @param {number} key */
  #find(key) {
    return this.state.items.find((one) => one.key === key);
  }

  /** @param {File} file @param {number | null} frame */
  #begin(file, frame) {
    /** @type {Arrival} */
    const arrival = {
      key: ++this.keys,
      file,
      frame: frame ?? frameOfName(file.name),
      state: "waiting",
      sending: null,
      problem: null,
    };
    this.set({ items: [...this.state.items, arrival] });
    return arrival;
  }

  /** @param {number} key @param {Partial<Arrival>} changes */
  #change(key, changes) {
    this.set({ items: this.state.items.map((one) => one.key === key ? { ...one, ...changes } : one) });
  }

  /** @param {Arrival[]} arrivals @param {Wish} wish */
  async #take(arrivals, wish) {
    /** @type {string[]} */
    const taken = [];
    for (const arrival of arrivals) {
      const file = await this.#send(arrival, wish.frame ?? null);
      if (file) taken.push(file);
    }
    if (!taken.length) return;
    const { actions } = this.film;
    this.film.notify(`${count(taken.length, "picture")} added: choosing what fits each shot.`);
    const job = await actions.submit({ kind: "plan" });
    if (!job || !(wish.shots || wish.instead) || !(await this.#planned(job.id))) return;
    if (wish.instead) return this.#replace(wish.instead, taken[0]);
    // Of a colour film the stills that fit are chosen already.
    const pictures = listGivable(references(this.film)).filter((one) => taken.includes(one.file));
    for (const { file } of pictures) await actions.editShots({ give: file, shots: wish.shots });
  }

  /** Its file name there; null: it was not taken. @param {Arrival} arrival @param {number | null} frame */
  async #send({ key, file }, frame) {
    if (!this.#find(key)) return null;
    try {
      const sent = uploadFile(file);
      this.#change(key, { state: "sending", sending: live.state.uploads.at(-1) ?? null });
      const upload = await sent;
      if (!this.#find(key)) return null;
      this.#change(key, { state: "checking", sending: null });
      const known = new Set(listFiles(this.film));
      const project = await post(this.film.path("/references/uploaded"), { upload: upload.id, frame });
      this.film.set({ project });
      this.drop(key);
      const placed = frame ?? frameOfName(file.name);
      return listFiles(this.film).find((one) => !known.has(one)) ??
        references(this.film).find((one) => one.frame !== null && one.frame === placed)?.file ?? null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error instanceof Stopped) this.drop(key);
      else if (this.#find(key)) this.#change(key, { state: "refused", sending: null, problem: error.message });
      return null;
    }
  }

  /** Whether the job ended well; what it chose is known then. @param {string} id */
  async #planned(id) {
    const state = await new Promise((resolve) => {
      let isSeen = false;
      const stop = live.listen(check);
      function check() {
        const job = live.state.jobs.find((one) => one.id === id);
        isSeen ||= job !== undefined;
        if (job ? isActive(job) : !isSeen) return;
        stop(); // it has ended, or somebody took it off the list
        resolve(job?.state);
      }
      check();
    });
    if (state !== "done") return false;
    await this.film.actions.reload();
    return true;
  }

  /** Shots that had the one take the other. @param {string} old @param {string} fresh file names */
  async #replace(old, fresh) {
    if (old === fresh) return;
    const nameOf = (/** @type {string} */ file) => references(this.film).find((one) => one.file === file)?.name ?? file;
    /** @type {Record<string, string[]>} */
    const changed = {};
    for (const shot of this.film.state.shots?.shots ?? []) {
      const names = shot.references.map((one) => one.name);
      if (!names.includes(nameOf(old))) continue;
      changed[shot.number] = [
        ...new Set(names.map((name) => name === nameOf(old) ? nameOf(fresh) : name)),
      ];
    }
    if (Object.keys(changed).length && !(await this.film.actions.editShots({ references: changed }))) return;
    await this.film.actions.removeReference(old);
  }
}

/** @param {FilmStore} film @returns {import("./reference-list.js").Reference[]} */
const references = (film) => film.state.project?.references ?? [];
/** @param {FilmStore} film */
const listFiles = (film) => references(film).map((one) => one.file);

/** @type {WeakMap<FilmStore, Arrivals>} */
const known = new WeakMap();

/** What is on its way to a film. @param {FilmStore} film */
export function arrivalsOf(film) {
  const arrivals = known.get(film) ?? new Arrivals(film);
  known.set(film, arrivals);
  return arrivals;
}

/** Sends pictures or colour films, and takes them as references. @param {FilmStore} film @param {File[]} files @param {Wish} [wish] */
export const addPictures = (film, files, wish) => arrivalsOf(film).add(files, wish);

/** Lets the user pick files. @param {boolean} [isMany] @returns {Promise<File[]>} */
export function pickFiles(isMany = true) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", multiple: isMany, accept: "image/*,video/*" });
  return new Promise((resolve) => {
    input.onchange = () => resolve([...input.files ?? []]);
    input.oncancel = () => resolve([]);
    input.click();
  });
}
