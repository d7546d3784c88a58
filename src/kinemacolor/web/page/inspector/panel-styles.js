/** What the panels of the inspector share: a head, parts under each other, and fields with their value at the right. */
import { column } from "../core/styles.js";
import { css } from "../vendor/lit.js";

export const panel = css`
  ${column} :host {
    height: 100%;
  }
  .head {
    justify-content: space-between;
  }
  .part {
    display: grid;
    gap: var(--space-4);
    padding: var(--space-3);
    border-top: 1px solid var(--line);
  }
  fieldset.part {
    margin: 0;
    border-inline: 0;
    border-bottom: 0;
    min-width: 0;
  }
  p.part {
    display: flex;
    align-items: start;
    gap: var(--space-2);
  }
  .part:first-child {
    border-top: 0;
    padding-top: var(--space-1);
  }
  .part:has(> details:first-child) {
    padding-block: var(--space-1);
  }
  details[open] > .inner {
    padding-bottom: var(--space-2);
  }
  .quiet {
    color: var(--text-soft);
    font-size: var(--text-12);
    overflow-wrap: anywhere;
  }
  .problem {
    color: var(--bad);
    overflow-wrap: anywhere;
  }
  .choice {
    display: grid;
    grid-template-columns: auto 1fr;
    gap: var(--space-2);
    align-items: start;
    cursor: pointer;
  }
  .choice input {
    margin-top: 2px;
  }
  .part h3 {
    font-size: var(--text-13);
    font-weight: var(--weight);
    display: flex;
    justify-content: space-between;
    gap: var(--space-2);
  }
  .named {
    display: flex;
    justify-content: space-between;
    gap: var(--space-2);
  }
  .named output {
    color: var(--text-soft);
    font-variant-numeric: tabular-nums;
  }
  .choice {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    min-height: var(--control);
  }
  .pair {
    display: grid;
    grid-template-columns: 1fr 1fr;
    gap: var(--space-2);
  }
  details > summary {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    min-height: var(--control);
    cursor: pointer;
    list-style: none;
  }
  details > summary::-webkit-details-marker {
    display: none;
  }
  details[open] > summary svg {
    transform: rotate(90deg);
  }
  details > .inner {
    display: grid;
    gap: var(--space-4);
    padding-top: var(--space-3);
  }
  .told {
    color: var(--text-soft);
    overflow-wrap: anywhere;
  }
`;
