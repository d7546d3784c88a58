/** How one shot stands in the strip: an option of a list box, so all that it says is in its name, too. */
import { classMap, html, nothing } from "../vendor/lit.js";
import { describeFault } from "../core/faults.js";
import { clockTenth, span } from "../core/format.js";
import { icon } from "../core/icons.js";
import { describeDoubt, describeScore, describeState, isUnsure, wantsPicture } from "./shot-list.js";

/** @typedef {import("./shot-list.js").Shot} Shot */

/**
 * @typedef {object} Card
 * @property {Shot} shot
 * @property {string | null} color address of its thumbnail in colour; null: only the gray one is there
 * @property {number | null} doubt
 * @property {(name: string) => string | undefined} pictureOf a reference: its address
 * @property {string} place CSS of where it stands
 * @property {number} position from 1, in the list as it is sorted
 * @property {number} count of the list
 * @property {boolean} isCurrent it is looked at
 * @property {boolean} isActive the keys are on it
 * @property {boolean} isChosen
 * @property {boolean} isTarget a picture is held over it
 */

/** Most pictures of one shot that are shown. */
const MOST_PICTURES = 4;

/** @type {Record<string, string>} */
const STATE_ICONS = { rendered: "check", outdated: "resume" };

/** @param {Shot} shot */
function describeLength({ start_seconds, end_seconds }) {
  const seconds = end_seconds - start_seconds;
  return seconds < 9.95 ? `${seconds.toFixed(1)} s` : span(seconds);
}

/** What stands out about a shot, if anything does. @param {Shot} shot @param {number | null} doubt */
function findMark(shot, doubt) {
  if (shot.needs_look) {
    const fault = describeFault(shot.fault, shot.reason);
    return { name: "warn", words: "needs a look", title: `${fault}: ${shot.reason ?? "see the report"}` };
  }
  if (isUnsure(doubt)) return { name: "doubt", words: "unsure", title: "The model is unsure of most of it." };
  if (shot.state !== "unplanned" && wantsPicture(shot)) {
    return { name: "add", words: "wants a picture", title: "No picture fits it well." };
  }
  return null;
}

/** All about a shot in one line. @param {Card} card */
function describe({ shot, doubt, isCurrent }) {
  const pictures = shot.references.map(({ name, score }) => `${name} (${describeScore(score)})`).join(", ");
  return [
    `Shot ${shot.number}${isCurrent ? ", shown now" : ""}`,
    `at ${clockTenth(shot.start_seconds)}`,
    `${describeLength(shot)} long`,
    describeState(shot),
    doubt === null ? "" : `colours ${describeDoubt(doubt)}`,
    shot.needs_look ? `needs a look: ${describeFault(shot.fault, shot.reason)}` : "",
    pictures ? `pictures: ${pictures}` : "",
  ].filter(Boolean).join("; ");
}

/** @param {Card} card */
export function drawShot(card) {
  const { shot, color, doubt } = card;
  const mark = findMark(shot, doubt);
  return html`
    <div role="option" id=${`shot-${shot.number}`} data-shot=${shot.number} .style=${card.place}
      class=${classMap({
        shot: true,
        current: card.isCurrent,
        active: card.isActive,
        chosen: card.isChosen,
        target: card.isTarget,
      })}
      aria-selected=${card.isChosen} aria-current=${card.isCurrent ? "true" : nothing}
      aria-setsize=${card.count} aria-posinset=${card.position} aria-label=${describe(card)}>
      <span class="frame">
        <img src=${shot.picture ?? nothing} alt="" decoding="async" draggable="false">
        ${color ? html`<img class="color" src=${color} alt="" decoding="async" draggable="false">` : nothing}
        ${mark ? html`<span class="mark" data-act="pictures" title=${mark.title}>${icon(mark.name)}</span>` : nothing}
        ${card.isChosen ? html`<span class="mark tick">${icon("check")}</span>` : nothing}
        ${drawPictures(card)}
      </span>
      ${doubt === null ? html`<span class="doubt-bar"></span>` : drawDoubt(doubt)}
      <span class="facts">
        <b>${shot.number}</b>
        <span class="state ${shot.state}" title=${describeState(shot)}>
          ${STATE_ICONS[shot.state] ? icon(STATE_ICONS[shot.state], 12) : html`<i></i>`}
        </span>
        <span>${clockTenth(shot.start_seconds)}</span>
        <span class="chip ${mark ? "doubt" : shot.state === "rendered" ? "good" : ""}">${mark
          ? mark.words
          : describeState(shot)}</span>
        <span class="length">${describeLength(shot)}</span>
      </span>
    </div>
  `;
}

/** @param {number} doubt */
const drawDoubt = (doubt) =>
  html`
    <span class=${classMap({ "doubt-bar": true, unsure: isUnsure(doubt) })} title="The model is ${describeDoubt(
      doubt,
    )}">
      <i .style=${`width: ${Math.round(100 * Math.min(1, doubt))}%`}></i>
    </span>
  `;

/** @param {Card} card */
function drawPictures({ shot, pictureOf }) {
  if (!shot.references.length) return nothing;
  const more = shot.references.length - MOST_PICTURES;
  return html`
    <span class="pictures" data-act="pictures">
      ${shot.references.slice(0, MOST_PICTURES).map(({ name, score }) =>
        html`<img src=${pictureOf(name) ?? ""} alt="" title="${name}: ${describeScore(score)}" draggable="false">`
      )}
      ${more > 0 ? html`<span>+${more}</span>` : nothing}
    </span>
  `;
}
