/** Which of the files that were dropped together is the film, and which show its colours. All of it is pure. */

/** @typedef {{name: string, size: number}} Named */
/**
 * @template {Named} T
 * @typedef {object} Sorted
 * @property {T[]} film one file, or the numbered pictures of a film in order; empty: there is none
 * @property {T[]} references
 * @property {T[]} candidates two or more, each of which may be the film or photograph: the user has to say which
 * @property {T[]} projects that were exported
 * @property {T[]} unknown neither films nor pictures
 */

const FEWEST = 8; // numbered pictures of one kind that are a film, where no other film is among the files

/** @param {string} name @returns {string} in small letters, with its dot */
const suffixOf = (name) => (/\.[^.]+$/.exec(name)?.[0] ?? "").toLowerCase();

/**
 * @template {Named} T
 * @param {T[]} files
 * @param {{picture_suffixes: string[], film_suffixes: string[]}} limits
 * @returns {Sorted<T>}
 */
export function sortFiles(files, limits) {
  const ofKind = (/** @type {string[]} */ suffixes) => files.filter(({ name }) => suffixes.includes(suffixOf(name)));
  const [films, pictures, projects] = [ofKind(limits.film_suffixes), ofKind(limits.picture_suffixes), ofKind([".zip"])];
  const unknown = files.filter((file) => ![films, pictures, projects].some((some) => some.includes(file)));
  const rest = { candidates: /** @type {T[]} */ ([]), projects, unknown };
  if (films.length === 1) return { ...rest, film: films, references: pictures };
  if (films.length > 1) return { ...rest, film: [], references: pictures, candidates: films };
  const sequence = findSequence(pictures);
  if (sequence.length) {
    return {
      ...rest,
      film: sequence,
      references: pictures.filter((one) => !sequence.includes(one)),
    };
  }
  if (pictures.length === 1) return { ...rest, film: pictures, references: [] };
  return { ...rest, film: [], references: [], candidates: pictures };
}

/**
 * The longest row of pictures whose names differ in a number alone, in its order; empty where none is long enough.
 * @template {Named} T @param {T[]} pictures @returns {T[]}
 */
function findSequence(pictures) {
  /** @type {Map<string, {number: number, picture: T}[]>} */
  const rows = new Map();
  for (const picture of pictures) {
    const parts = /^(.*?)(\d+)(\.[^.]+)$/.exec(picture.name);
    if (!parts) continue;
    const key = `${parts[1]}|${parts[3].toLowerCase()}`;
    const row = rows.get(key) ?? [];
    row.push({ number: Number(parts[2]), picture });
    rows.set(key, row);
  }
  const longest = [...rows.values()].reduce((best, row) => row.length > best.length ? row : best, []);
  if (longest.length < FEWEST) return [];
  return longest.sort((one, other) => one.number - other.number).map(({ picture }) => picture);
}

/**
 * What remains when the user has said which file is the film: the others show its colours.
 * @template {Named} T @param {Sorted<T>} sorted @param {T} film @returns {Sorted<T>}
 */
export const settle = (sorted, film) => ({
  ...sorted,
  film: [film],
  references: [...sorted.candidates.filter((one) => one !== film), ...sorted.references],
  candidates: [],
});
