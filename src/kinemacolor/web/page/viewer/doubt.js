/** What the model is unsure of, as a hatch over the picture: its colours stay to be seen between the lines. */

const [SURE, UNSURE] = [0.75, 0.25]; // confidence at which nothing is drawn, and from which on all of it

/**
 * Turns a picture of confidence (white: sure) into a mask whose alpha is the doubt, in place.
 * @param {Uint8ClampedArray} pixels red, green, blue, alpha
 * @returns {number} share of the pixels that are unsure, 0..1
 */
export function turnIntoDoubt(pixels) {
  let unsure = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const confidence = pixels[at + 1] / 255;
    const part = Math.min(1, Math.max(0, (SURE - confidence) / (SURE - UNSURE)));
    if (part > 0.5) unsure++;
    pixels[at + 3] = Math.round(255 * part * part * (3 - 2 * part));
  }
  return pixels.length ? (unsure * 4) / pixels.length : 0;
}

/**
 * Masks an element, whose ground is the token `--doubt-hatch`, by doubt.
 * @param {HTMLElement} element @param {ImageData | HTMLImageElement} confidence
 * @returns {number} share that is unsure
 */
export function maskByDoubt(element, confidence) {
  const canvas = document.createElement("canvas");
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const [width, height] = confidence instanceof ImageData
    ? [confidence.width, confidence.height]
    : [confidence.naturalWidth, confidence.naturalHeight];
  [canvas.width, canvas.height] = [width, height];
  if (confidence instanceof ImageData) pen.putImageData(confidence, 0, 0);
  else pen.drawImage(confidence, 0, 0);
  const image = pen.getImageData(0, 0, width, height);
  const share = turnIntoDoubt(image.data);
  pen.putImageData(image, 0, 0);
  element.style.maskImage = `url("${canvas.toDataURL()}")`;
  return share;
}
