/** Tells a component of its size: when it is shown, and whenever it becomes another one. */
export class SizeController {
  /** @param {import("../vendor/lit.js").LitElement} host @param {() => void} changed */
  constructor(host, changed) {
    this.host = host;
    this.observer = new ResizeObserver(changed);
    host.addController(this);
  }

  hostConnected() {
    this.observer.observe(this.host);
  }

  hostDisconnected() {
    this.observer.disconnect();
  }
}
