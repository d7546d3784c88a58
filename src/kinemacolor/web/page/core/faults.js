/** What the report finds wrong with a shot, in a viewer's words; its own sentences, with their numbers, stand below. */

/** By the names of the report's faults. @type {Record<string, string>} */
const WORDS = {
  doubt: "Unsure of its colours",
  fade: "Its colours fade",
  drift: "Its colours drift",
  flicker: "It flickers",
  clipped: "Too colourful",
  gray: "Paler than its picture",
  cast: "Tinted",
  filled: "Partly guessed",
};

/**
 * @param {string | null | undefined} fault name in the report; null: nothing is known
 * @param {string | null | undefined} sentence of the report about it: of a cast it ends with the hue
 */
export function describeFault(fault, sentence) {
  const words = WORDS[fault ?? ""] ?? "It may not look right";
  const hue = fault === "cast" && sentence?.match(/ to (\S+)$/)?.[1];
  return hue ? `${words} ${hue}` : words;
}
