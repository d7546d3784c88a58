/** Names of keys: for the registry, and for people. */

/**
 * How the registry names what was pressed. Shift counts with letters, arrows and the like, not where it makes another sign.
 * @param {{key: string, ctrlKey: boolean, metaKey: boolean, shiftKey: boolean}} event
 */
export function nameKeys({ key, ctrlKey, metaKey, shiftKey }) {
  const named = key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key;
  const counts = named.length > 1 || named.toLowerCase() !== named.toUpperCase();
  return `${shiftKey && counts ? "Shift+" : ""}${ctrlKey || metaKey ? "Ctrl+" : ""}${named}`;
}

/** @type {Record<string, string>} */
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Delete: "Del" };

/** The name of a key as people read it. @param {string} name */
export function showKeys(name, isMac = /Mac|iPhone|iPad/.test(navigator.userAgent)) {
  return name.split(/\+(?=.)/).map((part) => (part === "Ctrl" && isMac ? "⌘" : SIGNS[part] ?? part)).join(" ");
}
