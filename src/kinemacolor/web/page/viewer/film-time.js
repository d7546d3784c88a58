/**
 * Frames and times of a film, and which stream can play a frame. Pure. Frames count from 0, times are in seconds.
 *
 * @typedef {object} Clock when frames are shown
 * @property {number} rate frames per second, in the mean
 * @property {number[] | null} [times] of each frame, after the first one; without them the rate says it
 *
 * @typedef {object} Streamed gray left and colour right in one picture
 * @property {string} url
 * @property {number} first frame of the film with which it begins
 * @property {number} frames in it
 * @property {boolean} isOutdated the plan has changed since it was made
 * @property {boolean} isClip a part that was tried, not the rendered film
 *
 * @typedef {Clock & Streamed} Stream
 */

const NEAR_SECONDS = 2e-4; // times are rounded
const NEAR = 0.05; // of a frame: a steady rate is that true

/** When a frame begins; behind the last one all go on as that did. @param {number} frame @param {Clock} clock */
export function secondsOf(frame, { rate, times }) {
  if (!times) return frame / rate;
  const last = times.length - 1;
  return frame <= last ? times[Math.max(0, frame)] : times[last] + (frame - last) * (times[last] - times[last - 1]);
}

/** The frame that is shown at a time. @param {number} seconds @param {Clock} clock */
export function frameAt(seconds, { rate, times }) {
  if (!times) return Math.max(0, Math.floor(seconds * rate + NEAR));
  let [low, high] = [0, times.length]; // the first frame that begins later lies in low + 1 to high
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= seconds + NEAR_SECONDS) low = middle;
    else high = middle;
  }
  return low;
}

/** A time in the middle of a frame, where every browser shows that frame. @param {number} frame @param {Clock} clock */
export const middleOf = (frame, clock) => (secondsOf(frame, clock) + secondsOf(frame + 1, clock)) / 2;

/**
 * What somebody typed as a place in the film: `120` is a frame; `0:05`, `1:02:03.5` and `5 s` are times; `+10` and
 * `-10` count from here. Null where it is none of these.
 * @param {string} text @param {Clock} clock @param {number} here @returns {number | null} the frame
 */
export function parsePlace(text, clock, here) {
  const typed = text.trim().replace(",", ".");
  if (/^[+-]\d+$/.test(typed)) return here + Number(typed);
  if (/^\d+$/.test(typed)) return Number(typed);
  const seconds = typed.match(/^(\d+(?:\.\d*)?|\.\d+)\s*(?:s|sec|seconds)?$/i);
  if (seconds) return frameAt(Number(seconds[1]), clock);
  const parts = typed.match(/^(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)$/);
  if (!parts) return null;
  return frameAt(Number(parts[1] ?? 0) * 3600 + Number(parts[2]) * 60 + Number(parts[3]), clock);
}

/**
 * What plays `frame`: the rendered film, or the clip that was tried; rather one that shows the plan as it is. Null:
 * nothing does.
 * @param {any} players answer of `GET players` @param {number} frame @returns {Stream | null}
 */
export function chooseStream(players, frame) {
  const film = players?.film ? makeStream(players.film, false) : null;
  const clip = players?.clip ? makeStream(players.clip, true) : null;
  const inClip = clip && frame >= clip.first && frame < clip.first + clip.frames ? clip : null;
  if (film && !film.isOutdated) return film;
  return inClip && !inClip.isOutdated ? inClip : film ?? inClip;
}

/** @param {any} player @param {boolean} isClip @returns {Stream} */
const makeStream = ({ url, rate, times, frames, start_frame: first, is_outdated: isOutdated }, isClip) => ({
  url,
  rate,
  times,
  frames,
  first,
  isOutdated,
  isClip,
});

/**
 * Where a drag on the time line leads. Near the line each pixel is its share of the film; the further the pointer is
 * moved away from it, the finer, down to a frame for each pixel.
 * @param {number} start frame at which the last move ended, may be broken @param {number} across pixels moved along the line
 * @param {number} away pixels between pointer and line @param {number} width of the line in pixels @param {number} frames of the film
 */
export function dragFrame(start, across, away, width, frames) {
  const coarse = frames / Math.max(1, width);
  const fine = Math.min(coarse, 1);
  const share = Math.min(1, Math.max(0, (away - 40) / 160));
  const step = coarse * (fine / coarse) ** share;
  return Math.min(frames - 1, Math.max(0, start + across * step));
}
