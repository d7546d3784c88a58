/** Shots take a reference beside those that they have. */
import { count } from "../core/format.js";

/** @typedef {import("../core/film-store.js").FilmStore} FilmStore */

/** @param {FilmStore} store @param {string} name @param {number[] | null} shots null: all */
export async function giveReference(store, name, shots) {
  if (!(await store.actions.editShots({ give: name, shots }))) return;
  const to = shots === null ? "all shots" : shots.length === 1 ? `shot ${shots[0]}` : count(shots.length, "shot");
  store.offerUndo(`${name} was given to ${to}.`);
}
