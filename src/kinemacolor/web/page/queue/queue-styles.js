import { css } from "../vendor/lit.js";

export const queueStyles = css`
  .line {
    display: flex;
    align-items: center;
    gap: var(--space-3);
    min-height: calc(var(--queue-height) - 1px);
    padding: 0 var(--space-2) 0 var(--space-3);
    color: var(--text-soft);
    font-size: var(--text-12);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .line .button {
    min-width: 24px;
    min-height: 24px;
  }
  .line progress {
    flex: none;
    width: 120px;
  }
  .title {
    color: var(--text);
    text-decoration: none;
  }
  a.title:hover {
    text-decoration: underline;
  }
  .opener svg {
    transform: rotate(180deg);
  }
  .opener[aria-expanded="true"] svg {
    transform: none;
  }
  .menu {
    position: fixed;
    inset: auto var(--space-2) calc(var(--queue-height) + 4px) auto;
    width: min(480px, calc(100vw - 2 * var(--space-2)));
    max-height: 60dvh;
    margin: 0;
    padding: var(--space-2) var(--space-3);
    background: var(--surface-1);
    overflow: auto;
  }
  .menu .button {
    width: auto;
    background: var(--surface-2);
  }
  .menu .button.bare {
    background: none;
  }
  li {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--space-1);
    padding: var(--space-2) 0;
    border-bottom: 1px solid var(--line);
    overflow-wrap: anywhere;
  }
  .menu > .row {
    padding-top: var(--space-1);
  }
  @media (max-width: 720px) {
    .line .button {
      min-width: 44px;
      min-height: 43px;
    }
    .what {
      flex: 1;
    }
  }
`;
