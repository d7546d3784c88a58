/**
 * Frames and times of a film, and which stream can play a frame. Pure. Frames count from 0, times are in seconds.
 *
 * @typedef {object} Stream gray left and colour right in one picture
 * @property {string} url
 * @property {number} rate frames per second
 * @property {number} first frame of the film with which it begins
 * @property {number} frames in it
 * @property {boolean} isOutdated the plan has changed since it was made
 * @property {boolean} isClip a part that was tried, not the rendered film
 */

const CLIP_SECONDS = 3;

/** The frame that is shown at a time. @param {number} seconds @param {number} rate */
export const frameAt = (seconds, rate) => Math.max(0, Math.floor(seconds * rate + 0.05));

/** A time in the middle of a frame, where every browser shows that frame. @param {number} frame @param {number} rate */
export const middleOf = (frame, rate) => (frame + 0.5) / rate;

/** Whether a browser that was sent to `frame` stopped at another. @param {number} seconds @param {number} rate @param {number} frame */
export const isElsewhere = (seconds, rate, frame) => Math.abs(seconds * rate - frame - 0.5) > 0.4;

/**
 * What somebody typed as a place in the film: `120` is a frame; `0:05`, `1:02:03.5` and `5 s` are times; `+10` and
 * `-10` count from here. Null where it is none of these.
 * @param {string} text @param {number} rate @param {number} here @returns {number | null} the frame
 */
export function parsePlace(text, rate, here) {
  const typed = text.trim().replace(",", ".");
  if (/^[+-]\d+$/.test(typed)) return here + Number(typed);
  if (/^\d+$/.test(typed)) return Number(typed);
  const seconds = typed.match(/^(\d+(?:\.\d*)?|\.\d+)\s*(?:s|sec|seconds)?$/i);
  if (seconds) return frameAt(Number(seconds[1]), rate);
  const clock = typed.match(/^(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)$/);
  if (!clock) return null;
  return frameAt(Number(clock[1] ?? 0) * 3600 + Number(clock[2]) * 60 + Number(clock[3]), rate);
}

/**
 * What plays `frame`: the rendered film, or the clip that was tried; rather one that shows the plan as it is. Null:
 * nothing does.
 * @param {any} players answer of `GET players` @param {number} frame @returns {Stream | null}
 */
export function chooseStream(players, frame) {
  const film = players?.film ? makeStream(players.film, 0, false) : null;
  const clip = players?.clip ? makeStream(players.clip, players.clip.start_frame ?? 0, true) : null;
  const inClip = clip && frame >= clip.first && frame < clip.first + clip.frames ? clip : null;
  if (film && !film.isOutdated) return film;
  return inClip && !inClip.isOutdated ? inClip : film ?? inClip;
}

/** @param {any} player @param {number} first @param {boolean} isClip @returns {Stream} */
function makeStream(player, first, isClip) {
  const rate = player.rate || 24;
  const frames = player.frames ?? (isClip ? Math.round(CLIP_SECONDS * rate) : Infinity);
  return { url: player.url, rate, first, frames, isOutdated: player.is_outdated, isClip };
}

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
