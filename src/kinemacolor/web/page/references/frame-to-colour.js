/** A frame of the film that the user could colour: to take away and give back, or to paint here. */
import { grayOf } from "../core/film-store.js";
import { hideBroken, icon } from "../core/icons.js";
import { css, html, nothing } from "../vendor/lit.js";
import { nameOfFrame } from "./frame-names.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

export const frameStyles = css`
  :host {
    container-type: inline-size;
  }
  .frames {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(60px, 1fr));
    gap: var(--space-2);
  }
  @container (min-width: 400px) {
    .frames {
      grid-template-columns: repeat(auto-fill, 144px);
    }
  }
  .frames .look {
    display: block;
    width: 100%;
  }
  .frames img {
    width: 100%;
    border-radius: var(--radius);
    background: var(--room);
    object-fit: contain;
  }
  .frames figcaption {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    font-size: var(--text-12);
  }
  .frames .words {
    flex: 1;
    min-width: max-content;
    padding-block: 2px;
  }
  .frames .button {
    min-width: 24px;
    padding: 0 4px;
  }
  @container (max-width: 180px) {
    .frames .words {
      flex-basis: 100%;
    }
  }
`;

/**
 * @param {FilmStore} store @param {number} frame @param {string} words below it
 * @param {string} [more] said of it besides
 */
export function drawFrame(store, frame, words, more = "") {
  const path = `/api${store.path(`/frames/${frame}`)}`;
  const paint = () => store.actions.correctFrame(frame);
  const film = store.state.project?.film;
  const shape = `aspect-ratio: ${film ? film.width / film.height : 4 / 3}`;
  const has = (store.state.project?.references ?? []).some((one) => one.frame === frame);
  const show = () => void store.actions.showFrame(frame);
  return html`
    <figure>
      <button class="look" aria-label="Show frame ${frame}" title="Show frame ${frame}" @click=${show}>
        <img @error=${hideBroken} @load=${hideBroken} .style=${shape} src=${grayOf(
          store.state,
          frame,
        )} alt="" loading="lazy"
          decoding="async" draggable="false">
      </button>
      <figcaption>
        <span class="words" title=${more || nothing}>${words}${more
          ? html`<span class="unseen">${more}</span>`
          : nothing}</span>
        ${has
          ? html`<span class="good" role="img" aria-label="You gave a picture of it">${icon("check")}</span>`
          : nothing}
        <a class="button bare" href="${path}/picture" download=${nameOfFrame(frame)}
          aria-label="Save frame ${frame} to colour it" title="Save it as ${nameOfFrame(frame)}">${icon("download")}</a>
        ${store.state.plan
          ? html`
            <button class="button bare" aria-label="Paint frame ${frame} here" title="Paint it here" @click=${paint}>
              ${icon("brush")}
            </button>
          `
          : nothing}
      </figcaption>
    </figure>
  `;
}
