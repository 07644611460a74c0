/** Keep timers by name: at most one of each. */
export class Timers {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #waiting = new Map();
  #closed = false;

  /** Run `work` after `ms`. A timer of that name that waits already stays, or is replaced with `again`. */
  after(/** @type {string} */ name, /** @type {number} */ ms, /** @type {() => void} */ work, { again = true } = {}) {
    if (this.#closed || (this.#waiting.has(name) && !again)) return;
    clearTimeout(this.#waiting.get(name));
    const run = () => {
      this.#waiting.delete(name);
      work();
    };
    this.#waiting.set(name, setTimeout(run, ms));
  }

  /** Stop all timers. */
  close() {
    this.#closed = true;
    this.#waiting.forEach((timer) => clearTimeout(timer));
    this.#waiting.clear();
  }
}
