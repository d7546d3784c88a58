/**
 * Colours as the server counts them: sRGB codes 0..255, CIE Lab (D65), and how a film shows a colour.
 *
 * What is painted is a and b alone. A film keeps its own luma, so a colour is shown as that luma plus the differences of
 * red, green and blue from the colour's own; where a display cannot show that, less of the differences. These run for
 * each pixel under a brush, so they write into what they are given.
 *
 * @typedef {Float64Array} Triple three numbers
 */

// Of X, Y, Z as shares of those of the white: IEC 61966-2-1 primaries, D65, as the server has them.
const WHITES_FROM_RGB = Float64Array.of(
  ...[0.412453 / 0.95047, 0.35758 / 0.95047, 0.180423 / 0.95047],
  ...[0.212671, 0.71516, 0.072169],
  ...[0.019334 / 1.08883, 0.119193 / 1.08883, 0.950227 / 1.08883],
);
const RGB_FROM_WHITES = Float64Array.of(
  ...[3.079980302271805, -1.5371515162713185, -0.5428213080224701],
  ...[-0.9212477523232383, 1.8759900014898907, 0.045247339514465995],
  ...[0.052890461098811827, -0.20404133836651123, 1.1512320119619401],
);
const SEARCH_STEPS = 10; // a thousandth of the length of ab
const FINENESS = 1 << 15; // steps of light in a table: a twentieth of a code in the darkest

/** @param {number} code 0..1, below zero as the line goes on */
const toLinear = (code) => code > 0.04045 ? ((code + 0.055) / 1.055) ** 2.4 : code / 12.92;
/** Of `toLinear`. @param {number} code */
const slopeOf = (code) => code > 0.04045 ? (2.4 / 1.055) * ((code + 0.055) / 1.055) ** 1.4 : 1 / 12.92;
/** @param {number} light */
const toCode = (light) => light > 0.0031308 ? 1.055 * light ** (1 / 2.4) - 0.055 : 12.92 * light;
/** @param {number} share of the white's */
const toF = (share) => share > 0.008856 ? Math.cbrt(share) : 7.787 * share + 16 / 116;
/** @param {number} f */
const fromF = (f) => f > 0.2068966 ? f * f * f : (f - 16 / 116) / 7.787;

const LINEAR = Float64Array.from({ length: 256 }, (_, code) => toLinear(code / 255));
const HEIGHTS = LINEAR.map(toF); // f of the Y of a gray
const CODES = Float64Array.from({ length: FINENESS + 1 }, (_, step) => toCode(step / FINENESS));
const light = new Float64Array(3); // of the colour that is looked at

/** @param {number} r 0..255 @param {number} g @param {number} b @returns {number} luma 0..255 of BT.709 */
export const lumaOf = (r, g, b) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

/** Puts ab of `light` into `out`. @param {ArrayLike<number>} rgb light 0..1 @param {Triple} out */
function toAb(rgb, out) {
  const m = WHITES_FROM_RGB;
  const x = toF(m[0] * rgb[0] + m[1] * rgb[1] + m[2] * rgb[2]);
  const y = toF(m[3] * rgb[0] + m[4] * rgb[1] + m[5] * rgb[2]);
  const z = toF(m[6] * rgb[0] + m[7] * rgb[1] + m[8] * rgb[2]);
  out[0] = 500 * (x - y);
  out[1] = 200 * (y - z);
}

/** @param {ArrayLike<number>} rgb 0..255 @returns {[number, number]} a, b */
export function abOfRgb(rgb) {
  const out = new Float64Array(2);
  toAb([0, 1, 2].map((index) => toLinear(rgb[index] / 255)), out);
  return [out[0], out[1]];
}

/** Puts the light of a colour into `light`; can sRGB show it? @param {number} height f of Y @param {number} a @param {number} b */
function shine(height, a, b) {
  const m = RGB_FROM_WHITES;
  const x = fromF(height + a / 500);
  const y = fromF(height);
  const z = fromF(height - b / 200);
  let fits = true;
  for (let index = 0; index < 3; index++) {
    const one = m[3 * index] * x + m[3 * index + 1] * y + m[3 * index + 2] * z;
    light[index] = one;
    fits &&= one > -1e-6 && one < 1 + 1e-6;
  }
  return fits;
}

/**
 * A colour at the lightness of a gray, with less of a and b where sRGB has no such colour: what the server makes of it.
 *
 * @param {number} luma 0..255, whole @param {number} a @param {number} b @param {Triple} out r, g, b 0..1
 */
export function putColorAtLuma(luma, a, b, out) {
  const height = HEIGHTS[luma];
  if (!shine(height, a, b)) {
    let [inside, outside] = [0, 1];
    for (let step = 0; step < SEARCH_STEPS; step++) {
      const middle = (inside + outside) / 2;
      if (shine(height, a * middle, b * middle)) inside = middle;
      else outside = middle;
    }
    shine(height, a * inside, b * inside);
  }
  for (let index = 0; index < 3; index++) {
    out[index] = CODES[Math.round(Math.min(1, Math.max(0, light[index])) * FINENESS)];
  }
}

/**
 * How a film of this luma shows a colour of `putColorAtLuma`, in its place.
 *
 * @param {number} luma 0..255 @param {Triple} color r, g, b 0..1
 */
export function showAtLuma(luma, color) {
  const own = lumaOf(color[0], color[1], color[2]);
  const gray = luma / 255;
  let scale = 1;
  for (let index = 0; index < 3; index++) {
    const difference = color[index] - own;
    const room = difference > 0 ? 1 - gray : gray;
    if (Math.abs(difference) * scale > room) scale = room / Math.abs(difference);
  }
  for (let index = 0; index < 3; index++) color[index] = gray + scale * (color[index] - own);
}

/**
 * The a and b that a film shows as this colour: `putColorAtLuma` and `showAtLuma` of them give it again.
 *
 * @param {number} r 0..255 @param {number} g @param {number} b @param {Triple} out a, b and something
 */
export function putAbShownAs(r, g, b, out) {
  const m = WHITES_FROM_RGB;
  const codes = [r / 255, g / 255, b / 255];
  const target = LINEAR[Math.round(lumaOf(r, g, b))];
  for (let step = 0; step < 3; step++) { // Newton's: one shift for all three, so that their differences stay
    let [missing, slope] = [target, 0];
    for (let index = 0; index < 3; index++) {
      missing -= m[3 + index] * toLinear(codes[index]);
      slope += m[3 + index] * slopeOf(codes[index]);
    }
    for (let index = 0; index < 3; index++) codes[index] += missing / slope;
  }
  for (let index = 0; index < 3; index++) codes[index] = toLinear(codes[index]);
  toAb(codes, out);
}

/** @param {string} hex like `#b08a6e` @returns {[number, number, number]} 0..255 */
export function rgbOfHex(hex) {
  const code = parseInt(hex.slice(1), 16);
  return [code >> 16, (code >> 8) & 255, code & 255];
}

/** @param {ArrayLike<number>} rgb 0..255 */
export const hexOfRgb = (rgb) =>
  `#${[rgb[0], rgb[1], rgb[2]].map((one) => Math.round(one).toString(16).padStart(2, "0")).join("")}`;
