/** The look that all parts share: put `shared` first among the `styles` of a component. Values are in tokens.css. */
import { css } from "../vendor/lit.js";
import { shapes } from "./shapes.js";

const base = css`
  :host {
    display: block;
    color: var(--text);
    font: var(--weight) var(--text-13) / var(--leading) var(--font);
    -webkit-tap-highlight-color: transparent;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  figure,
  button,
  fieldset {
    margin: 0;
    padding: 0;
    font: inherit;
    list-style: none;
  }
  button,
  fieldset {
    min-width: 0;
    border: 0;
    background: none;
    color: inherit;
  }
  button {
    cursor: pointer;
    user-select: none;
    -webkit-user-select: none;
  }
  button:disabled {
    cursor: default;
  }
  a {
    color: var(--accent-text);
  }
  img,
  svg {
    display: block;
    flex: none;
  }
  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .soft {
    color: var(--text-soft);
  }
  .faint {
    color: var(--text-faint);
  }
  .small {
    font-size: var(--text-12);
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .cut {
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .cut[dir] {
    text-align: left; /* a name that runs the other way stands where others do, and is cut at its own end */
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .row {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    min-width: 0;
  }
  .narrow {
    display: none !important;
  }
  @media (max-width: 1180px) {
    .wide-only {
      display: none !important;
    }
  }
  @media (max-width: 720px) {
    .desk {
      display: none !important;
    }
    .narrow {
      display: flex !important;
    }
  }
`;

const buttons = css`
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-width: var(--control);
    min-height: var(--control);
    padding: 0 var(--space-3);
    border-radius: var(--radius);
    background: var(--surface-2);
    color: var(--text);
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
    transition: background var(--quick) var(--ease);
  }
  .button:hover,
  .button[aria-expanded="true"] {
    background: var(--surface-3);
  }
  .button.bare {
    padding: 0 6px;
    background: none;
    color: var(--text-soft);
  }
  .button.bare:hover,
  .button.bare[aria-expanded="true"] {
    background: var(--surface-3);
    color: var(--text);
  }
  .button.primary {
    background: var(--accent);
    color: var(--on-accent);
    font-weight: var(--weight-strong);
  }
  .button.primary:hover {
    background: var(--accent-hover);
  }
  .button:disabled,
  .button.primary:disabled {
    background: none;
    color: var(--text-off);
    cursor: default;
  }
  .button[aria-pressed="true"] {
    background: var(--pressed);
    color: var(--text);
  }
  .segments {
    display: inline-flex;
    gap: 2px;
    padding: 2px;
    border-radius: var(--radius);
    background: var(--surface-0);
  }
  .segments.wide {
    display: flex;
  }
  .segment {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-height: calc(var(--control) - 4px);
    padding: 0 10px;
    border-radius: 2px;
    color: var(--text-soft);
    white-space: nowrap;
  }
  .segments.wide .segment {
    flex: 1;
    padding: 0 4px;
  }
  .segment:hover {
    color: var(--text);
  }
  .segment[aria-pressed="true"] {
    background: var(--pressed);
    color: var(--text);
  }
  .segment:disabled {
    color: var(--text-off);
  }
  .tab {
    display: flex;
    align-items: center;
    gap: 6px;
    padding: 0 var(--space-3);
    border-block: 2px solid transparent;
    color: var(--text-soft);
    white-space: nowrap;
  }
  .tab:hover {
    color: var(--text);
  }
  .tab[aria-selected="true"] {
    border-bottom-color: var(--accent-line);
    color: var(--text);
  }
  .tab:focus-visible {
    outline-offset: -2px;
  }
  .disclose {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    width: 100%;
    min-height: max(36px, var(--control));
    padding: 0 var(--space-3);
    border-top: 1px solid var(--line);
    text-align: start;
  }
`;

const fields = css`
  .field {
    display: flex;
    flex-direction: column;
    gap: var(--space-1);
  }
  .field label,
  .label {
    display: flex;
    align-items: baseline;
    justify-content: space-between;
    gap: var(--space-2);
  }
  .value {
    color: var(--text-soft);
    font-variant-numeric: tabular-nums;
  }
  .ends {
    display: flex;
    justify-content: space-between;
    color: var(--text-faint);
    font-size: var(--text-12);
  }
  input:not([type]),
  input[type="text"],
  input[type="search"],
  input[type="number"],
  select,
  textarea {
    width: 100%;
    min-width: 0;
    min-height: var(--control);
    padding: 0 var(--space-2);
    border: 1px solid var(--line-strong);
    border-radius: var(--radius);
    background: var(--surface-0);
    color: var(--text);
    font: inherit;
  }
  textarea {
    padding: var(--space-2);
    resize: vertical;
  }
  ::placeholder {
    color: var(--text-faint);
    opacity: 1;
  }
  input[type="range"] {
    appearance: none;
    width: 100%;
    height: max(20px, var(--control));
    margin: 0;
    background: none;
    cursor: pointer;
  }
  input[type="range"]::-webkit-slider-runnable-track {
    height: 4px;
    border-radius: 2px;
    background: linear-gradient(to right, var(--text-soft) var(--fill, 0%), var(--surface-3) 0);
  }
  input[type="range"]::-moz-range-track {
    height: 4px;
    border-radius: 2px;
    background: linear-gradient(to right, var(--text-soft) var(--fill, 0%), var(--surface-3) 0);
  }
  input[type="range"]::-webkit-slider-thumb {
    appearance: none;
    width: 14px;
    height: 14px;
    margin-top: -5px;
    border: 2px solid var(--surface-1);
    border-radius: var(--round);
    background: var(--text);
  }
  input[type="range"]::-moz-range-thumb {
    width: 10px;
    height: 10px;
    border: 2px solid var(--surface-1);
    border-radius: var(--round);
    background: var(--text);
  }
  input[type="checkbox"],
  input[type="radio"] {
    flex: none;
    width: 16px;
    height: 16px;
    margin: 0;
    accent-color: var(--text-soft);
  }
`;

/**
 * How far the track of a slider is filled: `.style=${filled(value, min, max)}`.
 * @param {number} value @param {number} min @param {number} max
 */
export const filled = (value, min, max) => `--fill: ${100 * Math.max(0, Math.min(1, (value - min) / (max - min)))}%`;

/** A part whose pieces stand one below the other. */
export const column = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
  }
`;

/** Reset, text, buttons, fields, areas; the class names are those of the shapes. */
export const shared = css`
  ${base} ${buttons}${fields}${shapes}
`;
