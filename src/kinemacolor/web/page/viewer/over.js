/** What lies over the picture and does not move with it. */
import { clockTenth } from "../core/format.js";
import { html, nothing } from "../vendor/lit.js";
import { doubtLegend, firstNotice, inviteNotice, offerNotice, problemNotice, tryNotice } from "./notices.js";
import { TRY_SECONDS } from "./playback.js";
import { chooseNotice, describeOrigin } from "./words.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */

const UNPLAYABLE = "This browser cannot play the film. Download it, and play it in another program.";

/** @param {Viewer} viewer @param {string} mode */
export const renderOver = (viewer, mode) =>
  html`
    ${renderChip(viewer)}
    ${mode === "doubt"
      ? doubtLegend(viewer.picture?.unsure ?? null, viewer.isOverGray, () => viewer.showMode("doubt"))
      : nothing}
    ${renderOrigin(viewer)} ${renderLook(viewer)} ${viewer.isPainting ? nothing : renderPlaying(viewer)}
  `;

/** @param {Viewer} viewer */
function renderChip({ playback: { isPlaying, stream } }) {
  if (!isPlaying || !stream) return nothing;
  const words = [stream.isClip ? "A try" : "", stream.isOutdated ? "older than the plan" : ""].filter(Boolean);
  return words.length ? html`<span class="chip">${words.join(", ")}</span>` : nothing;
}

/** @param {Viewer} viewer */
function renderOrigin({ isPicking, state: { origin } }) {
  if (!isPicking && !origin) return nothing;
  const words = origin ? describeOrigin(origin.answer) : "Press a point: where does its colour come from?";
  return html`
    <div class="answer" role="status">
      <p>${words}</p>
    </div>
  `;
}

/** @param {Viewer} viewer */
function renderLook(viewer) {
  const { state } = viewer;
  switch (chooseNotice(state, Boolean(viewer.picture?.isBroken))) {
    case "problem":
      return problemNotice(state.lookProblem ?? "This picture could not be loaded.", () => viewer.again());
    case "invite":
      return inviteNotice((files) => viewer.drop(files));
    case "first":
      if (viewer.firstRead === state.id) return nothing;
      return firstNotice(
        state.firstLook,
        clockTenth(state.firstLook.seconds ?? 0),
        () => (viewer.firstRead = state.id),
      );
    default:
      return nothing;
  }
}

/** @param {Viewer} viewer */
function renderPlaying({ playback, store }) {
  const { trying, failedTry, notice } = playback;
  if (trying) return tryNotice(trying, () => void store?.actions.stopJob(trying.id));
  const start = () => void playback.tryHere();
  if (failedTry) return problemNotice(failedTry.message ?? "The clip was stopped.", start);
  if (notice === "broken") return problemNotice(UNPLAYABLE, () => void playback.play());
  return notice === "offer" ? offerNotice(TRY_SECONDS, start, () => playback.tell({ notice: null })) : nothing;
}
