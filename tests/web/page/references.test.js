import { deepStrictEqual as assertEquals } from "node:assert";
import { live } from "../../../src/kinemacolor/web/page/core/client.js";
import { FilmStore } from "../../../src/kinemacolor/web/page/core/film-store.js";
import { Arrivals } from "../../../src/kinemacolor/web/page/references/adding.js";
import { frameOfName, nameOfFrame } from "../../../src/kinemacolor/web/page/references/frame-names.js";

import { groupReferences, labelOf, listGivable } from "../../../src/kinemacolor/web/page/references/reference-list.js";

/** A film whose server takes references, but none with "gray" in its name. */
class FakeFilm {
  constructor() {
    /** @type {string[]} what was asked for, but reading */
    this.asked = [];
    /** @type {string[]} */
    this.references = ["old.png"];
    this.uploads = 0;
    /** Somebody takes the job off the list. */
    this.isTakenOff = false;
    /** @type {string[]} */
    this.uploaded = [];
    globalThis.fetch = /** @type {any} */ (async (/** @type {string} */ path, /** @type {RequestInit} */ how) => {
      await Promise.resolve();
      return this.#answer(`${how.method} ${path.replace("/api", "")}`, how.body);
    });
    this.store = new FilmStore("F", () => {});
    this.store.set({ project: this.project });
  }

  get project() {
    const references = this.references.map((name) => ({ name, file: name, frame: frameOfName(name), used: [] }));
    return { references, looked_at: true };
  }

  get shots() {
    return { frames: 20, shots: [{ number: 1, first: 0, last: 19, references: [{ name: "old.png", score: null }] }] };
  }

  /** @param {string} request @param {any} body */
  #answer(request, body) {
    if (request === "POST /uploads") {
      const { name, size } = JSON.parse(body);
      this.uploaded.push(name);
      return Response.json({ id: `u${this.uploads++}`, name, size, received: 0 });
    }
    if (request.startsWith("PATCH /uploads")) {
      return Response.json({ id: /u\d+/.exec(request)?.[0], received: 1, size: 1 });
    }
    if (request.startsWith("GET")) {
      if (request.endsWith("/shots")) return Response.json(this.shots);
      return request.endsWith("F") ? Response.json(this.project) : Response.json({ error: "none" }, { status: 404 });
    }
    this.asked.push(`${request.replace("/projects/F", "")}${body ? ` ${body}` : ""}`);
    if (request.endsWith("/jobs")) {
      const job = { id: "j", project: "F", kind: "plan", state: "running" };
      live.set({ jobs: /** @type {any} */ ([job]) });
      setTimeout(() => live.set({ jobs: /** @type {any} */ (this.isTakenOff ? [] : [{ ...job, state: "done" }]) }));
      return Response.json(job);
    }
    if (request.endsWith("/uploaded")) {
      const name = this.uploaded[Number(JSON.parse(body).upload.slice(1))];
      if (name.includes("gray")) return Response.json({ error: `${name} has no colour` }, { status: 422 });
      this.references.push(name);
    }
    if (request.startsWith("DELETE")) this.references = this.references.filter((name) => !request.endsWith(name));
    return Response.json(request.includes("edit") ? this.shots : this.project);
  }
}

const file = (/** @type {string} */ name) => new File(["x"], name);

Deno.test("names place pictures at frames, and frames give names", () => {
  assertEquals(["ref_000123.png", "REF-7.JPG", "ref_1.2.png", "pref_1.png", "ref_.png"].map(frameOfName), [
    123,
    7,
    null,
    null,
    null,
  ]);
  assertEquals(frameOfName(nameOfFrame(1204)), 1204);
});

Deno.test("stills stand with the colour film that they were taken of", () => {
  const one = { url: "", frame: null, is_film: false, is_partial: false, still_of: null, used: [] };
  const references = [
    { ...one, name: "a", file: "a.png" },
    { ...one, name: "trailer", file: "trailer.mp4", is_film: true },
    { ...one, name: "trailer-12", file: "12.png", still_of: "trailer.mp4" },
    { ...one, name: "lost-3", file: "3.png", still_of: "lost.mp4" },
  ];
  assertEquals(groupReferences(references).map(({ reference, stills }) => [labelOf(reference), stills.map(labelOf)]), [
    ["a.png", []],
    ["trailer.mp4", ["trailer-12"]],
    ["lost-3", []],
  ]);
  assertEquals(listGivable(references).map(({ name }) => name), ["a", "trailer-12", "lost-3"]);
});

Deno.test("pictures are added one by one, and chosen from once; one that is refused says why", async () => {
  const film = new FakeFilm();
  const arrivals = new Arrivals(film.store);
  await arrivals.add([file("one.png"), file("gray.png"), file("two.png")]);
  assertEquals(film.asked, [
    'POST /references/uploaded {"upload":"u0","frame":null}',
    'POST /references/uploaded {"upload":"u1","frame":null}',
    'POST /references/uploaded {"upload":"u2","frame":null}',
    'POST /jobs {"kind":"plan"}',
  ]);
  assertEquals(arrivals.state.items.map((one) => [one.file.name, one.problem]), [[
    "gray.png",
    "gray.png has no colour",
  ]]);
  arrivals.drop(arrivals.state.items[0].key);
  assertEquals(arrivals.state.items, []);
});

Deno.test("one that was dropped on shots is given to them when pictures have been chosen", async () => {
  const film = new FakeFilm();
  await new Arrivals(film.store).add([file("one.png")], { shots: [1] });
  assertEquals(film.asked.slice(1), ['POST /jobs {"kind":"plan"}', 'POST /shots/edit {"give":"one.png","shots":[1]}']);
});

Deno.test("a job that is taken off the list is not waited for", async () => {
  const film = new FakeFilm();
  film.isTakenOff = true;
  await new Arrivals(film.store).add([file("one.png")], { shots: [1] });
  assertEquals(film.asked.slice(1), ['POST /jobs {"kind":"plan"}']);
});

Deno.test("one that replaces another takes its shots", async () => {
  const film = new FakeFilm();
  await new Arrivals(film.store).add([file("one.png")], { instead: "old.png" });
  assertEquals(film.asked.slice(2), [
    'POST /shots/edit {"references":{"1":["one.png"]}}',
    "DELETE /references/old.png",
  ]);
});

Deno.test("one that is stopped while it waits is never sent", async () => {
  const film = new FakeFilm();
  const arrivals = new Arrivals(film.store);
  const added = arrivals.add([file("one.png"), file("two.png")]);
  arrivals.drop(arrivals.state.items[1].key);
  await added;
  assertEquals(film.uploaded, ["one.png"]);
});
