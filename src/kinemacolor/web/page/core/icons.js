import { html } from "../vendor/lit.js";

/**
 * The one icon set: path data for a 16x16 view box, drawn with a stroke of 1.5 in `currentColor`, round caps and
 * joins, no fill.
 *
 * @type {Readonly<Record<string, string>>}
 */
const ICONS = Object.freeze({
  // Playing.
  play: "M4.5 2.75v10.5L13 8z",
  pause: "M5 3v10M11 3v10",
  "step-back": "M11.5 3.5v9L5.5 8zM3.5 3.5v9",
  sound: "M2.5 6v4H5l3.5 3V3L5 6zM11 5.75a3.25 3.25 0 0 1 0 4.5",
  silent: "M2.5 6v4H5l3.5 3V3L5 6zM11 6.25l3.5 3.5M14.5 6.25 11 9.75",
  full: "M2.5 6.5v-4h4M9.5 2.5h4v4M13.5 9.5v4h-4M6.5 13.5h-4v-4",
  origin: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM8 1v4M8 11v4M1 8h4M11 8h4",
  "step-forward": "M4.5 3.5v9L10.5 8zM12.5 3.5v9",
  // Ways to look.
  divider: "M2 3.5h12v9H2zM8 1.5v13M10.5 6.5 12 8l-1.5 1.5M5.5 6.5 4 8l1.5 1.5",
  gray: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 2v12M10.5 3v10M5.5 8H8",
  colour: "M8 1.75S3.5 6.5 3.5 9.75a4.5 4.5 0 0 0 9 0C12.5 6.5 8 1.75 8 1.75zM8 11.75a2 2 0 0 0 2-2",
  doubt: "M5.75 6a2.25 2.25 0 1 1 3.4 1.95C8.4 8.4 8 8.8 8 9.75M8 12.5v.01",
  reference: "M4.5 4.5h9v9h-9zM11.5 2.5h-9v9M4.5 11.5l3-3 2 2 1.5-1.5 2.5 2.5",
  "zoom-in": "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.25 10.25 14 14M7 5v4M5 7h4",
  "zoom-out": "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.25 10.25 14 14M5 7h4",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  // Painting.
  brush: "M13.5 2.5 7.25 8.75M8.75 10.25 14 3M7.25 8.75c-2-.25-3 1-3.25 2.5-.15 1-.75 1.75-2 2 2.5 1.25 6.75.5 6.75-3z",
  fill:
    "M7 2.5 2.5 7a1 1 0 0 0 0 1.5l4 4a1 1 0 0 0 1.5 0L12.5 8zM7 2.5 5.5 1M3 8h9.25M14 10.5s-1 1.5-1 2.25a1 1 0 0 0 2 0c0-.75-1-2.25-1-2.25z",
  "region-select":
    "M2.5 5V3.5a1 1 0 0 1 1-1H5M8 2.5h1.5M12.5 2.5h1v1.5M13.5 7v1M2.5 8v2M2.5 12.5v1H5M8.5 8.5l5.5 2-2.5 1-1 2.5z",
  eraser:
    "M9.5 2.75 13.25 6.5a1 1 0 0 1 0 1.5L8 13.25H5L2.75 11a1 1 0 0 1 0-1.5L8 2.75a1 1 0 0 1 1.5 0zM5.5 5.5l5 5M8 13.25h6",
  picker: "M9 4.5 11 2.5a1.75 1.75 0 0 1 2.5 2.5l-2 2M8 3.5 12.5 8M10.5 6.5 5 12l-2.75 1.75L4 11l5-5",
  undo: "M5.5 2.5 2.5 5.5l3 3M2.5 5.5H9a4 4 0 0 1 0 8H5.5",
  redo: "M10.5 2.5l3 3-3 3M13.5 5.5H7a4 4 0 0 0 0 8h3.5",
  // Shots.
  merge: "M8 2v12M1.5 8h4.25M3.75 6l2 2-2 2M14.5 8h-4.25M12.25 6l-2 2 2 2",
  split: "M8 1.5v2M8 5.5v1M8 9.5v1M8 12.5v2M5.5 8h-4M3.5 6l-2 2 2 2M10.5 8h4M12.5 6l2 2-2 2",
  nudge: "M8 2v12M5.25 5.5 2.75 8l2.5 2.5M10.75 5.5 13.25 8l-2.5 2.5",
  // Things and what is done with them.
  more:
    "M3.25 7.75a.25.25 0 1 0 0 .5.25.25 0 0 0 0-.5zM8 7.75a.25.25 0 1 0 0 .5.25.25 0 0 0 0-.5zM12.75 7.75a.25.25 0 1 0 0 .5.25.25 0 0 0 0-.5z",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  add: "M8 3v10M3 8h10",
  "chevron-down": "M4 6l4 4 4-4",
  "chevron-left": "M10 4 6 8l4 4",
  "chevron-right": "M6 4l4 4-4 4",
  download: "M8 2.5v8M4.75 7.5 8 10.75l3.25-3.25M2.5 13.5h11",
  upload: "M8 10.75v-8M4.75 5.75 8 2.5l3.25 3.25M2.5 13.5h11",
  export: "M6 3.5H3v9.5h10V10M8.5 2.5h5v5M13.5 2.5 7.5 8.5",
  trash: "M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.75 9h6.5l.75-9M6.75 7v4M9.25 7v4",
  edit: "M10.5 3 13 5.5 5.5 13 2.5 13.5 3 10.5zM9 4.5 11.5 7",
  film: "M2 3h12v10H2zM5 3v10M11 3v10M2 6.25h3M2 9.75h3M11 6.25h3M11 9.75h3M5 8h6",
  picture: "M2 3h12v10H2zM2 11l3.5-3.5L8.5 10.5l2-2L14 12M10.75 6v.01",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.25 10.25 14 14",
  // Work and its states.
  queue: "M2.5 3.5h11M2.5 8h7M2.5 12.5h5M11.5 8.5v5l3-2.5z",
  check: "M3 8.5l3.25 3.25L13 4.75",
  warn: "M8 2.25 14.5 13.5h-13zM8 6.5v3.25M8 11.5v.01",
  stop: "M4 4h8v8H4z",
  resume: "M13 8A5 5 0 1 1 11 4M11.25 1.5V4.25H8.5M7 6v4l3-2z",
  // The window.
  home: "M2.25 7.75 8 2.5l5.75 5.25M3.75 6.5v7h8.5v-7M6.5 13.5v-4h3v4",
  keyboard: "M1.5 4h13v8.5h-13zM4 6.5v.01M6.66 6.5v.01M9.33 6.5v.01M12 6.5v.01M4 8.5v.01M12 8.5v.01M5.5 10.25h5",
  sun:
    "M8 5.25a2.75 2.75 0 1 0 0 5.5 2.75 2.75 0 0 0 0-5.5zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  moon: "M13.5 9.5A5.75 5.75 0 0 1 6.5 2.5a5.75 5.75 0 1 0 7 7z",
});

/**
 * Draws an icon. It says nothing to a screen reader: the button around it has a name.
 * @param {string} name a key of `ICONS`
 * @param {number} [size] px
 */
export const icon = (name, size = 16) =>
  html`
    <svg viewBox="0 0 16 16" width=${size} height=${size} fill="none" stroke="currentColor" stroke-width="1.5"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d=${ICONS[name] ?? ""}></path>
    </svg>
  `;

/**
 * A picture that did not come leaves its place empty: `<img @error=${hideBroken} @load=${hideBroken}>`.
 * @param {Event} event
 */
export function hideBroken({ type, currentTarget }) {
  /** @type {HTMLElement} */ (currentTarget).style.visibility = type === "error" ? "hidden" : "";
}
