/** How the painter looks. */
import { css } from "../vendor/lit.js";

export const painterStyles = css`
  :host {
    position: absolute;
    inset: 0;
  }
  .frame {
    position: absolute;
    inset: 0;
    overflow: hidden;
    cursor: none;
    touch-action: none;
    user-select: none;
    -webkit-user-select: none;
    -webkit-touch-callout: none;
  }
  .frame[aria-busy="false"] {
    background: var(--room); /* until then the viewer's picture of the frame is seen */
  }
  .frame:focus-visible {
    outline-offset: -2px; /* nothing beside the frame is in sight */
  }
  .frame > img,
  .frame > canvas,
  .frame > .doubt {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    pointer-events: none;
  }
  .doubt {
    background: var(--doubt-hatch);
    mask-size: 100% 100%;
  }
  .ring {
    position: absolute;
    left: 0;
    top: 0;
    border-radius: 50%;
    border: var(--line-size, 1.5px) solid #fff;
    outline: var(--line-size, 1.5px) solid rgb(0 0 0 / 70%);
    translate: -50% -50%;
    pointer-events: none;
  }
  .ring.dot {
    background: var(--ink);
  }
  .frame:not(:hover, :focus-visible, .painting) .ring {
    visibility: hidden;
  }
  .word {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    padding: var(--space-4);
    background: var(--room);
    text-align: center;
    color: var(--text-soft);
  }
  @media (hover: none) {
    .frame:not(:focus-visible, .painting) .ring {
      visibility: hidden;
    }
  }
`;
