// What is painted: colours as the server counts them, brushes, areas, and what is sent of them.
import assert from "node:assert/strict";
import {
  flood,
  outlineOf,
  packMask,
  Regions,
  smooth,
  unpackMask,
} from "../../../src/kinemacolor/web/page/correct/areas.js";
import * as colors from "../../../src/kinemacolor/web/page/correct/color.js";
import { LEAST_COVERAGE, PaintLayer } from "../../../src/kinemacolor/web/page/correct/layer.js";
import { coverage, coverPiece } from "../../../src/kinemacolor/web/page/correct/stroke.js";

/** @typedef {import("../../../src/kinemacolor/web/page/correct/history.js").Operation} Operation */

// Luma, a colour, its ab, what `complete_reference` makes of it (what is sent), and that by `YCbCr.to_cbcr_codes` and
// `to_rgb` at this luma (what is shown), all in Python.
const COLORS = /** @type {[number, string, number[], number[], number[]][]} */ ([
  [128, "#b08a6e", [10.53, 20.53], [157, 121, 93], [159, 122, 95]],
  [60, "#2f3f6f", [9.16, -29.84], [41, 58, 105], [43, 60, 108]],
  [200, "#5f7a3a", [-21.23, 31.63], [182, 210, 140], [183, 211, 141]],
  [30, "#a8574a", [31.9, 22.61], [63, 11, 0], [73, 19, 10]],
  [235, "#5f8fb0", [-7.13, -22.35], [217, 238, 255], [218, 238, 255]],
  [90, "#0000ff", [79.19, -107.86], [75, 40, 255], [101, 70, 255]],
]);

/** @param {ArrayLike<number>} found @param {number[]} wanted @param {number} by */
function assertNear(found, wanted, by) {
  for (let index = 0; index < wanted.length; index++) {
    assert.ok(Math.abs(found[index] - wanted[index]) <= by, `${Array.from(found)} is not ${wanted}`);
  }
}

/** A frame whose gray grows from left to right, in one colour. @param {number} width @param {number} height */
function frame(width, height) {
  const picture = new Uint8ClampedArray(4 * width * height);
  const out = new Float64Array(3);
  for (let at = 0; at < width * height; at++) {
    const gray = 40 + Math.floor((150 * (at % width)) / width);
    colors.putColorAtLuma(gray, -6, 9, out);
    colors.showAtLuma(gray, out);
    picture.set([...Array.from(out, (one) => Math.round(255 * one)), 255], 4 * at);
  }
  return picture;
}

/** @param {Partial<import("../../../src/kinemacolor/web/page/correct/history.js").Stroke>} [more] @returns {Operation} */
const stroke = (more) => ({
  kind: "stroke",
  erases: false,
  color: "#a8574a",
  size: 20,
  hardness: 1,
  strength: 1,
  points: [20, 20, 1, 40, 20, 1],
  ...more,
});

/** @param {PaintLayer} layer @param {boolean} isSent */
function drawn(layer, isSent) {
  const out = new Uint8ClampedArray(layer.picture.length);
  layer.draw(layer.whole, out, isSent);
  return out;
}

Deno.test("colours are those of the server", () => {
  const out = new Float64Array(3);
  for (const [luma, hex, ab, sent, shown] of COLORS) {
    const [a, b] = colors.abOfRgb(colors.rgbOfHex(hex));
    assertNear([a, b], ab, 0.02);
    colors.putColorAtLuma(luma, a, b, out);
    assertNear(out.map((one) => 255 * one), sent, 1);
    colors.showAtLuma(luma, out);
    assertNear(out.map((one) => 255 * one), shown, 1.5); // its Cb and Cr are whole codes
  }
});

Deno.test("the ab of what is shown is found again", () => {
  const out = new Float64Array(3);
  for (const [luma, , ab] of COLORS.slice(0, 3)) {
    colors.putColorAtLuma(luma, ab[0], ab[1], out);
    colors.showAtLuma(luma, out);
    const [r, g, b] = out.map((one) => 255 * one);
    colors.putAbShownAs(r, g, b, out);
    assertNear(out, ab, 0.4);
  }
});

Deno.test("a colour is written and read as text", () => {
  assert.equal(colors.hexOfRgb(colors.rgbOfHex("#0b8a6e")), "#0b8a6e");
});

