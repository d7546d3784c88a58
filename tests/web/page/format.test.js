import { deepStrictEqual as assertEquals } from "node:assert";
import * as format from "../../../src/kinemacolor/web/page/core/format.js";

Deno.test("times are read as on a clock", () => {
  assertEquals([0, 9.99, 61, 3723].map(format.clock), ["0:00", "0:09", "1:01", "1:02:03"]);
  assertEquals([0, 4.06, 59.97, -1].map(format.clockTenth), ["0:00.0", "0:04.1", "1:00.0", "0:00.0"]);
});

Deno.test("a part is as long as the film goes in it", () => {
  const film = { duration_seconds: 9, start_seconds: 2, end_seconds: null };
  assertEquals(format.lengthOf(film), 7);
  assertEquals(format.lengthOf({ ...film, end_seconds: 5 }), 3);
  assertEquals(format.lengthOf({ ...film, end_seconds: 99 }), 7);
  assertEquals(format.lengthOf({ ...film, duration_seconds: null }), null);
});

Deno.test("what is left is told in words of one size", () => {
  assertEquals([0.2, 99, 240, 7500, 7200, 300000].map(format.span), [
    "1 s",
    "99 s",
    "4 min",
    "2 h 5 min",
    "2 h",
    "3 days",
  ]);
});

Deno.test("sizes have two figures at least, and no more than are of use", () => {
  assertEquals([0, 999, 1000, 1_440_000, 11.8e9, 999_999].map(format.bytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "1.4 MB",
    "12 GB",
    "1.0 MB",
  ]);
});

Deno.test("only what is whole is 100 per cent", () => {
  assertEquals([0, 0.554, 0.999, 1, 1.2].map(format.percent), ["0 %", "55 %", "99 %", "100 %", "100 %"]);
});

Deno.test("one is no plural, thousands are parted", () => {
  assertEquals([format.count(1, "shot"), format.count(1500, "shot"), format.count(2, "is", "are")], [
    "1 shot",
    "1,500 shots",
    "2 are",
  ]);
});

Deno.test("what takes longer than a second is told by the frame", () => {
  assertEquals([format.speed(12.44), format.speed(250), format.speed(0.25), format.speed(0)], [
    "12.4 frames/s",
    "250 frames/s",
    "4.0 s a frame",
    "",
  ]);
});

Deno.test("days are told as people do", () => {
  const now = new Date(2026, 10, 28, 9);
  const at = (/** @type {number[]} */ ...parts) => {
    const [year, month, date, hour] = parts;
    return format.day(new Date(year, month, date, hour).getTime() / 1000, now);
  };
  assertEquals([at(2026, 10, 28, 0), at(2026, 10, 27, 23), at(2026, 10, 12, 5), at(2024, 10, 12, 5)], [
    "today",
    "yesterday",
    "12 Nov",
    "12 Nov 2024",
  ]);
});

Deno.test("numbers that follow each other are told as one", () => {
  assertEquals([format.list([]), format.list([8]), format.list([1, 2, 3, 4, 7])], ["", "shot 8", "shots 1–4, 7"]);
});
