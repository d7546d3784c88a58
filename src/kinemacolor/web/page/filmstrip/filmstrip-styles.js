/** The look of the filmstrip: a row of cards, or a column of rows where the window is narrow. */
import { css } from "../vendor/lit.js";

export const filmstripStyles = css`
  :host {
    height: 100%;
    min-width: 0;
    min-height: 0;
  }
  :host([bare]) kc-shot-tools {
    display: none; /* something else stands in their place; their keys are still there */
  }
  .strip {
    display: flex;
    flex-direction: column;
    height: 100%;
    min-height: 0;
    background: var(--surface-1);
  }
  .list {
    position: relative;
    flex: 1;
    min-height: 0;
    overflow: auto hidden;
    scrollbar-width: thin;
    scrollbar-color: var(--surface-3) transparent;
    touch-action: pan-x;
    overscroll-behavior-x: contain;
  }
  .list:focus-visible {
    outline: 1px solid var(--focus);
    outline-offset: -1px;
  }
  .list:focus-visible .active {
    outline: 2px solid var(--focus);
    outline-offset: -2px;
  }
  .track {
    position: relative;
    height: 100%;
  }
  .shot {
    position: absolute;
    top: 2px;
    left: 0;
    bottom: var(--space-2);
    display: flex;
    flex-direction: column;
    contain: strict;
    border-radius: var(--radius);
    background: var(--surface-2);
    cursor: pointer;
    user-select: none;
    -webkit-touch-callout: none;
  }
  .shot:hover {
    background: var(--surface-3);
  }
  .shot::after {
    content: "";
    position: absolute;
    inset: 0;
    border-radius: var(--radius);
    pointer-events: none;
  }
  .chosen {
    background: var(--chosen);
  }
  .current::after {
    border: 2px solid var(--accent-line);
  }
  .target::after {
    border: 2px dashed var(--accent-line);
    background: rgb(0 0 0 / 30%);
  }
  .frame {
    position: relative;
    flex: 1;
    min-height: 0;
    background: var(--room);
  }
  .frame > img {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
  }
  .frame > img.color {
    animation: appear var(--slow) var(--ease);
  }
  @keyframes appear {
    from {
      opacity: 0;
    }
  }
  .mark {
    position: absolute;
    top: 4px;
  }
  .mark:not(.tick) {
    left: 4px;
    max-width: calc(100% - 8px);
    overflow: hidden;
  }
  .tick {
    right: 4px;
  }
  .pictures {
    position: absolute;
    right: 4px;
    bottom: 4px;
    display: flex;
    align-items: center;
    gap: 2px;
    color: var(--on-picture);
    font-size: var(--text-12);
  }
  .pictures img {
    width: 20px;
    height: 20px;
    border-radius: 2px;
    object-fit: cover;
    outline: 1px solid rgb(0 0 0 / 60%);
  }
  .pictures span {
    padding: 0 3px;
    border-radius: 2px;
    background: var(--over-picture);
  }
  .doubt-bar {
    flex: none;
    height: 3px;
    background: var(--surface-3);
  }
  .doubt-bar i {
    display: block;
    height: 100%;
    background: var(--text-off);
  }
  .doubt-bar.unsure i {
    background: var(--doubt);
  }
  .facts {
    flex: none;
    display: flex;
    align-items: center;
    gap: 6px;
    height: 23px;
    padding: 0 6px;
    color: var(--text-soft);
    font-size: var(--text-12);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .facts b {
    color: var(--text);
    font-weight: var(--weight-strong);
  }
  .facts .chip {
    display: none;
  }
  .length {
    margin-inline-start: auto;
  }
  .state.rendered {
    color: var(--good);
  }
  .state.outdated {
    color: var(--doubt);
  }
  .state i {
    display: block;
    width: 8px;
    height: 8px;
    border: 1.5px solid var(--text-faint);
    border-radius: var(--round);
  }
  .state.unplanned i {
    border-style: dotted;
  }
  .nothing {
    display: flex;
    flex: 1;
    flex-direction: column;
    align-items: center;
    justify-content: center;
    gap: var(--space-2);
    padding: var(--space-3);
    color: var(--text-soft);
    text-align: center;
  }
  .nothing progress {
    width: min(320px, 80%);
  }

  .list.vertical {
    overflow: hidden auto;
    touch-action: pan-y;
  }
  .vertical .track {
    height: auto;
  }
  .vertical .shot {
    top: 0;
    right: 0;
    bottom: auto;
    display: grid;
    grid-template: 1fr 3px 14px / 100px minmax(0, 1fr);
    width: auto;
    border-radius: 0;
    border-bottom: 1px solid var(--line);
    background: var(--surface-1);
  }
  .vertical .shot::after {
    border-radius: 0;
  }
  .vertical .shot:is(.chosen, .current) {
    background: var(--chosen);
  }
  .vertical .current::after {
    border: 0;
    box-shadow: inset 2px 0 var(--accent-line);
  }
  .vertical .facts .chip {
    display: inline-flex;
    order: 1;
    margin-inline-start: auto;
    overflow: hidden;
  }
  .vertical .state {
    display: none; /* the chip says it */
  }
  .vertical .length {
    margin: 0;
  }
  .vertical .frame {
    grid-area: 1 / 1 / 4 / 2;
  }
  .vertical .facts {
    grid-area: 1 / 2;
    gap: var(--space-2);
    height: auto;
    padding: 0 var(--space-3);
    font-size: var(--text-13);
  }
  .vertical .doubt-bar {
    grid-area: 2 / 2;
    margin: 0 var(--space-3);
  }
  .vertical .mark {
    width: 20px;
  }
  .line {
    position: relative;
    z-index: 1;
    height: 0;
  }
  .line progress {
    position: absolute;
    bottom: 0;
  }
`;
