/** Where the parts of the window stand: three columns over a strip, or one below the other. */
import { css } from "../vendor/lit.js";

export const windowStyles = css`
  :host {
    min-height: 0;
  }
  .window {
    display: grid;
    grid-template: var(--top-height) minmax(0, 1fr) var(--strip-height) / var(--left-width) minmax(0, 1fr) var(
      --right-width
    );
    grid-template-areas: "top top top" "left view right" "strip strip strip";
    height: 100%;
  }
  .window.photograph {
    grid-template-rows: var(--top-height) minmax(0, 1fr);
    grid-template-areas: "top top top" "left view right";
  }
  .missing {
    display: grid;
    align-content: center;
    justify-items: center;
    gap: var(--space-3);
    height: 100%;
  }
  header {
    grid-area: top;
    display: flex;
    align-items: center;
    gap: var(--space-2);
    padding: 0 var(--space-3) 0 var(--space-2);
    border-bottom: 1px solid var(--line);
    background: var(--surface-1);
  }
  .side {
    display: flex;
    align-items: center;
    gap: var(--space-1);
    flex: 1 1 0;
    min-width: 0;
  }
  .end {
    justify-content: flex-end;
  }
  .end > * {
    flex: none;
  }
  .end > .primary {
    margin-inline-start: var(--space-1);
  }
  .name {
    max-width: 100%;
    min-height: var(--control);
    padding: 0 var(--space-1);
    border-radius: var(--radius);
    font-size: var(--text-15);
    font-weight: var(--weight-strong);
    cursor: text;
  }
  .name:hover {
    background: var(--surface-2);
  }
  .tabs {
    display: flex;
    align-self: stretch;
    gap: var(--space-1);
  }
  main {
    grid-area: view;
    display: grid;
    min-width: 0;
    min-height: 0;
    background: var(--room);
  }
  .left,
  .right,
  .strip {
    display: grid;
    grid-template: minmax(0, 1fr) / minmax(0, 1fr);
    min-width: 0;
    min-height: 0;
    background: var(--surface-1);
  }
  .left {
    grid-area: left;
    border-inline-end: 1px solid var(--line);
  }
  .right {
    grid-area: right;
    border-inline-start: 1px solid var(--line);
  }
  .strip {
    grid-area: strip;
    border-top: 1px solid var(--line);
  }

  @media (max-width: 720px) {
    .window,
    .window.photograph {
      grid-template: 48px auto 44px minmax(0, 1fr) / minmax(0, 1fr);
      grid-template-areas: "top" "view" "switch" "panel";
    }
    .left,
    .right,
    .strip {
      display: none;
    }
    .left.open,
    .right.open,
    .strip.open {
      display: grid;
      grid-area: panel;
      border: 0;
    }
    .switch {
      grid-area: switch;
      overflow-x: auto;
      border-block: 1px solid var(--line);
      background: var(--surface-1);
      scrollbar-width: none;
    }
    .switch .tabs {
      gap: 0;
      height: 100%;
    }
    .switch .tab {
      flex: 1 0 auto;
      justify-content: center;
      padding: 0 var(--space-1);
    }
  }
  @media (max-width: 360px) {
    .switch .tab {
      font-size: var(--text-12);
    }
  }
`;
