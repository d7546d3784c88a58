/** Where the controls of the viewer stand. */
import { css } from "../vendor/lit.js";

export const controlStyles = css`
  :host {
    container-type: inline-size;
    flex: none;
    background: var(--surface-1);
  }
  .bar {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    column-gap: var(--space-1);
    padding: 0 var(--space-2) calc((var(--row-height) - var(--control)) / 2);
  }
  .bar.photograph {
    padding-top: calc((var(--row-height) - var(--control)) / 2);
  }
  :where(.bar > *) {
    order: 2;
  }
  .back,
  .play {
    order: 0;
  }
  .forward {
    order: 1;
  }
  kc-timeline {
    order: -1;
    flex: 0 0 100%;
    margin-bottom: calc((var(--row-height) - var(--control)) / 2);
  }
  .grow {
    flex: 1;
  }
  .time {
    padding-inline-start: var(--space-2);
    color: var(--text-soft);
    font-size: var(--text-12);
    white-space: nowrap;
  }
  .time b {
    color: var(--text);
    font-weight: var(--weight);
  }
  .place {
    display: inline-flex;
    align-items: center;
    gap: var(--space-1);
    margin-inline-start: var(--space-2);
    color: var(--text-faint);
    font-size: var(--text-12);
  }
  .place input {
    width: 64px;
    font-size: var(--text-12);
    font-variant-numeric: tabular-nums;
  }
  .place input:not(:hover, :focus) {
    border-color: transparent;
    background: none;
    color: var(--text-soft);
  }
  .segments {
    margin-inline-end: var(--space-1);
  }
  .zoom {
    display: inline-flex;
    align-items: center;
  }
  .zoom .number {
    min-width: 48px;
    padding: 0;
    justify-content: center;
  }
  @container (max-width: 860px) {
    .wide {
      display: none;
    }
    .segment {
      padding: 0 var(--space-2);
    }
  }
  @container (max-width: 680px) {
    .pick {
      display: none;
    }
  }
  @container (max-width: 610px) {
    .total {
      display: none;
    }
  }
  @container (max-width: 520px) {
    .roomy,
    .time {
      display: none;
    }
    .bar {
      padding: 0 var(--space-1) var(--space-1);
    }
    .back {
      order: -3;
    }
    kc-timeline {
      order: -2;
      /* So wide that the row is full with it: all else begins a new one. */
      flex: 1 1 calc(100% - 2 * var(--control) - 4 * var(--space-1));
      margin: 0;
      min-width: 0;
    }
    .forward {
      order: -1;
    }
    .place {
      margin-inline-start: 0;
    }
    .place input {
      width: 56px;
      text-align: center;
    }
    .segment {
      min-width: calc(var(--control) - 4px);
      padding: 0;
    }
  }
  @container (max-width: 350px) {
    .place {
      display: none;
    }
    .segment {
      min-width: 36px;
    }
  }
`;
