/**
 * Strength and sharpness that are tried in the inspector. The browser shows another strength at once; what stays a
 * while is asked for.
 */

const REST_MS = 250;

export class Trial {
  /**
   * @param {import("../vendor/lit.js").LitElement} host
   * @param {() => import("../core/film-store.js").FilmStore | null} find
   */
  constructor(host, find) {
    this.host = host;
    this.find = find;
    /** What the server is asked for; null: the plan. @type {{saturation?: number, edge_filter?: string} | null} */
    this.asked = null;
    this.wanted = "null";
    this.timer = 0;
    host.addController(this);
  }

  hostUpdate() {
    const trial = this.find()?.state.trial ?? null;
    const wanted = JSON.stringify(trial);
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    clearTimeout(this.timer);
    if (!trial) this.asked = null;
    else this.timer = setTimeout(() => this.ask(trial), REST_MS);
  }

  hostDisconnected() {
    clearTimeout(this.timer);
  }

  /** @param {{saturation?: number, edge_filter?: string}} trial */
  ask(trial) {
    this.asked = trial;
    this.host.requestUpdate();
  }
}
