/**
 * The open film: what the server knows of it, what is looked at, and everything that can be asked of it.
 *
 * One store for all parts of the window. `actions` talk to the server and put what comes back into `state`; a failure is
 * told by `notify`. Parts never fetch while they draw.
 */
import { get, Latest, patch, post, Problem, remove } from "./client.js";
import { Store } from "./store.js";

/** @typedef {import("./api.d.ts").ProjectView} ProjectView */
/** @typedef {import("./api.d.ts").ShotList} ShotList */
/** @typedef {import("./api.d.ts").ShotView} ShotView */
/** @typedef {import("./api.d.ts").JobView} JobView */
/** @typedef {import("./api.d.ts").FrameLook} FrameLook */
/** @typedef {import("./api.d.ts").Players} Players */
/** @typedef {import("./api.d.ts").Plan} Plan */
/** @typedef {"look" | "correct" | "render" | "report"} Panel */
/** @typedef {"color" | "gray" | "divider" | "doubt"} ViewMode */

/**
 * @typedef {object} FilmState
 * @property {string} id
 * @property {ProjectView | null} project null: not loaded yet
 * @property {ShotList | null} shots null: not found yet
 * @property {Plan | null} plan null: none yet
 * @property {JobView[]} jobs all of the user, of this film and others
 * @property {number} others jobs of other users that run or wait
 * @property {number} frame that is looked at, from 0
 * @property {boolean} isPassing it is one of many that run by, as in playing
 * @property {FrameLook | null} look the pictures of `frame`; null while they are made, or where they cannot be
 * @property {string | null} lookProblem why there are none
 * @property {boolean} isLooking a picture of `frame` is being made
 * @property {any} firstLook before there is a plan: `GET first-look`; null: none yet
 * @property {Players | null} players
 * @property {Panel} panel
 * @property {ViewMode} mode
 * @property {boolean} withReference the reference stands beside the frame
 * @property {number} divider 0..1
 * @property {any} origin where the colour of a point comes from: `{row, column, answer}`; null: not asked
 * @property {{saturation?: number, edge_filter?: string} | null} trial what is being tried in the inspector, not yet in the plan
 * @property {Set<number>} chosen numbers of the shots that are chosen together
 * @property {ReadonlyMap<number, number>} doubts that thumbnails tell, 0..1, by the middle frames of shots
 */

/** @param {string} id @returns {FilmState} */
const makeState = (id) => ({
  id,
  project: null,
  shots: null,
  plan: null,
  jobs: [],
  others: 0,
  frame: 0,
  isPassing: false,
  look: null,
  lookProblem: null,
  isLooking: false,
  firstLook: null,
  players: null,
  panel: "look",
  mode: "divider",
  withReference: false,
  divider: 0.5,
  origin: null,
  trial: null,
  chosen: new Set(),
  doubts: new Map(),
});

/**
 * From where the frames of the film are counted, in seconds: in another part, a number means another frame.
 * @param {Pick<FilmState, "project">} state
 */
export const startOf = ({ project }) => project?.film?.start_seconds ?? 0;

/** The gray picture of a frame; in another part of the film it has another address. @param {FilmState} state @param {number} frame */
export const grayOf = (state, frame) => `/api/projects/${state.id}/frames/${frame}/gray?start=${startOf(state)}`;

/**
 * The number that the frame has, which is looked at, in a project that may begin elsewhere in the film.
 * @param {FilmState} state @param {ProjectView | null} [project]
 */
export function frameIn({ project: before, frame }, project) {
  const [from, rate] = [before?.film?.start_seconds, project?.film?.rate];
  if (from === undefined || !rate) return frame;
  return Math.max(0, frame + Math.round((from - startOf({ project: project ?? null })) * rate));
}

/** @extends {Store<FilmState>} */
export class FilmStore extends Store {
  /**
   * @param {string} id of the project
   * @param {(text: string, kind?: "told" | "problem", undo?: () => void) => () => void} notify tells the user something;
   *   what it gives takes that away
   */
  constructor(id, notify) {
    super(makeState(id));
    this.notify = notify;
    this.actions = makeActions(this);
    this.isClosed = false;
    /** How many changes were begun. */
    this.changes = 0;
    /** Of which everything is shown, or being read. @type {string | null} */
    this.revision = null;
    this.reading = new Latest();
    this.looking = new Latest();
    this.asking = new Latest();
    /** What is painted on its frames; null until somebody paints. @type {import("../correct/paint-store.js").PaintStore | null} */
    this.painting = null;
    /** Takes away what `offerUndo` told last. @type {() => void} */
    this.withdraw = () => {};
    /** What `listShots` gave last, and of what it was made. @type {{shots: unknown, doubts: unknown, listed: ShotView[]}} */
    this.known = { shots: null, doubts: null, listed: [] };
  }

