/** What the model is unsure of, as a colour over the picture. */

/** Far from what films show, and from the accent; as strong on dark as on light. */
const DOUBT_RGB = /** @type {const} */ ([255, 48, 168]);
const [SURE, UNSURE] = [0.75, 0.25]; // confidence at which nothing is drawn, and from which on all of it
const STRONGEST = 0.8;

/**
 * Turns a picture of confidence (white: sure) into one of doubt, in place.
 * @param {Uint8ClampedArray} pixels red, green, blue, alpha
 * @returns {number} share of the pixels that are unsure, 0..1
 */
export function turnIntoDoubt(pixels) {
  let unsure = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const confidence = pixels[at + 1] / 255;
    const part = Math.min(1, Math.max(0, (SURE - confidence) / (SURE - UNSURE)));
    const smooth = part * part * (3 - 2 * part);
    if (part > 0.5) unsure++;
    [pixels[at], pixels[at + 1], pixels[at + 2]] = DOUBT_RGB;
    pixels[at + 3] = Math.round(255 * STRONGEST * smooth);
  }
  return pixels.length ? (unsure * 4) / pixels.length : 0;
}

/** @param {HTMLCanvasElement} canvas @param {HTMLImageElement} image of confidence @returns {number} share that is unsure */
export function drawDoubt(canvas, image) {
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  pen.drawImage(image, 0, 0);
  const data = pen.getImageData(0, 0, canvas.width, canvas.height);
  const share = turnIntoDoubt(data.data);
  pen.putImageData(data, 0, 0);
  return share;
}
