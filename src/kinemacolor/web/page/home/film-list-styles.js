import { css } from "../vendor/lit.js";

export const filmListStyles = css`
  .bar {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    margin: var(--space-6) 0 var(--space-3);
  }
  h2 {
    font-size: var(--text-15);
    font-weight: var(--weight-strong);
  }
  .bar input,
  .bar select {
    width: auto;
  }
  .bar input {
    min-width: 200px;
  }
  .begun {
    display: flex;
    align-items: center;
    gap: var(--space-2);
    margin-top: var(--space-3);
    padding: var(--space-2) var(--space-3);
    border-radius: var(--radius);
    background: var(--surface-1);
    overflow-wrap: anywhere;
  }
  ul {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(224px, 1fr));
    gap: var(--space-4);
  }
  li {
    position: relative;
    min-width: 0;
    border-radius: var(--radius);
    background: var(--surface-1);
    overflow: hidden;
  }
  li:hover {
    background: var(--surface-2);
  }
  .cover {
    position: relative;
    display: grid;
    place-items: center;
    aspect-ratio: 16 / 9;
    background: var(--room);
    color: var(--text-off);
  }
  .cover img {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: cover;
  }
  .cover progress {
    position: absolute;
    inset: auto 0 0;
    height: 3px;
    border-radius: 0;
  }
  .text {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    gap: 2px;
    min-width: 0;
    padding: var(--space-2) var(--space-2) var(--space-3) var(--space-3);
  }
  .text .row,
  .text > .cut {
    width: 100%;
  }
  .chip {
    margin-bottom: 2px;
  }
  li:hover .chip {
    background: var(--surface-3);
  }
  h3 {
    font-size: var(--text-15);
    font-weight: var(--weight-strong);
  }
  /* The whole card opens the film; what else can be pressed lies above. */
  h3 a {
    color: inherit;
    text-decoration: none;
    outline: none;
  }
  h3 a::after {
    position: absolute;
    inset: 0;
    border-radius: var(--radius);
    content: "";
  }
  h3 a:focus-visible::after {
    outline: 2px solid var(--focus);
    outline-offset: -2px;
  }
  kc-menu {
    position: relative;
    z-index: 1;
  }
  @media (max-width: 720px) {
    ul {
      grid-template-columns: minmax(0, 1fr);
      gap: var(--space-2);
    }
    li {
      display: grid;
      grid-template-columns: 124px minmax(0, 1fr);
    }
    .cover {
      aspect-ratio: auto;
      min-height: 93px;
    }
  }
`;
