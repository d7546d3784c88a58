/** Shows a frame in the panel where it is painted on. @param {import("../core/film-store.js").FilmStore} store @param {number} frame */
export function openCorrection(store, frame) {
  store.actions.showPanel("correct");
  void store.actions.showFrame(frame);
}
