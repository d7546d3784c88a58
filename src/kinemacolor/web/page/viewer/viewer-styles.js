/** Where the parts of the viewer stand. */
import { css } from "../vendor/lit.js";

export const viewerStyles = css`
  :host {
    container-type: inline-size;
    position: relative;
    min-width: 0;
    width: 100%;
    height: 100%;
    background: var(--room);
    overflow: hidden;
  }
  .middle {
    position: relative;
    flex: 1 1 auto;
    display: flex;
    min-height: 96px;
  }
  kc-stage {
    flex: 1;
    margin: var(--space-3);
  }
  @media (min-width: 721px) {
    kc-stage.painting {
      margin-inline-start: 56px; /* the tools */
    }
  }
  kc-stage.picking {
    cursor: crosshair;
  }
  .with-reference kc-stage {
    flex: var(--aspect, 1.5) 1 0; /* as wide as its picture, beside the other: so both are equally high */
  }
  kc-reference-pane {
    margin: var(--space-3) var(--space-3) var(--space-3) 0;
  }
  kc-painter {
    position: absolute;
    inset: 0;
  }
  kc-painter.away {
    visibility: hidden;
  }
  .live {
    position: absolute;
    inset: 0 0 auto;
    height: 2px;
    z-index: 3;
    border-radius: 0;
    animation: come 1ms 200ms both;
  }
  @keyframes come {
    from {
      opacity: 0;
    }
    to {
      opacity: 1;
    }
  }
  .over {
    position: absolute;
    inset: var(--space-2);
    z-index: 2;
    display: flex;
    flex-direction: column;
    align-items: center;
    justify-content: flex-end;
    gap: var(--space-2);
    pointer-events: none;
  }
  .over > * {
    max-width: 100%;
    pointer-events: auto;
  }
  .over > .chip {
    position: absolute;
    top: 0;
    left: 0;
    background: var(--over-picture);
    color: var(--on-picture);
    pointer-events: none;
  }
  .notice,
  .legend,
  .answer {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--space-2) var(--space-3);
    padding: var(--space-2) var(--space-3);
    border-radius: var(--radius);
    background: var(--surface-1);
    color: var(--text);
    box-shadow: var(--shadow);
  }
  .notice p,
  .answer p {
    flex: 1 1 12em;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .notice.small {
    flex-wrap: nowrap;
    min-width: min(400px, 100%);
  }
  .notice progress {
    flex: 1 1 120px;
  }
  .notice .bad svg {
    display: inline;
    vertical-align: -3px;
  }
  .legend {
    flex-wrap: nowrap;
    align-self: flex-start; /* in a corner: it hides little of the picture */
    gap: var(--space-2);
    padding: 0 0 0 var(--space-2);
    font-size: var(--text-12);
  }
  .legend .button {
    padding: 0 var(--space-2);
    flex: none;
  }
  .swatch {
    width: 12px;
    height: 12px;
    flex: none;
    border-radius: 2px;
    background: var(--doubt-hatch);
  }
  .middle.drop::after {
    content: "";
    position: absolute;
    inset: 0;
    z-index: 4;
    border: 2px solid var(--accent-line);
    pointer-events: none;
  }
  @container (max-width: 520px) {
    .middle {
      min-height: min(100cqw / var(--aspect, 1.5), 40dvh);
    }
    .middle.with-reference {
      flex-direction: column;
      gap: 2px;
      min-height: min(200cqw / var(--aspect, 1.5) + 2px, 56dvh);
    }
    kc-stage,
    kc-reference-pane {
      margin: 0;
    }
    .with-reference kc-stage,
    kc-reference-pane {
      flex: 1 1 0;
    }
  }
`;
