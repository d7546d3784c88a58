/** What is known of references: plain functions of `ProjectView.references`. */

/** @typedef {import("../core/api.d.ts").ReferenceView} Reference */
/** @typedef {{reference: Reference, stills: Reference[]}} ReferenceGroup */

/**
 * What the user gave, each with the stills that were taken of it; a still whose film is gone stands alone.
 * @param {Reference[]} references @returns {ReferenceGroup[]}
 */
export function groupReferences(references) {
  const films = new Set(references.filter((one) => one.is_film).map((one) => one.file));
  return references.filter((one) => one.still_of === null || !films.has(one.still_of)).map((reference) => ({
    reference,
    stills: reference.is_film ? references.filter((one) => one.still_of === reference.file) : [],
  }));
}

/**
 * References that shots can be given: of a colour film its stills are.
 * @template {Reference} T @param {T[]} references @returns {T[]}
 */
export const listGivable = (references) => references.filter((one) => !one.is_film);

/** What a reference is called before people. @param {Reference} reference */
export const labelOf = ({ name, file, still_of }) => still_of === null ? file : name;