  /** The shots, with what their thumbnails tell of doubt where the server knows none; the same list until one changes. */
  listShots() {
    const { shots, doubts } = this.state;
    if (shots !== this.known.shots || doubts !== this.known.doubts) {
      const listed = (shots?.shots ?? []).map((/** @type {ShotView} */ shot) => ({
        ...shot,
        doubt: shot.doubt ?? doubts.get(shot.middle) ?? null,
      }));
      this.known = { shots, doubts, listed };
    }
    return this.known.listed;
  }

  /**
   * Other shots: where there are more or fewer, they have other numbers, and none stays chosen. The frame that is looked at
   * stays the same where its number changes.
   * @param {ShotList | null} shots @param {Partial<FilmState>} [changes] that belong to them
   */
  setShots(shots, changes = {}) {
    const isSame = shots?.shots.length === this.state.shots?.shots.length;
    const frame = frameIn(this.state, changes.project);
    this.set({ frame, ...changes, shots, chosen: isSame ? this.state.chosen : new Set() });
  }

  /**
   * Tells of a change that was just made, and that can be taken back: only as long as it is the last one, for else
   * something different would be.
   * @param {string} text @param {() => void} [restore] what else comes back then
   */
  offerUndo(text, restore = () => {}) {
    this.withdraw();
    const revision = this.state.project?.revision;
    const undo = async () => (await this.actions.undo()) && restore();
    const dismiss = this.notify(text, "told", () => void undo());
    const stop = this.listen((state) => state.project?.revision === revision || this.withdraw());
    this.withdraw = () => (stop(), dismiss(), this.withdraw = () => {});
  }

  /** Nobody looks at the film any more: what is read is given up, and no frame is asked for again. */
  close() {
    this.isClosed = true;
    this.withdraw();
    for (const one of [this.reading, this.looking, this.asking]) one.stop();
    this.painting?.close();
  }

  /** The address of the film below `/api`. @param {string} rest */
  path(rest = "") {
    return `/projects/${this.state.id}${rest}`;
  }

  /** Number of the shot that holds `frame`, from 1; null without shots. @param {number} [frame] */
  shotNumber(frame = this.state.frame) {
    const shots = this.state.shots?.shots ?? [];
    let [low, high] = [0, shots.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (shots[middle].first <= frame) low = middle;
      else high = middle - 1;
    }
    return shots.length ? shots[low].number : null;
  }

  /** The shot that holds `frame`. @param {number} [frame] */
  shot(frame = this.state.frame) {
    const number = this.shotNumber(frame);
    return number === null ? null : this.listShots()[number - 1] ?? null;
  }
}

