/** Timers by name: of each there is one at most. */
export class Timers {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #waiting = new Map();
  #closed = false;

  /** Run `work` after `ms`; `again`: in place of the one of that name that waits, else that one stands. */
  after(/** @type {string} */ name, /** @type {number} */ ms, /** @type {() => void} */ work, { again = true } = {}) {
    if (this.#closed || (this.#waiting.has(name) && !again)) return;
    clearTimeout(this.#waiting.get(name));
    const run = () => {
      this.#waiting.delete(name);
      work();
    };
    this.#waiting.set(name, setTimeout(run, ms));
  }

  /** Nothing runs any more. */
  close() {
    this.#closed = true;
    this.#waiting.forEach((timer) => clearTimeout(timer));
    this.#waiting.clear();
  }
}
