/** Files of folders that were dropped. */

const MOST = 200_000; // files: more are no film

/** @param {(FileSystemEntry | null)[]} entries @returns {Promise<File[]>} */
export async function readEntries(entries) {
  /** @type {File[]} */
  const files = [];
  const waiting = entries.filter((entry) => entry !== null);
  while (waiting.length && files.length < MOST) {
    const entry = /** @type {FileSystemEntry} */ (waiting.shift());
    if (entry.name.startsWith(".")) continue;
    if (entry.isFile) files.push(await readFile(/** @type {FileSystemFileEntry} */ (entry)));
    else waiting.push(...await listFolder(/** @type {FileSystemDirectoryEntry} */ (entry)));
  }
  return files;
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
const readFile = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

/** A browser gives a folder by the hundred. @param {FileSystemDirectoryEntry} folder */
async function listFolder(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...some);
  }
}
