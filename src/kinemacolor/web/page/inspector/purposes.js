/**
 * What a result may be for, and the task that makes it: few words first, all formats under *More*.
 *
 * @typedef {{form: string | null, layer: boolean, confidence: boolean}} RenderChoice
 * @typedef {{name: string, words: string, why: string, choice: RenderChoice}} Purpose
 */

/** @type {Purpose[]} */
const OF_FILMS = [
  {
    name: "as-film",
    words: "As the film",
    why: "Like your film; light, sound and timing unchanged",
    choice: { form: null, layer: false, confidence: false },
  },
  {
    name: "family",
    words: "To watch and share",
    why: "MP4 that plays everywhere",
    choice: { form: "h264", layer: false, confidence: false },
  },
  {
    name: "editing",
    words: "For editing",
    why: "ProRes, and the colours alone as a layer",
    choice: { form: "prores", layer: true, confidence: false },
  },
  {
    name: "archive",
    words: "For the archive",
    why: "Lossless (FFV1), with a map of how sure the colours are",
    choice: { form: "ffv1", layer: false, confidence: true },
  },
];
/** @type {Purpose[]} */
const OF_PHOTOGRAPHS = [
  {
    name: "as-film",
    words: "A picture",
    why: "PNG, at full size",
    choice: { form: "png", layer: false, confidence: false },
  },
];

/** @param {boolean} isPhotograph */
export const purposes = (isPhotograph) => (isPhotograph ? OF_PHOTOGRAPHS : OF_FILMS);

/** The purpose that a choice is that of; null: one's own. @param {RenderChoice} choice @param {boolean} isPhotograph */
export const purposeOf = (choice, isPhotograph) =>
  purposes(isPhotograph).find(({ choice: one }) =>
    one.form === choice.form && one.layer === choice.layer && one.confidence === choice.confidence
  )?.name ?? null;

/** @param {RenderChoice} choice */
export const taskOf = ({ form, layer, confidence }) => ({
  kind: "render",
  ...(form ? { form } : {}),
  layer,
  confidence,
});

/** @param {RenderChoice} choice what `GET command` is asked with */
export const queryOf = ({ form, layer, confidence }) =>
  new URLSearchParams({ ...(form ? { form } : {}), layer: String(layer), confidence: String(confidence) }).toString();

/**
 * Seconds of a time that a person wrote: `H:MM:SS.s`, `MM:SS`, `SS`; null: empty. Throws for anything else.
 * @param {string} text
 */
export function parseTime(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  if (!/^(\d+:){0,2}\d+([.,]\d+)?$/.test(trimmed)) throw new RangeError(`“${text}” is no time: write it as 1:02.5`);
  return trimmed.replace(",", ".").split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
}
