/** Which pictures show the frame that is looked at. Pure. */

import { grayOf, startOf } from "../core/film-store.js";

/** @typedef {import("../core/film-store.js").FilmState} FilmState */
/** @typedef {import("./picture.js").Pictures} Pictures */
/** @typedef {import("../core/api.d.ts").ReferenceView} Reference */

/**
 * @param {FilmState} state
 * @param {number} frame that is wanted; the state may still have another
 * @param {{saturation?: number, edge_filter?: string} | null} trial what the server is asked to show; null: the plan
 * @param {number} planned strength of the colours by the plan
 * @returns {Pictures | null} null: nothing can be shown yet
 */
export function choosePictures(state, frame, trial, planned) {
  if (!state.project) return null;
  const key = `${state.id}:${startOf(state)}:${frame}`;
  if (isFirstLook(state, frame)) return { key, frame, ...onlyPictures(state.firstLook), saturation: 1 };
  const look = state.look?.frame === frame && frame === state.frame ? state.look : null;
  if (!look && !state.plan && !state.shots) return null; // the server has no frames before it has found shots
  if (!look) return { key, frame, gray: grayOf(state, frame), color: null, confidence: null, saturation: 1 };
  if (!trial || !look.color) return { key, frame, ...onlyPictures(look), saturation: planned };
  const query = new URLSearchParams(Object.entries(trial).map(([name, value]) => [name, String(value)]));
  query.set("of", look.color.split("/").at(-1) ?? ""); // what is tried is another picture where the plan gives another one
  return {
    key,
    frame,
    ...onlyPictures(look),
    color: `/api/projects/${state.id}/frames/${frame}/color?${query}`,
    saturation: trial.saturation ?? planned,
  };
}

/** Whether a frame is shown as it was coloured before there was a plan. @param {FilmState} state @param {number} frame */
export const isFirstLook = (state, frame) => !(state.plan && state.look) && state.firstLook?.frame === frame;

/** @param {any} look */
const onlyPictures = ({ gray, color, confidence }) => ({
  gray: gray ?? null,
  color: color ?? null,
  confidence: confidence ?? null,
});

/**
 * Strength of the colours of a shot: its own, else the film's, else the model's.
 * @param {FilmState} state @param {any} shot @param {import("../core/api.d.ts").Session["models"]} models
 */
export function plannedSaturation({ plan }, shot, models) {
  const model = models.find((/** @type {any} */ { name }) => name === plan?.model);
  return shot?.options?.saturation ?? plan?.options?.saturation ?? model?.saturation ?? 1;
}

/**
 * The size of what is shown, in its own pixels; null: not known yet.
 * @param {FilmState} state
 */
export function chooseSize(state) {
  for (const one of [state.look, state.firstLook, state.project?.film]) {
    if (one?.width && one?.height) return { width: one.width, height: one.height };
  }
  return null;
}

/**
 * The pictures that give a shot its colours, with their addresses.
 * @param {FilmState} state @param {any} shot
 * @returns {Reference[]}
 */
export function chooseReferences(state, shot) {
  const all = state.project?.references ?? [];
  /** @type {string[]} */
  const names = (state.look?.frame === state.frame ? state.look.references : null) ??
    (shot?.references ?? []).map((/** @type {any} */ { name }) => name);
  const own = names.map((name) => all.find((one) => one.name === name)).filter((one) => one !== undefined);
  return own.length || state.plan ? own : all;
}
