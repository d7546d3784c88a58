/**
 * Questions that overtake each other: only the last one counts. A new one gives up the one before, and who waited for that
 * waits for the new one.
 */
export class Latest {
  constructor() {
    this.asking = new AbortController();
    /** @type {Promise<any>} */
    this.last = Promise.resolve();
  }

  /** What was asked last is given up; who waits for it gets undefined. */
  stop() {
    this.asking.abort();
    this.asking = new AbortController();
    this.last = Promise.resolve();
  }

  /**
   * @template Answer, Shown
   * @param {(signal: AbortSignal) => Promise<Answer>} ask
   * @param {(answer: Answer) => Shown | Promise<Shown>} show takes the answer, where nothing overtook it
   * @returns {Promise<Shown | undefined>} what `show` gave, or that of the question that overtook this one
   */
  run(ask, show) {
    this.stop();
    const { signal } = this.asking;
    const isOvertaken = () => signal.aborted;
    const shown = ask(signal).then(
      (answer) => isOvertaken() ? this.last : show(answer),
      (error) => {
        if (isOvertaken()) return this.last;
        throw error;
      },
    );
    return this.last = shown;
  }
}
