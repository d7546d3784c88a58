/**
 * Which items of a long row are seen, and where the row has to stand to show one: numbers only.
 *
 * Items follow each other every `pitch` px, from its start, to the right or downwards.
 */

/** Between two cards, and before the first one; px. */
export const GAP = 8, EDGE = 12;
const ROW_HEIGHT = 72; // px of a shot where they stand below each other
const NOT_FRAME = 36; // px of the height of the strip that are not picture
const [NARROWEST, WIDEST] = [104, 220]; // px of a card

/**
 * How shots stand: cards of the film's shape side by side, or rows below each other.
 * @param {{width: number, height: number, isVertical: boolean, aspect: number}} box that is seen; width by height of a frame
 * @returns {{isVertical: boolean, pitch: number, extent: number}}
 */
export function findLayout({ width, height, isVertical, aspect }) {
  if (isVertical) return { isVertical, pitch: ROW_HEIGHT, extent: height };
  const card = Math.round(Math.min(WIDEST, Math.max(NARROWEST, (height - NOT_FRAME) * aspect)));
  return { isVertical, pitch: card + GAP, extent: width };
}

/**
 * The items that are drawn: what is seen, and `spare` more on both sides.
 * @param {{scroll: number, extent: number, pitch: number, count: number, spare?: number}} row `extent`: how much of it is seen
 * @returns {{first: number, end: number}} `end` is not drawn any more
 */
export function findWindow({ scroll, extent, pitch, count, spare = 3 }) {
  const start = Math.min(scroll, Math.max(0, count * pitch - extent)); // the row may have become shorter
  const first = Math.max(0, Math.floor(start / pitch) - spare);
  const end = Math.min(count, Math.ceil((start + extent) / pitch) + spare);
  return { first, end };
}

/**
 * How far the row has to be scrolled so that an item is seen, with a part of its neighbour where there is one.
 * @param {{index: number, scroll: number, extent: number, pitch: number, count: number}} row
 * @returns {number} `scroll` itself where it is seen already
 */
export function scrollToItem({ index, scroll, extent, pitch, count }) {
  const margin = Math.min(pitch / 2, Math.max(0, (extent - pitch) / 2));
  const [start, end] = [index * pitch - margin, (index + 1) * pitch + margin];
  const last = Math.max(0, count * pitch - extent);
  const wanted = start < scroll ? start : end > scroll + extent ? end - extent : scroll;
  return Math.min(last, Math.max(0, wanted));
}

/**
 * How strongly something that is dragged near an end of the row scrolls it on.
 * @param {number} at px from the start of what is seen @param {number} extent that is seen @param {number} [zone] px
 * @returns {number} -1..1: towards the start, towards the end; 0 between
 */
export function findPull(at, extent, zone = 56) {
  const size = Math.min(zone, extent / 3);
  if (at < size) return -Math.min(1, (size - at) / size);
  if (at > extent - size) return Math.min(1, (at - extent + size) / size);
  return 0;
}
