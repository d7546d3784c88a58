/** Makes a project of files that were dropped or chosen together: sorts, asks where it must, sends, opens. */
import { post, Problem, readSession } from "../core/client.js";
import { count } from "../core/format.js";
import { load, notify } from "../core/notify.js";
import { makeOf, uploadFile } from "../core/uploads.js";
import { settle, sortFiles } from "./sort-files.js";

const SAMPLE = 48; // px of a side: enough to see whether a picture has colours
const GRAY = 6; // difference of the channels, 0..255, in the mean: paper and scanners tint a little

/**
 * @param {File[]} files
 * @returns {Promise<string | null>} id of the project; null where nothing came of it, which the user knows then
 */
export async function takeIn(files) {
  try {
    const sorted = await findFilm(files);
    if (!sorted) return null;
    const { film, references, projects } = sorted;
    if (!film.length) return await importProject(projects[0]);
    const sent = [...film, ...references].map((file) => uploadFile(file));
    const uploads = await Promise.all(sent);
    const ids = uploads.slice(0, film.length).map(({ id }) => id);
    const project = await makeOf(film, uploads, () => post("/projects/open", { uploads: ids }));
    await addReferences(project.id, uploads.slice(film.length));
    await startPlan(project.id, references.length > 0);
    return project.id;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!("isStopped" in error)) notify(error.message, "problem");
    return null;
  }
}

/** A film of the server's folder, or the sample. @param {object} what @returns {Promise<string | null>} id */
export async function openFilm(what) {
  try {
    const project = await post("/projects/open", what);
    await startPlan(project.id, project.references.length > 0);
    return project.id;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    notify(error.message, "problem");
    return null;
  }
}

/** @param {string} project @param {boolean} hasReferences */
const startPlan = (project, hasReferences) =>
  post(`/projects/${project}/jobs`, { kind: hasReferences ? "plan" : "look" });

/** A picture that cannot be read costs that picture, not the film. @param {string} project @param {{id: string}[]} uploads */
async function addReferences(project, uploads) {
  for (const { id } of uploads) {
    try {
      await post(`/projects/${project}/references/uploaded`, { upload: id, frame: null });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      notify(error.message, "problem");
    }
  }
}

/** @param {File} file @returns {Promise<string>} id */
async function importProject(file) {
  const upload = await uploadFile(file);
  return (await makeOf([file], [upload], () => post("/projects/import", { upload: upload.id }))).id;
}

/** @param {File[]} files */
async function findFilm(files) {
  const { limits } = await readSession();
  const sorted = sortFiles(files, limits);
  const { film, candidates, projects, unknown } = sorted;
  if (unknown.length) {
    const names = unknown.slice(0, 3).map(({ name }) => name).join(", ");
    notify(`${count(unknown.length, "file")} left out, neither film nor picture: ${names}`, "problem");
  }
  if (film.length || (!candidates.length && projects.length)) return sorted;
  if (!candidates.length) return null;
  const isPhotograph = candidates.every((one) => hasSuffix(one, limits.picture_suffixes));
  const gray = isPhotograph ? await findGray(candidates) : [];
  const chosen = gray.length === 1 ? gray[0] : await askForFilm(candidates, isPhotograph);
  return chosen ? settle(sorted, chosen) : null;
}

/** @param {File} file @param {string[]} suffixes */
const hasSuffix = (file, suffixes) => suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix));

/** @param {File[]} candidates @param {boolean} isPhotograph */
async function askForFilm(candidates, isPhotograph) {
  const dialog = await load(import("../core/dialog.js"));
  if (!dialog) return null;
  const pictures = candidates.map((file) => isPhotograph ? URL.createObjectURL(file) : undefined);
  const chosen = await dialog.choose({
    title: isPhotograph ? "Which one shall be coloured?" : "Which film shall be coloured?",
    text: "The others show its colours.",
    choices: candidates.map(({ name }, index) => ({ name, picture: pictures[index] })),
  });
  for (const address of pictures) if (address) URL.revokeObjectURL(address);
  return chosen === null ? null : candidates[chosen];
}

/** The pictures without colours, as far as this browser can read them. @param {File[]} files */
async function findGray(files) {
  const colourfulness = await Promise.all(files.map((file) => measureColour(file).catch(() => null)));
  if (colourfulness.includes(null)) return [];
  return files.filter((_, index) => /** @type {number} */ (colourfulness[index]) < GRAY);
}

/** The mean difference of the channels, 0..255. @param {File} file */
async function measureColour(file) {
  const bitmap = await createImageBitmap(file, { resizeWidth: SAMPLE, resizeHeight: SAMPLE });
  const canvas = new OffscreenCanvas(SAMPLE, SAMPLE);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, SAMPLE, SAMPLE);
  let sum = 0;
  for (let index = 0; index < data.length; index += 4) {
    const channels = [data[index], data[index + 1], data[index + 2]];
    sum += Math.max(...channels) - Math.min(...channels);
  }
  return sum / (SAMPLE * SAMPLE);
}