Deno.test("a hard brush is even to its edge, a soft one fades, both are half at their radius", () => {
  assert.equal(coverage(8, 10, 1), 1);
  assert.equal(coverage(11, 10, 1), 0);
  assert.equal(coverage(10, 10, 1), 0.5);
  assert.equal(coverage(10, 10, 0), 0.5);
  assert.ok(coverage(5, 10, 0) < 1 && coverage(15, 10, 0) > 0);
});

Deno.test("a stroke is the same however often its pointer told where it was", () => {
  const [once, often] = [new Uint8Array(60 * 40), new Uint8Array(60 * 40)];
  const dab = (/** @type {number} */ x) => ({ x, y: 20, radius: 6 });
  coverPiece(once, 60, 40, dab(10), dab(50), 0.5);
  for (let x = 10; x < 50; x += 5) coverPiece(often, 60, 40, dab(x), dab(x + 5), 0.5);
  assert.deepEqual(often, once);
});

Deno.test("a brush may reach over the edge of the frame", () => {
  const mask = new Uint8Array(20 * 10);
  const rect = coverPiece(mask, 20, 10, { x: -3, y: 5, radius: 6 }, { x: -3, y: 5, radius: 6 }, 1);
  assert.equal(rect.left, 0);
  assert.ok(mask[5 * 20] === 255 && mask[5 * 20 + 10] === 0);
});

Deno.test("what is painted is sent opaque, all else not at all", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  layer.replay([stroke({ hardness: 0.2, strength: 0.6 })]);
  const [shown, sent] = [drawn(layer, false), drawn(layer, true)];
  let painted = 0;
  for (let at = 3; at < sent.length; at += 4) {
    assert.ok(sent[at] === 0 || sent[at] === 255);
    assert.equal(shown[at], sent[at]);
    if (sent[at]) painted++;
  }
  assert.equal(layer.share(), painted / (64 * 40));
});

Deno.test("what is sent is what was shown: the server's colours at this luma are those on the screen", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  layer.replay([stroke({ hardness: 0, strength: 0.8 }), stroke({ color: "#5f8fb0", size: 8, points: [30, 25, 1] })]);
  const [shown, sent] = [drawn(layer, false), drawn(layer, true)];
  const out = new Float64Array(3);
  for (let at = 0; at < layer.gray.length; at++) {
    if (!sent[4 * at + 3]) continue;
    const [a, b] = colors.abOfRgb(sent.subarray(4 * at, 4 * at + 3)); // as `complete_reference` reads it
    colors.putColorAtLuma(layer.gray[at], a, b, out);
    colors.showAtLuma(layer.gray[at], out);
    assertNear(shown.subarray(4 * at, 4 * at + 3), Array.from(out, (one) => 255 * one), 2);
  }
});

Deno.test("light and shade stay: the luma of what is shown is the frame's", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  layer.replay([stroke({ color: "#ff0000", size: 40 })]);
  const shown = drawn(layer, false);
  for (let at = 0; at < layer.gray.length; at++) {
    if (!shown[4 * at + 3]) continue;
    const luma = colors.lumaOf(shown[4 * at], shown[4 * at + 1], shown[4 * at + 2]);
    assert.ok(Math.abs(luma - layer.gray[at]) <= 1.5, `${luma} is not ${layer.gray[at]}`);
  }
});

Deno.test("a soft edge goes over into the frame's present colour", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  layer.replay([stroke({ hardness: 0, points: [30, 20, 1] })]);
  const shown = drawn(layer, false);
  let outermost = 20 * 64 + 30;
  while (shown[4 * (outermost + 1) + 3]) outermost++;
  const faint = shown.subarray(4 * outermost, 4 * outermost + 3);
  const present = layer.picture.subarray(4 * outermost, 4 * outermost + 3);
  assert.ok(layer.painted[3 * outermost + 2] < 2 * LEAST_COVERAGE);
  assertNear(faint, Array.from(present), 6);
  assert.ok(shown[4 * (20 * 64 + 30)] > layer.picture[4 * (20 * 64 + 30)] + 20);
});

Deno.test("an eraser takes away, a stroke of less strength mixes", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  const at = 20 * 64 + 30;
  layer.replay([stroke()]);
  const full = layer.colorAt(30, 20).slice();
  layer.replay([stroke(), stroke({ erases: true, strength: 0.5 })]);
  const half = layer.colorAt(30, 20).slice();
  layer.replay([stroke(), stroke({ erases: true, size: 24 })]);
  assert.equal(layer.share(), 0);
  const none = layer.picture.subarray(4 * at, 4 * at + 3);
  assert.ok(none[0] < half[0] && half[0] < full[0]);
});

