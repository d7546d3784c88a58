import { deepStrictEqual as assertEquals, rejects as assertRejects } from "node:assert";
import { live, Problem } from "../../../src/kinemacolor/web/page/core/client.js";
import {
  listBegun,
  makeOf,
  Stopped,
  surroundings,
  uploadFile,
} from "../../../src/kinemacolor/web/page/core/uploads.js";

/** What a server does with uploads, and how it may fail: `fail(request)` gives an answer in place of the right one. */
class FakeServer {
  constructor() {
    /** @type {Map<string, {id: string, name: string, size: number, received: number}>} */
    this.uploads = new Map();
    /** @type {Uint8Array[]} */
    this.pieces = [];
    /** @type {string[]} */
    this.requests = [];
    /** @type {(request: string) => Response | Error | null} */
    this.fail = () => null;
    /** @type {Record<string, string>} */
    const notes = {};
    Object.defineProperty(surroundings, "notes", {
      configurable: true,
      value: {
        getItem: (/** @type {string} */ key) => notes[key] ?? null,
        setItem: (/** @type {string} */ key, /** @type {string} */ value) => notes[key] = value,
      },
    });
    surroundings.wait = () => Promise.resolve();
    globalThis.fetch = /** @type {any} */ (async (/** @type {string} */ address, /** @type {RequestInit} */ how) => {
      await Promise.resolve();
      how.signal?.throwIfAborted();
      return this.#answer(`${how.method} ${address}`, how.body);
    });
  }

  /** @param {string} request @param {any} body */
  async #answer(request, body) {
    this.requests.push(request);
    const failure = this.fail(request);
    if (failure instanceof Error) throw failure;
    if (failure) return failure;
    const id = /uploads\/(\w+)/.exec(request)?.[1] ?? "";
    const upload = this.uploads.get(id);
    if (request === "POST /api/uploads") {
      const made = { ...JSON.parse(body), id: `u${this.uploads.size}`, received: 0 };
      this.uploads.set(made.id, made);
      return Response.json(made);
    }
    if (request === "GET /api/uploads") return Response.json([...this.uploads.values()]);
    if (!upload) return Response.json({ error: "no such upload" }, { status: 404 });
    if (request.startsWith("DELETE")) return this.uploads.delete(id), new Response(null, { status: 204 });
    if (request.startsWith("GET")) return Response.json(upload);
    const offset = Number(/offset=(\d+)/.exec(request)?.[1]);
    if (offset !== upload.received) return Response.json({ error: "wrong offset", ...upload }, { status: 409 });
    const bytes = new Uint8Array(await body.arrayBuffer());
    this.pieces.push(bytes);
    upload.received += bytes.length;
    return Response.json(upload);
  }

  /** All that arrived, in its order. */
  get bytes() {
    return new Uint8Array(this.pieces.flatMap((piece) => [...piece]));
  }
}

const BYTES = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) >> 5);
const file = () => new File([BYTES], "film.mp4", { lastModified: 5 });

Deno.test("a file arrives in pieces, in its order, and nothing is left of it", async () => {
  const server = new FakeServer();
  const upload = await uploadFile(file());
  assertEquals([upload.received, server.pieces.length > 1, server.bytes], [BYTES.length, true, BYTES]);
  assertEquals([live.state.uploads, await listBegun()], [[], []]);
});

Deno.test("files follow each other; what goes on is told", async () => {
  const server = new FakeServer();
  const sent = ["a", "b"].map((name) => uploadFile(new File([BYTES], name)));
  assertEquals(live.state.uploads.map(({ name }) => name), ["a", "b"]);
  assertEquals((await Promise.all(sent)).map(({ name }) => name), ["a", "b"]);
  const offsets = server.requests.filter((one) => one.startsWith("PATCH")).map((one) => one.slice(19, 21));
  assertEquals(offsets, [...offsets].sort());
});

Deno.test("after a broken connection it goes on where the server is", async () => {
  const server = new FakeServer();
  let failures = 0;
  server.fail = (request) => request.startsWith("PATCH") && failures++ < 3 ? new TypeError("broken") : null;
  /** @type {boolean[]} */
  const broken = [];
  const stop = live.listen(({ uploads }) => uploads.length && broken.push(uploads[0].isBroken));
  await uploadFile(file());
  stop();
  assertEquals([server.bytes, broken.includes(true), broken.at(-1)], [BYTES, true, false]);
});

Deno.test("a piece that had arrived is not sent twice", async () => {
  const server = new FakeServer();
  let isLost = false;
  const answer = globalThis.fetch;
  globalThis.fetch = async (...request) => {
    const answered = await answer(...request);
    if (isLost || request[1]?.method !== "PATCH") return answered;
    isLost = true;
    throw new TypeError("the answer was lost");
  };
  await uploadFile(file());
  assertEquals(server.bytes, BYTES);
});

Deno.test("after a reload the same file goes on", async () => {
  const server = new FakeServer();
  let pieces = 0;
  server.fail = (request) => request.startsWith("PATCH") && ++pieces > 1 ? Response.json({}, { status: 500 }) : null;
  await assertRejects(uploadFile(file()));
  assertEquals((await listBegun()).map(({ received }) => received), [1 << 20]);
  server.fail = () => null;
  await uploadFile(file());
  assertEquals([server.uploads.size, server.bytes], [1, BYTES]);
});

Deno.test("an upload that was swept away begins anew", async () => {
  const server = new FakeServer();
  let pieces = 0;
  server.fail = (request) => {
    if (request.startsWith("PATCH") && ++pieces === 2) server.uploads.clear(), server.pieces.splice(0);
    return null;
  };
  await uploadFile(file());
  assertEquals(server.bytes, BYTES);
});

Deno.test("what the server refuses is told in its words", async () => {
  const server = new FakeServer();
  server.fail = () => Response.json({ error: "the disk is full" }, { status: 507 });
  await assertRejects(uploadFile(file()), /^Problem: The disk is full/);
  assertEquals(live.state.uploads, []);
});

Deno.test("who stops an upload leaves nothing at the server", async () => {
  const server = new FakeServer();
  server.fail = (request) => (request.startsWith("PATCH") && live.state.uploads[0].stop(), null);
  await assertRejects(uploadFile(file()), Stopped);
  assertEquals([server.uploads.size, await listBegun()], [0, []]);
});

Deno.test("what the server could not use for want of room is not sent again", async () => {
  for (const [status, sent] of /** @type {[number, string[]][]} */ ([[507, ["u0", "u0"]], [400, ["u0", "u1"]]])) {
    const server = new FakeServer();
    const upload = await uploadFile(file());
    const refused = makeOf([file()], [upload], () => Promise.reject(new Problem("no room", status)));
    await assertRejects(refused, { message: "No room" });
    assertEquals([upload.id, (await uploadFile(file())).id], sent);
    assertEquals(server.bytes.length / BYTES.length, new Set(sent).size);
  }
});
