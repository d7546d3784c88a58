/** Numbers as people read them. All of it is pure. */

/** @param {number} seconds @returns {string} `0:04`, `1:02:03` */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A place in a film, to the tenth: `0:04.1`. @param {number} seconds */
export function clockTenth(seconds) {
  const tenths = Math.max(0, Math.round(10 * seconds));
  return `${clock(Math.floor(tenths / 10))}.${tenths % 10}`;
}

/**
 * How long the part of a film is that is worked on, in seconds; null where the film does not say how long it is.
 * @param {{duration_seconds: number | null, start_seconds: number, end_seconds: number | null}} film
 */
export function lengthOf({ duration_seconds: all, start_seconds: start, end_seconds: end }) {
  return all === null ? null : Math.max(0, Math.min(all, end ?? all) - start);
}

/** How long something lasts, in words: `9 s`, `4 min`, `2 h 5 min`, `3 days`. @param {number} seconds */
export function span(seconds) {
  if (seconds < 100) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/** `1.4 MB`: thousands as disks are sold. @param {number} count of bytes */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [count, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 9.95 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `55 %`; only what is whole is 100. @param {number} part 0..1 */
export const percent = (part) => `${Math.min(part < 1 ? 99 : 100, Math.max(0, Math.round(100 * part)))} %`;

/** `1 shot`, `1,204 shots`. @param {number} number @param {string} one @param {string} [many] */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** How fast: `12.4 frames/s`; what takes longer than a second is told the other way round. @param {number} rate per s @param {string} [what] */
export function speed(rate, what = "frame") {
  if (rate <= 0) return "";
  if (rate < 0.95) return `${(1 / rate).toFixed(1)} s a ${what}`;
  return `${rate < 99.5 ? rate.toFixed(1) : Math.round(rate)} ${what}s/s`;
}

/** What a job counts in a phase: one of it. @param {string | null | undefined} step */
export const unitOf = (step) => (step === "Choosing pictures" ? "picture" : "frame");

/** `today`, `yesterday`, `12 Nov`, `12 Nov 2024`. @param {number} seconds since 1970 @param {Date} [now] */
export function day(seconds, now = new Date()) {
  const then = new Date(1000 * seconds);
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.ceil((midnight.getTime() - then.getTime()) / 86_400_000);
  if (days <= 0) return "today";
  if (days === 1) return "yesterday";
  const year = then.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year }).format(then);
}

/** `shots 1-4, 7`. @param {number[]} numbers in order @param {string} [one] */
export function list(numbers, one = "shot") {
  if (!numbers.length) return "";
  /** @type {[number, number][]} */
  const runs = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  const words = runs.map(([first, last]) => first === last ? `${first}` : `${first}–${last}`);
  return `${one}${numbers.length > 1 ? "s" : ""} ${words.join(", ")}`;
}