Deno.test("states that are gone back to are those that were, also long after", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  const all = Array.from({ length: 40 }, (_, index) => stroke({ points: [index, 10 + index / 2, 1], strength: 0.5 }));
  layer.replay(all);
  for (const count of [39, 31, 3, 0, 20]) {
    layer.replay(all.slice(0, count));
    const fresh = new PaintLayer(64, 40, frame(64, 40));
    for (const operation of all.slice(0, count)) fresh.apply(operation);
    assert.deepEqual(layer.painted, fresh.painted);
  }
});

Deno.test("a stroke that is broken off leaves nothing", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  layer.replay([stroke({ size: 6 })]);
  const before = layer.painted.slice();
  const pending = layer.begin(stroke({ color: "#5f8fb0" }));
  pending.extend([10, 10, 1, 50, 30, 1]);
  assert.notDeepEqual(layer.painted, before);
  pending.cancel();
  assert.deepEqual(layer.painted, before);
  assert.ok(layer.mask.every((one) => !one));
});

Deno.test("a mask is written and read as text", () => {
  const mask = Uint8Array.from({ length: 50 }, (_, at) => at % 7 < 3 ? 255 : 0);
  const read = new Uint8Array(50);
  unpackMask(packMask(mask), read);
  assert.deepEqual(read, mask);
  unpackMask("", read);
  assert.ok(read.every((one) => !one));
});

Deno.test("an area is painted as its mask says", () => {
  const layer = new PaintLayer(64, 40, frame(64, 40));
  const mask = new Uint8Array(64 * 40).fill(255, 0, 64 * 10);
  layer.replay([{ kind: "area", color: "#5f8fb0", strength: 1, mask: packMask(mask) }]);
  assert.equal(layer.share(), 10 / 40);
});

Deno.test("a fill takes similar grays, stops at an edge, and takes in specks of grain", () => {
  const [width, height] = [40, 30];
  const gray = Uint8Array.from({ length: width * height }, (_, at) => at % width < 20 ? 100 : 180);
  gray[15 * width + 8] = 112; // a speck
  const filled = flood(gray, width, height, 3, 3, 6);
  assert.equal(filled[15 * width + 8], 255);
  assert.equal(filled.reduce((count, one) => count + (one ? 1 : 0), 0), 20 * height);
  const all = flood(gray, width, height, 3, 3, 200);
  assert.ok(all.every((one) => one === 255));
});

Deno.test("a fill goes round corners", () => {
  const [width, height] = [30, 30];
  const gray = new Uint8Array(width * height).fill(50);
  for (let y = 0; y < 26; y++) gray.fill(200, y * width + 14, y * width + 17); // a wall with a gap at its foot
  const filled = flood(gray, width, height, 2, 2, 10);
  assert.equal(filled[2 * width + 28], 255);
  assert.equal(filled[2 * width + 15], 0);
});

Deno.test("grain is smoothed, edges of the frame too", () => {
  const gray = Uint8Array.from({ length: 12 * 12 }, (_, at) => at % 2 ? 90 : 110);
  for (const one of smooth(gray, 12, 12)) assert.ok(Math.abs(one - 100) <= 8);
});

Deno.test("regions know their pixels, also with numbers over a byte", () => {
  const labels = [0, 0, 300, 70000, 300, 300, 0, 70000];
  const rgba = Uint8ClampedArray.from(labels.flatMap((label) => [label & 255, (label >> 8) & 255, label >> 16, 255]));
  const regions = new Regions(rgba, 4);
  assert.equal(regions.labelAt(3, 0), 70000);
  assert.deepEqual([...regions.pixelsOf(300)], [2, 4, 5]);
  assert.deepEqual([...regions.pixelsOf(5)], []);
  assert.deepEqual([...regions.maskOf([300, 70000])].map((one) => one > 0), labels.map((label) => label > 0));
  assert.deepEqual([...regions.labelsAlong(0, 0.5, 3.5, 0.5)], [0, 300, 70000]);
  assert.deepEqual([...regions.labelsAlong(-5, 0, -1, 0)], []);
});

Deno.test("an outline is what borders on the outside", () => {
  const mask = new Uint8Array(36);
  for (const y of [1, 2, 3]) mask.fill(255, 6 * y + 1, 6 * y + 4);
  assert.equal(outlineOf(mask, 6).length, 8);
});
