/**
 * What the panel of the look offers, and what becomes of a choice: a value that is the model's own is left to it (null).
 *
 * @typedef {import("../core/api.d.ts").ModelView} ModelView
 * @typedef {import("../core/film-store.js").FilmState} FilmState
 * @typedef {{short_side: number | null, saturation: number | null, edge_filter: string | null}} ShotOptions
 */

/** Filters by how crisp they make the edges of colours. */
export const SHARPNESS = [
  { value: "none", words: "Soft" },
  { value: "guided", words: "Medium" },
  { value: "fgs", words: "Crisp" },
];

const [SMALLEST, LARGEST] = [64, 1080]; // px, of the short side

/** The working sizes to choose from, by what they cost: time goes with the number of pixels. @param {ModelView} model */
export function qualities(model) {
  const own = model.short_side;
  return [
    { value: inSteps(own * 2 / 3), words: "Fast", cost: "half the time" },
    { value: own, words: "Good", cost: "the usual time" },
    { value: inSteps(own * 5 / 3), words: "Best", cost: "three times the time" },
  ];
}

/**
 * Seconds that a render by the plan as it is takes: as many as the last one took; null: that is not known.
 * @param {Pick<FilmState, "jobs" | "id" | "project">} state
 */
export function renderSeconds({ jobs, id, project }) {
  if (project?.state !== "rendered") return null;
  const last = jobs.filter((job) => job.project === id && job.kind === "render" && job.state === "done").at(-1);
  return last?.ended ? last.ended - last.created : null;
}

/** A working size that a plan may have. @param {number} pixels */
export const inSteps = (pixels) => Math.max(SMALLEST, Math.min(LARGEST, Math.round(pixels / 4) * 4));

/** @typedef {"film" | "shot" | "chosen"} Scope what a choice is for */

/**
 * What a choice is for now: where fewer than two shots are chosen, those are none any more, and it is for the one that is seen.
 * @param {Scope} scope @param {Set<number>} chosen @returns {Scope}
 */
export const scopeOf = (scope, chosen) => (scope === "chosen" && chosen.size < 2 ? "shot" : scope);

/**
 * Numbers of the shots that a choice is for; null: the whole film, and only where that is what it is for.
 * @param {Scope} scope @param {number | null} shot @param {Set<number>} chosen
 */
export function shotsOf(scope, shot, chosen) {
  if (scope === "film") return null;
  if (scope === "chosen") return [...chosen].sort((one, other) => one - other);
  return shot === null ? [] : [shot];
}

/**
 * What holds now, for the first of these shots or for the film: the shot's own, else the film's, else the model's.
 * @param {ModelView} model @param {Partial<ShotOptions>} film @param {Partial<ShotOptions> | undefined} shot
 */
export function valuesOf(model, film, shot) {
  return {
    short_side: shot?.short_side ?? film.short_side ?? model.short_side,
    saturation: shot?.saturation ?? film.saturation ?? model.saturation,
    edge_filter: shot?.edge_filter ?? film.edge_filter ?? model.edge_filter,
  };
}

/**
 * Which of these values are not the same for all of these shots.
 * @param {ModelView} model @param {Partial<ShotOptions>} film @param {Partial<ShotOptions>[]} shots
 * @returns {Set<string>}
 */
export function mixedOf(model, film, shots) {
  const [first, ...others] = shots.map((shot) => Object.entries(valuesOf(model, film, shot)));
  return new Set(
    (first ?? []).filter(([, value], at) => others.some((one) => one[at][1] !== value)).map(([name]) => name),
  );
}

/**
 * What to send for a choice: null where it is what would hold without it.
 * @template T @param {T} value @param {T} otherwise @returns {T | null}
 */
export const unlessOwn = (value, otherwise) => (value === otherwise ? null : value);
