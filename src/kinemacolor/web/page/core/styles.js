/** The look that all parts share: put `shared` first among the `styles` of a component. Values are in tokens.css. */
import { css } from "../vendor/lit.js";

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
  figure {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h1,
  h2,
  h3 {
    font-size: var(--text-15);
    font-weight: var(--weight-strong);
  }
  a {
    color: var(--accent-text);
  }
  img,
  svg {
    display: block;
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .quiet {
    color: var(--text-faint);
    font-size: var(--text-12);
  }
  .cut {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .problem {
    color: var(--bad);
  }
  :focus {
    outline: none;
  }
  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 1px;
  }
`;

const buttons = css`
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-height: var(--control);
    padding: 0 var(--space-3);
    border: 1px solid transparent;
    border-radius: var(--radius);
    background: none;
    color: var(--text);
    font: inherit;
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
    user-select: none;
  }
  .plain {
    background: var(--surface-2);
  }
  .plain:hover {
    background: var(--surface-3);
  }
  .primary {
    background: var(--accent);
    color: var(--on-accent);
    font-weight: var(--weight-strong);
  }
  .primary:hover {
    background: var(--accent-hover);
  }
  .icon {
    min-width: var(--control);
    padding: 0;
    color: var(--text-soft);
  }
  .icon:hover {
    background: var(--surface-3);
    color: var(--text);
  }
  .icon[aria-pressed="true"],
  .icon[aria-expanded="true"] {
    background: var(--accent-soft);
    color: var(--accent-text);
  }
  button:disabled,
  .button[aria-disabled="true"] {
    background: none;
    border-color: var(--line);
    color: var(--text-off);
    cursor: default;
  }
  button svg,
  .button svg {
    flex: none;
  }
`;

const fields = css`
  .field {
    display: grid;
    gap: var(--space-1);
  }
  .field > label,
  .field > .label {
    color: var(--text-soft);
    font-size: var(--text-12);
  }
  input:not([type]),
  input[type="text"],
  input[type="search"],
  input[type="number"],
  select,
  textarea {
    min-height: var(--control);
    width: 100%;
    min-width: 0;
    padding: 0 var(--space-2);
    border: 1px solid var(--line-strong);
    border-radius: var(--radius);
    background: var(--surface-2);
    color: var(--text);
    font: inherit;
  }
  textarea {
    padding: var(--space-2);
    resize: vertical;
  }
  input[type="range"] {
    width: 100%;
    min-height: var(--control);
    margin: 0;
    accent-color: var(--accent);
  }
  input[type="checkbox"],
  input[type="radio"] {
    accent-color: var(--accent);
    width: 16px;
    height: 16px;
    margin: 0;
    flex: none;
  }
  .choice {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    min-height: var(--control);
  }
`;

const pieces = css`
  .chip {
    display: inline-flex;
    align-items: center;
    gap: var(--space-1);
    padding: 1px var(--space-2);
    border-radius: var(--radius);
    background: var(--surface-2);
    color: var(--text-soft);
    font-size: var(--text-12);
    white-space: nowrap;
  }
  [role="tablist"] {
    display: flex;
    gap: var(--space-1);
  }
  [role="tab"] {
    border-radius: 0;
    border-bottom: 2px solid transparent;
    color: var(--text-soft);
  }
  [role="tab"]:hover {
    color: var(--text);
  }
  [role="tab"][aria-selected="true"] {
    border-bottom-color: var(--accent-line);
    color: var(--text);
  }
  .card {
    border-radius: var(--radius);
    background: var(--surface-2);
    overflow: hidden;
  }
  .row {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    min-height: var(--control);
  }
  .menu {
    padding: var(--space-1);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface-2);
    box-shadow: var(--shadow);
  }
  .menu button {
    justify-content: flex-start;
    width: 100%;
  }
  .menu button:hover {
    background: var(--surface-3);
  }
  progress {
    appearance: none;
    display: block;
    width: 100%;
    height: 4px;
    border: 0;
    border-radius: var(--radius);
    background: var(--surface-3);
    overflow: hidden;
  }
  progress::-webkit-progress-bar {
    background: transparent;
  }
  progress::-webkit-progress-value {
    background: var(--accent);
  }
  progress::-moz-progress-bar {
    background: var(--accent);
  }
  progress:indeterminate {
    background: linear-gradient(90deg, transparent, var(--accent), transparent) 0 0 / 40% 100% no-repeat var(--surface-3);
    animation: run 1.6s linear infinite;
  }
  progress:indeterminate::-moz-progress-bar {
    background: transparent;
  }
  @keyframes run {
    from {
      background-position: -70% 0;
    }
    to {
      background-position: 170% 0;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    progress:indeterminate {
      animation: none;
      background-position: 50% 0;
    }
  }
`;

/** Reset, text, buttons, fields, and small pieces. */
export const shared = css`${base}${buttons}${fields}${pieces}`;
