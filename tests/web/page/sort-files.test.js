import { deepStrictEqual as assertEquals } from "node:assert";
import { settle, sortFiles } from "../../../src/kinemacolor/web/page/home/sort-files.js";

const LIMITS = { picture_suffixes: [".png", ".jpg"], film_suffixes: [".mp4", ".mkv"] };

/** @param {...string} names @returns names of what was sorted */
function sort(...names) {
  const sorted = sortFiles(names.map((name) => ({ name, size: 1 })), LIMITS);
  return Object.fromEntries(
    Object.entries(sorted).filter(([, files]) => files.length).map((
      [kind, files],
    ) => [kind, files.map((one) => one.name)]),
  );
}

Deno.test("pictures beside a film show its colours, numbered ones too", () => {
  const stills = Array.from({ length: 12 }, (_, index) => `still_${index}.png`);
  assertEquals(sort("a.JPG", "film.MP4"), { film: ["film.MP4"], references: ["a.JPG"] });
  assertEquals(sort(...stills, "film.mkv"), { film: ["film.mkv"], references: stills });
});

Deno.test("a row of numbered pictures is a film, in its order", () => {
  const row = Array.from({ length: 11 }, (_, index) => `f${index + 1}.png`);
  assertEquals(sort(...[...row].sort(), "colour.jpg"), { film: row, references: ["colour.jpg"] });
});

Deno.test("one picture is a photograph; of two the user has to say which", () => {
  assertEquals(sort("a.png"), { film: ["a.png"] });
  assertEquals(sort("a.png", "b.jpg"), { candidates: ["a.png", "b.jpg"] });
  assertEquals(sort("a.mp4", "b.mp4", "c.png"), { candidates: ["a.mp4", "b.mp4"], references: ["c.png"] });
});

Deno.test("what is neither is told, a project is set apart", () => {
  assertEquals(sort("a.txt", "film.mp4", "README"), { film: ["film.mp4"], unknown: ["a.txt", "README"] });
  assertEquals(sort("a.zip"), { projects: ["a.zip"] });
});

Deno.test("when it is said which is the film, the others show its colours", () => {
  const [a, b, c] = ["a.mp4", "b.mp4", "c.png"].map((name) => ({ name, size: 1 }));
  const settled = settle(sortFiles([a, b, c], LIMITS), b);
  assertEquals([settled.film, settled.references, settled.candidates], [[b], [a, c], []]);
});
