/** The look of the column of references, and of the sheet over the window while files are dragged over it. */
import { css } from "../vendor/lit.js";

export const referencesStyles = css`
  :host {
    height: 100%;
    min-height: 0;
    container-type: inline-size;
  }
  .column {
    height: 100%;
  }
  .reference,
  .arrival {
    display: flex;
    align-items: center;
    padding-inline-end: var(--space-1);
  }
  .reference:hover {
    background: var(--surface-2);
  }
  .reference.chosen {
    background: var(--chosen);
    box-shadow: inset 2px 0 var(--accent-line);
  }
  .reference .item {
    flex: 1;
    background: none;
    padding-inline-end: 0;
    touch-action: pan-y;
    -webkit-touch-callout: none;
  }
  .picture {
    position: relative;
    flex: none;
  }
  .picture .mark {
    position: absolute;
    left: 2px;
    top: 2px;
  }
  .line {
    display: block;
  }
  .reference .chip {
    display: block;
    width: fit-content;
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
    height: 18px;
    margin-top: 2px;
    padding: 0 4px;
    background: var(--surface-3);
    color: var(--text);
  }
  @container (max-width: 200px) {
    .reference .thumb {
      width: 44px;
      height: 36px;
    }
  }
  .arrival {
    gap: var(--space-2);
    padding: 6px var(--space-1) 6px var(--space-3);
  }
  .arrival .bad {
    overflow-wrap: anywhere;
  }
  .arrival progress {
    margin-top: var(--space-1);
  }
  .disclose {
    border: 0;
    min-height: var(--control);
    color: var(--text-soft);
    font-size: var(--text-12);
  }
  .disclose[aria-expanded="true"] svg {
    transform: rotate(90deg);
  }
  .empty {
    padding: var(--space-1) var(--space-3) var(--space-2);
  }
  .scroll {
    display: flex;
    flex-direction: column;
  }
  .advice {
    padding: var(--space-2) var(--space-3) 0;
  }
  kc-wanted-picture {
    margin-top: auto; /* at the foot, where it moves nothing when it comes */
  }
  .drop {
    flex: none;
    flex-direction: row;
    justify-content: center;
    gap: var(--space-2);
    margin: var(--space-2) var(--space-3) var(--space-3);
    min-height: var(--control);
  }
  .drop:hover {
    background: var(--surface-2);
    color: var(--text);
  }
  @media (max-width: 720px) {
    .drop {
      margin-block: 0 var(--space-2);
      padding-block: 0;
      border: 0;
      background: var(--surface-2);
      color: var(--text);
      font-size: inherit;
    }
  }
  .overlay {
    position: fixed;
    inset: 0;
    width: 100%;
    height: 100%;
    margin: 0;
    padding: var(--space-4);
    border: 0;
    background: none;
    color: var(--on-picture);
    pointer-events: none;
  }
  .overlay p {
    display: grid;
    place-content: center;
    place-items: center;
    gap: var(--space-3);
    height: calc(100% - var(--strip-height));
    border: 2px dashed var(--accent-line);
    border-radius: var(--radius);
    background: var(--veil);
    font-size: var(--text-20);
  }
`;
