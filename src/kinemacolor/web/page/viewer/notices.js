/** What stands over the picture in words: what it is, what is missing, how far a job is. */
import { percent, span } from "../core/format.js";
import { icon } from "../core/icons.js";
import { html, nothing } from "../vendor/lit.js";
import { describeJob } from "./words.js";

/** @param {string} words @param {() => void} act @param {string} [kind] */
const button = (words, act, kind = "") =>
  html`<button type="button" class="button ${kind}" @click=${act}>${words}</button>`;

/** @param {() => void} act */
const closeButton = (act) =>
  html`<button type="button" class="button bare" aria-label="Close" title="Close" @click=${act}>${
    icon("close")
  }</button>`;

/** @param {string} text @param {() => void} again */
export const problemNotice = (text, again) =>
  html`
    <div class="notice" role="alert">
      <p><span class="bad">${icon("warn")}</span> ${text}</p>
      ${button("Try again", again)}
    </div>
  `;

/** @param {(files: File[]) => void} drop */
export const inviteNotice = (drop) =>
  html`
    <div class="notice">
      <p><strong>Drop a colour picture here</strong><br>
        <span class="soft">A photo, a painting or a still that shows what the film shows. Its colours go into the film.</span></p>
      <label
        class="button primary">Choose pictures<input class="unseen" type="file" accept="image/*" multiple @change=${(
          /** @type {Event} */ event,
        ) => take(event, drop)}></label>
    </div>
  `;

/** @param {Event} event @param {(files: File[]) => void} drop */
function take(event, drop) {
  const field = /** @type {HTMLInputElement} */ (event.currentTarget);
  drop([...(field.files ?? [])]);
  field.value = "";
}

/** @param {any} firstLook @param {string} place in the film @param {() => void} close */
export const firstNotice = (firstLook, place, close) =>
  html`
    <div class="notice small">
      <p><strong>A first look</strong> <span class="soft">at ${place}, with the colours of
        <bdi>${firstLook.reference ?? "your pictures"}</bdi>. The shots are planned next.</span></p>
      ${closeButton(close)}
    </div>
  `;

/** @param {number} seconds @param {() => void} start @param {() => void} close */
export const offerNotice = (seconds, start, close) =>
  html`
    <div class="notice">
      <p>Nothing is rendered yet.</p>
      ${button(`Colour ${seconds} seconds from here`, start)}
      ${closeButton(close)}
    </div>
  `;

/** @param {any} job @param {() => void} stop */
export const tryNotice = (job, stop) =>
  html`
    <div class="notice small" role="status">
      <p>${describeJob(job)}${job.seconds_left
        ? html`
          <span class="soft">${span(job.seconds_left)} left</span>
        `
        : nothing}</p>
      ${job.expected
        ? html`<progress aria-label="Colouring the clip" max=${job.expected} .value=${
          Math.min(job.done, job.expected)
        }></progress>`
        : html`<progress aria-label="Colouring the clip"></progress>`}
      ${job.is_stopping ? nothing : button("Stop", stop)}
    </div>
  `;

/** @param {number | null} unsure share of the frame @param {boolean} isOverGray @param {() => void} toggle */
export const doubtLegend = (unsure, isOverGray, toggle) =>
  html`
    <div class="legend">
      <span class="swatch"></span>
      <span title="Nothing in the pictures explains this part of the frame well">Unsure${unsure === null
        ? ""
        : ` · ${percent(unsure)}`}</span>
      <button type="button" class="button bare" aria-pressed=${isOverGray} title="Over gray (U)"
        @click=${toggle}>Over gray</button>
    </div>
  `;
