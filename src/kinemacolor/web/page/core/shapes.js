/** Shapes of areas, lists and small pieces: a part of the look that `styles.js` hands to all. */
import { css } from "../vendor/lit.js";

export const shapes = css`
  .column {
    display: flex;
    flex-direction: column;
    min-height: 0;
    background: var(--surface-1);
  }
  .head {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    flex: none;
    min-height: var(--head-height);
    padding: 0 var(--space-2) 0 var(--space-3);
  }
  .head h2 {
    font-weight: var(--weight-strong);
  }
  .scroll {
    flex: 1;
    min-height: 0;
    overflow: auto;
    scrollbar-width: thin;
    scrollbar-color: var(--surface-3) transparent;
  }
  .section {
    display: flex;
    flex-direction: column;
    gap: var(--space-4);
    padding: var(--space-3);
    border-top: 1px solid var(--line);
  }
  .section:first-child {
    padding-top: var(--space-1);
    border-top: 0;
  }
  .item {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    width: 100%;
    min-width: 0;
    padding: 6px var(--space-3);
    text-align: start;
  }
  .item:hover {
    background: var(--surface-2);
  }
  .item.chosen {
    background: var(--chosen);
    box-shadow: inset 2px 0 var(--accent-line);
  }
  .item:focus-visible {
    outline-offset: -2px;
  }
  .thumb {
    width: 64px;
    height: 48px;
    border-radius: var(--radius);
    background: var(--room);
    object-fit: cover;
  }
  .card {
    padding: var(--space-3);
    border-radius: var(--radius);
    background: var(--surface-2);
  }
  @media (max-width: 1180px) {
    .card {
      padding: var(--space-2);
    }
  }
  .drop {
    display: flex;
    flex-direction: column;
    align-items: center;
    gap: var(--space-1);
    padding: var(--space-3);
    border: 1px dashed var(--line-strong);
    border-radius: var(--radius);
    color: var(--text-soft);
    font-size: var(--text-12);
    text-align: center;
  }
  .drop.over {
    border: 1px solid var(--accent-line);
    background: var(--surface-2);
    color: var(--text);
  }
  .chip,
  .mark {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    height: 20px;
    padding: 0 6px;
    border-radius: var(--radius);
    background: var(--surface-2);
    color: var(--text-soft);
    font-size: var(--text-12);
    white-space: nowrap;
  }
  .mark {
    padding: 0 4px;
    background: var(--over-picture);
    color: var(--on-picture);
  }
  .chip svg,
  .mark svg {
    width: 12px;
    height: 12px;
  }
  .good {
    color: var(--good);
  }
  .doubt {
    color: var(--doubt);
  }
  .bad {
    color: var(--bad);
  }
  .on {
    color: var(--accent-text);
  }
  .menu {
    min-width: 160px;
    padding: var(--space-1);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface-2);
    color: var(--text);
    box-shadow: var(--shadow);
  }
  .menu .button {
    justify-content: flex-start;
    width: 100%;
    background: none;
  }
  .menu .button:hover,
  .menu .button:focus-visible {
    background: var(--surface-3);
  }
  progress {
    appearance: none;
    display: block;
    width: 100%;
    height: 4px;
    border: 0;
    border-radius: 2px;
    background: var(--surface-3);
    overflow: hidden;
  }
  progress::-webkit-progress-bar {
    background: none;
  }
  progress::-webkit-progress-value {
    background: var(--accent-line);
  }
  progress::-moz-progress-bar {
    background: var(--accent-line);
  }
  progress:indeterminate {
    background: linear-gradient(90deg, transparent, var(--accent-line), transparent) 0 0 / 40% 100% no-repeat
      var(--surface-3);
    animation: run 1.6s linear infinite;
  }
  progress:indeterminate::-moz-progress-bar {
    background: none;
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
      background-position: 50% 0;
      animation: none;
    }
  }
`;
