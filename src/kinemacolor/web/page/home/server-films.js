/** Chooses a film of the folder that the server was started with. */
import { get } from "../core/client.js";
import { choose, showSheet } from "../core/dialog.js";

const MOST = 200; // names in one list

/** @returns {Promise<string | null>} */
export async function chooseServerFilm() {
  /** @type {string[]} */
  const films = await get("/films");
  if (!films.length) {
    await showSheet("Films of the server", "The server's folder holds no film that can be read.");
    return null;
  }
  const shown = films.slice(0, MOST);
  const text = shown.length < films.length ? `The first ${MOST} of ${films.length}.` : "They are only read.";
  const index = await choose({ title: "Films of the server", text, choices: shown.map((name) => ({ name })) });
  return index === null ? null : shown[index];
}
