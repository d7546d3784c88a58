/** Names of files by which the pictures of frames are placed when they come back in colour. */

/** A name for the file of a frame by which it is placed when it comes back in colour. @param {number} frame */
export const nameOfFrame = (frame) => `ref_${String(frame).padStart(6, "0")}.png`;

/** The frame that a file name such as `ref_000123.png` places it at; null: none. @param {string} name */
export function frameOfName(name) {
  const found = /^ref[_-](\d+)\.[^.]+$/i.exec(name);
  return found ? Number(found[1]) : null;
}
