import { deepStrictEqual as assertEquals } from "node:assert";
import { Thumbnails } from "../../../src/kinemacolor/web/page/filmstrip/thumbnails.js";

/** A server that answers when it is told to. */
class SlowServer {
  constructor() {
    /** @type {string[]} paths that were asked for */
    this.asked = [];
    /** @type {Map<string, (answer: Response) => void>} */
    this.waiting = new Map();
    globalThis.fetch = /** @type {any} */ ((/** @type {string} */ path, /** @type {RequestInit} */ how) => {
      this.asked.push(path);
      return new Promise((resolve, reject) => {
        this.waiting.set(path, resolve);
        how.signal?.addEventListener("abort", () => {
          this.waiting.delete(path);
          reject(new DOMException("aborted", "AbortError"));
        });
      });
    });
  }

  /** @param {number} frame @param {Response} [answer] */
  async answer(frame, answer = Response.json({ color: `picture of ${frame}`, doubt: 0.2 })) {
    const path = `/api/${frame}`;
    this.waiting.get(path)?.(answer);
    this.waiting.delete(path);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

const wishes = (/** @type {number[]} */ ...frames) => frames.map((frame) => ({ frame, key: `key ${frame}` }));

Deno.test("two thumbnails are asked for at a time, in the order of the strip", async () => {
  const server = new SlowServer();
  let changes = 0;
  const thumbnails = new Thumbnails((frame) => `/${frame}`, () => changes++);
  thumbnails.want(wishes(1, 2, 3));
  assertEquals(server.asked, ["/api/1", "/api/2"]);
  await server.answer(2);
  assertEquals(server.asked, ["/api/1", "/api/2", "/api/3"]);
  assertEquals([thumbnails.of(1), thumbnails.of(2)?.color, changes], [null, "picture of 2", 1]);
  thumbnails.want(wishes(1, 2, 3)); // nothing is asked for twice
  await server.answer(1);
  await server.answer(3);
  assertEquals(server.asked.length, 3);
});

Deno.test("what is scrolled away is given up, and asked for when it comes back", async () => {
  const server = new SlowServer();
  const thumbnails = new Thumbnails((frame) => `/${frame}`, () => {});
  thumbnails.want(wishes(1, 2));
  thumbnails.want(wishes(8));
  assertEquals([...server.waiting.keys()], ["/api/8"]);
  thumbnails.want(wishes(1, 8));
  assertEquals([...server.waiting.keys()].sort(), ["/api/1", "/api/8"]);
  await server.answer(1);
  assertEquals(thumbnails.of(1)?.color, "picture of 1");
});

Deno.test("another key makes a thumbnail anew, and the old one stays meanwhile", async () => {
  const server = new SlowServer();
  const thumbnails = new Thumbnails((frame) => `/${frame}`, () => {});
  thumbnails.want(wishes(1));
  await server.answer(1);
  thumbnails.want([{ frame: 1, key: "other references" }]);
  assertEquals([server.asked.length, thumbnails.of(1)?.color], [2, "picture of 1"]);
});

Deno.test("one that cannot be made is not asked for again and again", async () => {
  const server = new SlowServer();
  const thumbnails = new Thumbnails((frame) => `/${frame}`, () => {});
  thumbnails.want(wishes(1));
  await server.answer(1, Response.json({ error: "no" }, { status: 409 }));
  thumbnails.want(wishes(1));
  assertEquals([server.asked.length, thumbnails.of(1)], [1, null]);
});
