/** Chooses a film of the folder that the server was started with. */
import { get } from "../core/client.js";
import { choose, showSheet } from "../core/dialog.js";

/** @returns {Promise<string | null>} */
export async function chooseServerFilm() {
  /** @type {string[]} */
  const films = await get("/films");
  if (!films.length) {
    await showSheet("Films of the server", "The server's folder holds no film that can be read.");
    return null;
  }
  const choices = films.map((name) => ({ name }));
  const index = await choose({ title: "Films of the server", text: "They are only read.", choices });
  return index === null ? null : films[index];
}
