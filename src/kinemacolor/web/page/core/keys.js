/**
 * Keys that do something, wherever the focus is, in one place: so that `?` can list them all, and none is given twice.
 * Fields keep their keys, and so does a dialog. The part that came last is asked first.
 */
import { html } from "../vendor/lit.js";
import { load } from "./notify.js";
import { nameKeys, showKeys } from "./key-names.js";

/**
 * @typedef {object} Shortcut
 * @property {string[]} keys as `KeyboardEvent.key`, with "Ctrl+" (also the Mac's Command) and "Shift+" before it
 * @property {string} words what it does
 * @property {(event: KeyboardEvent) => void} act
 * @property {(event: KeyboardEvent) => boolean} [when] whether it does so now
 */

const ANYWHERE = {
  title: "Everywhere",
  shortcuts: [
    { keys: ["?"], words: "These keys" },
    { keys: ["Tab"], words: "The next control" },
    { keys: ["Escape"], words: "Close a list, a dialog" },
  ],
};

/** @type {Set<Shortcuts>} */
const groups = new Set();

/**
 * Whether what has the focus uses the key itself.
 * @param {KeyboardEvent} event
 */
function isTaken(event) {
  if (event.defaultPrevented || event.isComposing || event.altKey) return true;
  const path = /** @type {Element[]} */ (event.composedPath());
  if (path.some((one) => one instanceof HTMLDialogElement || (one instanceof HTMLElement && one.popover))) return true;
  const [target] = path;
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type)) {
    return true;
  }
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  if (target.isContentEditable) return true;
  const presses = event.key === " " || event.key === "Enter";
  if (presses && target.matches("button, a[href], input, summary, [role=button]")) return true;
  const moves = event.key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(event.key);
  return moves && target.matches("input, [role=slider], [role=tab], [role=option], [role=menuitem]");
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (isTaken(event)) return;
  const name = nameKeys(event);
  for (const group of [...groups].reverse()) {
    for (const shortcut of group.shortcuts) {
      if (!shortcut.keys.includes(name) || shortcut.when?.(event) === false) continue;
      event.preventDefault();
      shortcut.act(event);
      return;
    }
  }
}

/** Whether the focus is in an element of that name. @param {Event} event @param {string} name */
export const comesFrom = (event, name) =>
  event.composedPath().some((one) => one instanceof Element && one.localName === name);

/** Shows all keys that do something now. */
export async function showHelp() {
  const dialog = await load(import("./dialog.js"));
  // The longest list last: the browser fills the columns in this order.
  const listed = [...groups].filter(({ shortcuts }) => shortcuts.length)
    .sort((one, other) => one.shortcuts.length - other.shortcuts.length);
  const shown = [ANYWHERE, ...listed].map((group) =>
    html`
      <section>
        <h3>${group.title}</h3>
        <dl>
          ${group.shortcuts.map((shortcut) =>
            html`
              <dt>${shortcut.words}</dt>
              <dd>${shortcut.keys.map((name) =>
                html`
                  <kbd>${showKeys(name)}</kbd>
                `
              )}</dd>
            `
          )}
        </dl>
      </section>
    `
  );
  await dialog?.showSheet("Keys", html`<div class="keys">${shown}</div>`);
}

/** The shortcuts of a component, there as long as the component is: `new Shortcuts(this, "Viewer", [...])`. */
export class Shortcuts {
  /**
   * @param {import("../vendor/lit.js").LitElement} host
   * @param {string} title of its part in the list
   * @param {Shortcut[]} shortcuts
   */
  constructor(host, title, shortcuts) {
    this.title = title;
    this.shortcuts = shortcuts;
    host.addController(this);
  }

  hostConnected() {
    if (!groups.size) addEventListener("keydown", press);
    groups.add(this);
  }

  hostDisconnected() {
    groups.delete(this);
    if (!groups.size) removeEventListener("keydown", press);
  }
}
