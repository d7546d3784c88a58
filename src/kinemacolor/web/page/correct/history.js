/**
 * What was painted on a frame, and every state of it that one can go back to. Nothing is changed in place.
 *
 * @typedef {object} Stroke
 * @property {"stroke"} kind
 * @property {boolean} erases
 * @property {string} color `#rrggbb`
 * @property {number} size px across
 * @property {number} hardness 0..1
 * @property {number} strength 0..1
 * @property {readonly number[]} points x, y in px and pressure 0..1, in turn
 *
 * @typedef {object} Area
 * @property {"area"} kind
 * @property {string} color `#rrggbb`
 * @property {number} strength 0..1
 * @property {string} mask of `packMask`
 *
 * @typedef {Stroke | Area} Operation
 * @typedef {{states: readonly (readonly Operation[])[], at: number}} History `states[at]` is what counts now
 */

const MOST_STATES = 200;

/** @type {History} */
export const EMPTY = { states: [[]], at: 0 };

/** @param {History} history */
export const operationsOf = (history) => history.states[history.at];
/** @param {History} history */
export const canUndo = (history) => history.at > 0;
/** @param {History} history */
export const canRedo = (history) => history.at < history.states.length - 1;

/** A new state; those that were taken back are gone. @param {History} history @param {readonly Operation[]} operations @returns {History} */
export function change(history, operations) {
  const states = [...history.states.slice(0, history.at + 1), operations].slice(-MOST_STATES);
  return { states, at: states.length - 1 };
}

/** @param {History} history @param {Operation} operation */
export const add = (history, operation) => change(history, [...operationsOf(history), operation]);
/** @param {History} history @param {Operation} operation that takes the place of the last one */
export const amend = (history, operation) => change(history, [...operationsOf(history).slice(0, -1), operation]);
/** @param {History} history @returns {History} */
export const undo = (history) => canUndo(history) ? { ...history, at: history.at - 1 } : history;
/** @param {History} history @returns {History} */
export const redo = (history) => canRedo(history) ? { ...history, at: history.at + 1 } : history;

/** As text: each operation once. @param {History} history */
export function packHistory(history) {
  /** @type {Map<Operation, number>} */
  const numbers = new Map();
  const states = history.states.map((operations) =>
    operations.map((operation) => {
      if (!numbers.has(operation)) numbers.set(operation, numbers.size);
      return numbers.get(operation);
    })
  );
  return JSON.stringify({ operations: [...numbers.keys()], states, at: history.at });
}

/** @param {string} text of `packHistory` @returns {History} */
export function unpackHistory(text) {
  const { operations, states, at } = JSON.parse(text);
  return { states: states.map((/** @type {number[]} */ state) => state.map((number) => operations[number])), at };
}