/** @param {FilmStore} store */
function makeActions(store) {
  /**
   * Does something, and tells of a failure; gives undefined then.
   * @template T @param {() => Promise<T>} work @returns {Promise<T | undefined>}
   */
  async function attempt(work) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      store.notify(error.message, "problem");
      return undefined;
    }
  }

  /** Something that may not be there yet. @param {Promise<any>} asked */
  const orNull = (asked) =>
    asked.catch((error) => {
      if (error instanceof Problem && error.status && error.status < 500) return null;
      throw error;
    });

  /**
   * What stands elsewhere is not told once more: a server that does not answer, by the page; a film that is not there, by
   * the window. @param {unknown} error
   */
  const tellElsewhere = (error) => {
    if (error instanceof Problem && error.status === 0) return undefined;
    if (error instanceof Problem && error.status === 404 && !store.state.project) return false;
    throw error;
  };

  /** @param {AbortSignal} signal */
  async function readAll(signal) {
    try {
      /** @type {ProjectView} */
      const project = await get(store.path(), signal);
      signal.throwIfAborted();
      store.revision = project.revision;
      const { looked_at, planned } = project;
      const [shots, plan, players] = await Promise.all([
        looked_at || planned ? orNull(get(store.path("/shots"), signal)) : null,
        planned ? orNull(get(store.path("/plan"), signal)) : null,
        orNull(get(store.path("/players"), signal)),
      ]);
      return { project, shots, plan, players };
    } catch (error) {
      if (!signal.aborted) store.revision = null;
      throw error;
    }
  }

  /**
   * The pictures of a frame; before there is a plan, those of the first look.
   * @param {number} frame @param {boolean} again @param {AbortSignal} signal @returns {Promise<Partial<FilmState>>}
   */
  async function lookAt(frame, again, signal) {
    const { plan, firstLook: first } = store.state;
    if (plan) return { look: await get(store.path(`/frames/${frame}/look`), signal), firstLook: null };
    // Where nobody chose a frame yet, it is the one of the first look; others are gray until there is a plan.
    const firstLook = (!again && first) || await get(store.path("/first-look"), signal);
    return { firstLook, look: null, frame: first || frame > 0 ? frame : firstLook.frame ?? frame };
  }

  /** @param {"undo" | "redo"} way @returns {Promise<boolean | undefined>} */
  function step(way) {
    store.withdraw();
    // All of it is read anew before any of it is shown: a plan may be gone that the pictures of shots are made by.
    return actions.change(async () => (await post(store.path(`/${way}`)), {}));
  }

  const actions = {
    attempt,

    /** Reads everything anew; called when the film is opened and when its `revision` changes. Gives false where there is none. */
    reload: () =>
      attempt(() =>
        store.reading.run(readAll, async (known) => {
          store.setShots(known.shots, known);
          await actions.showFrame(store.state.frame, { again: true });
          return true;
        }).catch(tellElsewhere)
      ),

    /**
     * Changes something on the server; what it answers is shown at once, where no other change was begun since, and then
     * everything is read anew. Gives whether it was changed.
     * @param {() => Promise<Partial<FilmState>>} work gives what is known already
     */
    change: (work) =>
      attempt(async () => {
        const change = ++store.changes;
        const known = await work();
        if (change === store.changes) store.setShots(known.shots ?? store.state.shots, known);
        await actions.reload();
        return true;
      }),

    /**
     * Looks at another frame. Of wishes that follow each other fast, only the last one is asked for.
     * @param {number} frame @param {{again?: boolean}} [how]
     */
    async showFrame(frame, { again = false } = {}) {
      if (store.isClosed) return;
      const { shots, project } = store.state;
      const last = (shots?.frames ?? project?.film?.frames ?? Infinity) - 1;
      const wanted = Math.max(0, Math.min(last, Math.round(frame)));
      if (wanted === store.state.frame && store.state.look && !again) return;
      store.asking.stop();
      store.set({ frame: wanted, isPassing: false, isLooking: true, lookProblem: null, origin: null });
      try {
        await store.looking.run(
          (signal) => lookAt(wanted, again, signal),
          (known) => store.set({ ...known, isLooking: false }),
        );
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        const lookProblem = error.status ? error.message : "This picture could not be loaded.";
        store.set({ look: null, isLooking: false, lookProblem });
      }
    },

    /** @param {number} number of a shot: its middle frame is looked at */
    showShot(number) {
      const shot = store.state.shots?.shots[number - 1];
      if (shot) void actions.showFrame(shot.middle);
    },

    /** @param {Panel} panel */
    showPanel: (panel) => store.set({ panel }),
    /** Opens the painter on a frame. @param {number} frame */
    correctFrame(frame) {
      store.set({ panel: "correct" });
      void actions.showFrame(frame);
    },
    /** @param {ViewMode} mode */
    showMode: (mode) => store.set({ mode }),

    /** Merge, split, move a cut, assign references, options of shots: see `POST shots/edit`. @param {object} edit */
    editShots: (edit) => actions.change(async () => ({ shots: await post(store.path("/shots/edit"), edit) })),

    /** Model and options of the plan. @param {object} changes */
    changePlan: (changes) =>
      actions.change(async () => {
        const plan = await patch(store.path("/plan"), changes);
        store.set({ trial: null });
        return { plan };
      }),

    /** Title, or the part of the film. @param {object} changes */
    changeProject: (changes) => actions.change(async () => ({ project: await patch(store.path(), changes) })),

    /** @param {string} name */
    async removeReference(name) {
      const path = store.path(`/references/${encodeURIComponent(name)}`);
      if (!(await actions.change(async () => (await remove(path), {})))) return;
      store.offerUndo(`${name} was removed.`);
    },

    undo: () => step("undo"),
    redo: () => step("redo"),

    /** Queues a task: `look`, `plan`, `try`, `render`. @param {object} task @returns {Promise<JobView | undefined>} */
    submit: (task) => attempt(() => post(store.path("/jobs"), task)),
    /** @param {string} job */
    stopJob: (job) => attempt(() => post(`/jobs/${job}/stop`)),
    /** @param {string} job */
    resumeJob: (job) => attempt(() => post(`/jobs/${job}/resume`)),

    /** Where the colour of a point comes from. @param {number} row 0..1 @param {number} column 0..1 */
    askOrigin: (row, column) =>
      attempt(() => {
        store.set({ origin: { row, column, answer: null } });
        const path = store.path(`/frames/${store.state.frame}/origin?row=${row}&column=${column}`);
        return store.asking.run(
          (signal) => get(path, signal),
          (answer) => store.set({ origin: { row, column, answer } }),
        );
      }),
  };
  return actions;
}
