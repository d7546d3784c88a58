/**
 * State that several components look at: a plain object, replaced as a whole, and who wants to hear of it.
 *
 * @template {object} State
 */
export class Store {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    /** @type {Set<(state: State, before: State) => void>} */
    this.listeners = new Set();
  }

  /** @param {Partial<State>} changes */
  set(changes) {
    const before = this.state;
    if (Object.entries(changes).every(([name, value]) => Object.is(before[/** @type {keyof State} */ (name)], value))) {
      return;
    }
    this.state = { ...before, ...changes };
    for (const listener of [...this.listeners]) listener(this.state, before);
  }

  /** @param {(state: State, before: State) => void} listener @returns {() => void} stops it */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Draws a component anew when a store changes: `new StoreController(this, () => this.store)` in its constructor. */
export class StoreController {
  /**
   * @param {import("../vendor/lit.js").LitElement} host
   * @param {() => Store<any> | null | undefined} find the store may be given later, as a property
   */
  constructor(host, find) {
    this.host = host;
    this.find = find;
    /** @type {Store<any> | null} */
    this.store = null;
    this.stop = () => {};
    host.addController(this);
  }

  hostUpdate() {
    const store = this.find() ?? null;
    if (store === this.store) return;
    this.stop();
    this.store = store;
    this.stop = store ? store.listen(() => this.host.requestUpdate()) : () => {};
  }

  hostConnected() {
    this.host.requestUpdate();
  }

  hostDisconnected() {
    this.stop();
    this.store = null;
  }
}
