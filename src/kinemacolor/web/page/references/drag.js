/**
 * Dragging a reference with a mouse, a pen or a finger (which rests first, so that it can still scroll).
 *
 * The window is told: `kc-reference-over` and `kc-reference-drop` (detail: `{name, x, y}`), `kc-reference-end`.
 */

const START = 6; // px that a mouse moves before it drags
const STILL = 10; // px that a resting finger may move
const REST = 350; // ms that a finger rests
const GHOST = 72; // px

/** @param {string} kind @param {unknown} [detail] */
const tell = (kind, detail) => dispatchEvent(new CustomEvent(`kc-reference-${kind}`, { detail }));

/** What follows the pointer. @param {string} picture */
function makeGhost(picture) {
  const ghost = document.createElement("img");
  ghost.src = picture;
  ghost.alt = "";
  // Through the object model, which the policy of the page allows; the rest of the page is not concerned.
  Object.assign(ghost.style, {
    position: "fixed",
    zIndex: "40",
    top: "0",
    left: "0",
    width: `${GHOST}px`,
    borderRadius: "var(--radius)",
    boxShadow: "var(--shadow)",
    opacity: "0.85",
    pointerEvents: "none",
  });
  return ghost;
}

/**
 * Follows a pointer that was pressed on a reference: `@pointerdown=${(event) => dragReference(event, reference)}`.
 * @param {PointerEvent} event @param {{name: string, url: string}} reference
 */
export function dragReference(event, { name, url }) {
  if (event.button || !event.isPrimary) return;
  const isFinger = event.pointerType === "touch";
  const from = { x: event.clientX, y: event.clientY };
  const ghost = makeGhost(url);
  let isDragging = false;
  const watching = new AbortController();
  const { signal } = watching;
  const timer = isFinger ? setTimeout(begin, REST) : 0;

  function begin() {
    isDragging = true;
    document.body.append(ghost);
    follow(from);
  }

  /** @param {{x: number, y: number}} at */
  function follow({ x, y }) {
    // A finger hides what is below it.
    ghost.style.transform = `translate(${x - GHOST / 2}px, ${y - (isFinger ? GHOST : GHOST / 3)}px)`;
    tell("over", { name, x, y });
  }

  function stop() {
    clearTimeout(timer);
    watching.abort();
    ghost.remove();
    if (isDragging) tell("end");
  }

  /** @param {PointerEvent} move */
  function moved(move) {
    const at = { x: move.clientX, y: move.clientY };
    const way = Math.hypot(at.x - from.x, at.y - from.y);
    if (isDragging) follow(at);
    else if (isFinger && way > STILL) stop();
    else if (!isFinger && way > START) begin();
  }

  /** @param {PointerEvent} end */
  function dropped(end) {
    if (isDragging) {
      tell("drop", { name, x: end.clientX, y: end.clientY });
      // The click that follows is none.
      const once = new AbortController();
      addEventListener("click", (click) => (click.preventDefault(), click.stopPropagation()), {
        capture: true,
        signal: once.signal,
      });
      setTimeout(() => once.abort());
    }
    stop();
  }

  addEventListener("pointermove", moved, { signal });
  addEventListener("pointerup", dropped, { signal });
  addEventListener("pointercancel", stop, { signal });
  addEventListener("contextmenu", (menu) => isFinger && menu.preventDefault(), { signal });
  addEventListener("touchmove", (move) => isDragging && move.preventDefault(), { passive: false, signal });
  addEventListener("keydown", (key) => {
    if (!isDragging || key.key !== "Escape") return;
    key.stopPropagation();
    stop();
  }, { capture: true, signal });
}
