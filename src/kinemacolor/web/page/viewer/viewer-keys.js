/** The keys of the viewer. */

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("../core/keys.js").Shortcut} Shortcut */

const LARGER = 1.25;
const PAN_PX = 60;

/** @param {Viewer} viewer @returns {Shortcut[]} */
export function viewerKeys(viewer) {
  const isFilm = () => Boolean(viewer.store?.state.shots) && !viewer.store?.state.project?.is_photograph;
  const isAsking = () => viewer.isPicking || Boolean(viewer.store?.state.origin);
  const isThere = () => Boolean(viewer.store);
  const isLook = () => isThere() && !viewer.isPainting;
  /** @param {string[]} keys @param {string} words @param {() => void} act @param {() => boolean} [when] @returns {Shortcut} */
  const key = (keys, words, act, when = isThere) => ({ keys, words, act, when });
  return [
    key(["Space"], "Play; hold it to move the picture", () => viewer.holdSpace()),
    key(["ArrowLeft", ","], "Frame back", () => viewer.walk.go(viewer.walk.frame - 1), isFilm),
    key(["ArrowRight", "."], "Frame on", () => viewer.walk.go(viewer.walk.frame + 1), isFilm),
    key(["Shift+ArrowLeft"], "Ten frames back", () => viewer.walk.go(viewer.walk.frame - 10), isFilm),
    key(["Shift+ArrowRight"], "Ten frames on", () => viewer.walk.go(viewer.walk.frame + 10), isFilm),
    key(["ArrowUp"], "Shot before", () => viewer.walk.goShot(-1), isFilm),
    key(["ArrowDown"], "Shot after", () => viewer.walk.goShot(1), isFilm),
    key(["Home"], "First frame", () => viewer.walk.go(0), isFilm),
    key(["End"], "Last frame", () => viewer.walk.go(Infinity), isFilm),
    key(["C"], "Colour", () => viewer.showMode("color"), isLook),
    key(["G"], "Gray", () => viewer.showMode("gray"), isLook),
    key(["D"], "Divider", () => viewer.showMode("divider"), isLook),
    key(["U"], "What it is unsure of; once more: over gray", () => viewer.showMode("doubt"), isLook),
    key(["R"], "Reference beside it", () => viewer.togglePane(), isLook),
    key(["O"], "Where a colour comes from (or Alt and a press)", () => viewer.togglePicking(), isLook),
    key(["\\"], "Before (hold)", () => (viewer.isBefore = true)),
    key(["+", "="], "Larger", () => viewer.stage?.zoomBy(LARGER)),
    key(["-"], "Smaller", () => viewer.stage?.zoomBy(1 / LARGER)),
    key(["0"], "Fit", () => viewer.stage?.fit()),
    key(["1"], "One to one", () => viewer.stage?.showPixels()),
    key(["Ctrl+ArrowLeft"], "Move left", () => viewer.stage?.panBy(PAN_PX, 0)),
    key(["Ctrl+ArrowRight"], "Move right", () => viewer.stage?.panBy(-PAN_PX, 0)),
    key(["Ctrl+ArrowUp"], "Move up", () => viewer.stage?.panBy(0, PAN_PX)),
    key(["Ctrl+ArrowDown"], "Move down", () => viewer.stage?.panBy(0, -PAN_PX)),
    key(["F"], "Full screen", () => viewer.toggleFull()),
    key(["Escape"], "Leave: where colours come from", () => viewer.leaveOrigin(), () => isAsking()),
  ];
}
