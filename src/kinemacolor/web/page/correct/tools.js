/** The tools of the painter, and what keys do; one list for bar, keys and help. */
import { comesFrom } from "../core/keys.js";
import { canRedo, canUndo } from "./history.js";

/** @typedef {import("./paint-store.js").PaintStore} PaintStore */
/** @typedef {import("./paint-store.js").Tool} Tool */

/** @type {readonly {tool: Tool, icon: string, key: string, words: string, hint: string}[]} */
export const TOOLS = [
  {
    tool: "brush",
    icon: "brush",
    key: "B",
    words: "Brush",
    hint: "Paint. Shift draws a straight line, Alt takes a colour.",
  },
  { tool: "fill", icon: "fill", key: "F", words: "Fill", hint: "Click: the area of similar light about the point." },
  {
    tool: "regions",
    icon: "region-select",
    key: "W",
    words: "Paint along edges",
    hint: "Click or drag: all areas that are touched. Shift adds, Alt takes away, a colour recolours.",
  },
  { tool: "eraser", icon: "eraser", key: "E", words: "Eraser", hint: "Take strokes away." },
  { tool: "picker", icon: "picker", key: "I", words: "Pick a colour", hint: "Click on the frame or on a reference." },
];

export const LARGEST = 1 / 3; // of the width of the frame
const STEP = 1.2;

/** @param {PaintStore} painting @param {number} by */
export function resize(painting, by) {
  const most = (painting.state.base?.width ?? 300) * LARGEST;
  const size = Math.round(Math.min(most, Math.max(2, painting.state.size * by)));
  painting.set({ size: size === painting.state.size ? size + Math.sign(by - 1) : size });
  painting.tell(`Brush ${painting.state.size} pixels across.`);
}

/** @param {PaintStore} painting @param {number} by */
function harden(painting, by) {
  const hardness = Math.round(10 * Math.min(1, Math.max(0, painting.state.hardness + by))) / 10;
  painting.set({ hardness });
  painting.tell(`Softness ${Math.round(100 * (1 - hardness))} per cent.`);
}

/**
 * Keys of the painter, wherever the focus is.
 * @param {() => PaintStore | null} find
 * @returns {import("../core/keys.js").Shortcut[]}
 */
export function makeShortcuts(find) {
  /** @param {(painting: PaintStore) => void} act */
  const on = (act) => () => {
    const painting = find();
    if (painting) act(painting);
  };
  // Before anything was painted these are the film's own: what was kept is taken back. Among the shots they always are.
  const isOurs = (/** @type {Event} */ event) =>
    (find()?.state.history.states.length ?? 1) > 1 && !comesFrom(event, "kc-filmstrip");
  return [
    ...TOOLS.map(({ tool, key, words }) => ({ keys: [key], words, act: on((painting) => painting.take(tool)) })),
    {
      keys: ["[", "]"],
      words: "Smaller, larger brush",
      act: (event) => on((one) => resize(one, event.key === "[" ? 1 / STEP : STEP))(),
    },
    {
      keys: ["{", "}"],
      words: "Softer, harder brush",
      act: (event) => on((one) => harden(one, event.key === "{" ? -0.1 : 0.1))(),
    },
    {
      keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"],
      words: "Strength, 10 to 100 %",
      act: (event) => on((one) => one.set({ strength: (Number(event.key) || 10) / 10 }))(),
    },
    { keys: ["X"], words: "The colour before", act: on((one) => one.choose(one.state.otherColor)) },
    {
      keys: ["Z", "Ctrl+Z"],
      words: "Take a stroke back",
      when: isOurs,
      act: on((one) => canUndo(one.state.history) && one.undo()),
    },
    {
      keys: ["Shift+Z", "Shift+Ctrl+Z", "Y", "Ctrl+Y"],
      words: "Do it again",
      when: isOurs,
      act: on((one) => canRedo(one.state.history) && one.redo()),
    },
    {
      keys: ["N", "Shift+N"],
      words: "Next, last frame that wants a look",
      act: (event) => on((one) => one.conversation.goTo(event.shiftKey ? -1 : 1))(),
    },
  ];
}
