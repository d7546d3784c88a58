/** Pictures as pixels, and pixels as pictures: what of painting needs a browser's canvas. */
import { hexOfRgb } from "./color.js";

/**
 * Pixels of a picture.
 * @param {string} url @param {AbortSignal} [signal] @param {{width: number, height: number}} [size] nearest neighbours at another size
 */
export async function readPixels(url, signal, size) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error("a picture did not arrive");
  const bitmap = await createImageBitmap(await answer.blob(), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = size ?? bitmap;
  const pen = makePen(width, height);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return pen.getImageData(0, 0, width, height);
}

/** @param {number} width @param {number} height */
function makePen(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
}

/** What is painted as it is sent: the data URL of a PNG. @param {import("./layer.js").PaintLayer} layer */
export function encodeLayer(layer) {
  const pen = makePen(layer.width, layer.height);
  const image = pen.createImageData(layer.width, layer.height);
  layer.draw(layer.whole, image.data, true);
  pen.putImageData(image, 0, 0);
  return pen.canvas.toDataURL("image/png");
}

/**
 * Draws the frame of a layer as large as it is.
 * @param {HTMLCanvasElement} canvas @param {import("./layer.js").PaintLayer} layer @param {boolean} withStrokes as it is
 * painted, or as it was before
 */
export function drawFrameOf(canvas, layer, withStrokes) {
  [canvas.width, canvas.height] = [layer.width, layer.height];
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = pen.createImageData(layer.width, layer.height);
  image.data.set(layer.picture);
  pen.putImageData(image, 0, 0);
  if (!withStrokes) return;
  const strokes = makePen(layer.width, layer.height);
  const painted = strokes.createImageData(layer.width, layer.height);
  layer.draw(layer.whole, painted.data, false);
  strokes.putImageData(painted, 0, 0);
  pen.drawImage(strokes.canvas, 0, 0);
}

/** The colour of a loaded picture at a point, 0..1. @param {HTMLImageElement} image @param {number} x @param {number} y */
export function colorOfPicture(image, x, y) {
  const [left, top] = [x * (image.naturalWidth - 1), y * (image.naturalHeight - 1)].map(Math.floor);
  const pen = makePen(1, 1);
  pen.drawImage(image, left, top, 1, 1, 0, 0, 1, 1);
  return hexOfRgb(pen.getImageData(0, 0, 1, 1).data);
}
