// Answers that come in another order than what was asked, or when something else is looked at already.
import { deepStrictEqual as assertEquals } from "node:assert";
import { FilmStore } from "../../../src/kinemacolor/web/page/core/film-store.js";
import { PaintStore } from "../../../src/kinemacolor/web/page/correct/paint-store.js";

/** Answers in the order in which a test gives them, whether or not somebody still waits. */
class SlowServer {
  constructor() {
    /** @type {{path: string, signal: AbortSignal | undefined, give: (answer: object) => void}[]} */
    this.asked = [];
    globalThis.fetch =
      /** @type {any} */ ((/** @type {string} */ path, /** @type {RequestInit} */ how) =>
        new Promise((resolve) => {
          const give = (/** @type {object} */ answer) => resolve(Response.json(answer));
          this.asked.push({ path: path.replace("/api/projects/F", ""), signal: how.signal ?? undefined, give });
        }));
  }

  /** Answers the oldest question for a path. @param {string} path @param {object} answer */
  async answer(path, answer) {
    const at = this.asked.findIndex((one) => one.path === path);
    const [{ give }] = this.asked.splice(at, 1);
    give(answer);
    await new Promise((resolve) => setTimeout(resolve));
  }

  /** What somebody still waits for. */
  get awaited() {
    return this.asked.filter(({ signal }) => !signal?.aborted).map(({ path }) => path);
  }
}

/** @param {number} number */
const project = (number) => ({ revision: `r${number}`, looked_at: true, planned: true, film: { frames: 100 } });
const shots = (/** @type {string} */ tag) => ({ frames: 100, shots: [{ number: 1, first: 0, last: 99, tag }] });

/** @param {SlowServer} server @param {string} tag */
async function answerRest(server, tag) {
  await server.answer("/plan", { model: tag });
  await server.answer("/players", {});
  await server.answer("/shots", shots(tag));
}

Deno.test("of two readings the newer one stays, and who waits for the older one gets it", async () => {
  const server = new SlowServer();
  const store = new FilmStore("F", () => () => {});
  const older = store.actions.reload();
  await server.answer("", project(1));
  const newer = store.actions.reload();
  await server.answer("", project(2));
  for (const tag of ["old", "new"]) await answerRest(server, tag);
  await server.answer("/frames/0/look", { frame: 0 });
  assertEquals([await older, await newer], [true, true]);
  const { state } = store;
  assertEquals([state.project?.revision, state.plan?.model, store.revision], ["r2", "new", "r2"]);
  assertEquals(/** @type {any} */ (state.shots?.shots[0]).tag, "new");
});

Deno.test("what an older change answers does not hide a newer one", async () => {
  const server = new SlowServer();
  const store = new FilmStore("F", () => () => {});
  const changes = [store.actions.editShots({ merge: 1 }), store.actions.editShots({ merge: 2 })];
  const [older, newer] = server.asked.splice(0);
  newer.give(shots("newer"));
  await new Promise((resolve) => setTimeout(resolve));
  older.give(shots("older"));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(/** @type {any} */ (store.state.shots?.shots[0]).tag, "newer");
  assertEquals(server.awaited, [""]); // of the two readings that follow only one goes on
  store.close();
  for (const { give } of server.asked) give({});
  assertEquals(await Promise.all(changes), [true, true]);
});

Deno.test("where a colour comes from is not shown on another frame", async () => {
  const server = new SlowServer();
  const store = new FilmStore("F", () => () => {});
  store.set(/** @type {any} */ ({ plan: {}, project: project(1), frame: 5 }));
  const asked = store.actions.askOrigin(0.5, 0.5);
  const shown = store.actions.showFrame(9);
  await server.answer("/frames/5/origin?row=0.5&column=0.5", { reference: "a" });
  await server.answer("/frames/9/look", { frame: 9 });
  await Promise.all([asked, shown]);
  assertEquals([store.state.frame, store.state.origin], [9, null]);
});

Deno.test("a film that was closed reads nothing any more", async () => {
  const server = new SlowServer();
  const store = new FilmStore("F", () => () => {});
  const reading = store.actions.reload();
  await server.answer("", project(1));
  store.close();
  await answerRest(server, "late");
  assertEquals([await reading, server.awaited], [undefined, []]);
  assertEquals([store.state.project, store.state.shots], [null, null]);
});

Deno.test("strokes that are kept leave those of a frame that was opened meanwhile", async () => {
  new SlowServer();
  Object.defineProperty(globalThis, "localStorage", { value: new FakeShelf(), configurable: true });
  const film = new FilmStore("F", () => () => {});
  const { promise, resolve } = Promise.withResolvers();
  film.actions.attempt = /** @type {any} */ (() => promise);
  const painting = new PaintStore(film);
  paint(painting, 5);
  const keeping = painting.conversation.keep();
  paint(painting, 9);
  assertEquals(painting.state.drafts, [5, 9]);
  resolve(project(2));
  assertEquals(await keeping, true);
  assertEquals([painting.state.drafts, painting.state.history.states.length], [[9], 2]);
  film.close();
});

/** @param {PaintStore} painting @param {number} frame */
function paint(painting, frame) {
  painting.layer = /** @type {any} */ ({ replay: () => {}, share: () => 1 });
  const base = { picture: "", painted_on: "", width: 8, height: 8, references: [], strokes: null };
  painting.set({ frame, base, history: { states: [[]], at: 0 } });
  painting.add({ kind: "area", color: "#aa0000", strength: 1, mask: "" });
}

/** A `Storage` that is a map. */
class FakeShelf {
  constructor() {
    /** @type {Map<string, string>} */
    this.kept = new Map();
  }

  get length() {
    return this.kept.size;
  }

  /** @param {number} index */
  key(index) {
    return [...this.kept.keys()][index] ?? null;
  }

  /** @param {string} name */
  getItem(name) {
    return this.kept.get(name) ?? null;
  }

  /** @param {string} name @param {string} text */
  setItem(name, text) {
    this.kept.set(name, text);
  }

  /** @param {string} name */
  removeItem(name) {
    this.kept.delete(name);
  }
}
