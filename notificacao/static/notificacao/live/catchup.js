/** Fetch what is known to be lacking, after a while in which it may come by itself. */

import * as completeness from "./completeness.js";

/** @typedef {import("./types.js").Page} Page */

const HEAD_PATIENCE = 1_000; // ms that a head may be lacking

export class CatchUp {
  /**
   * @param {{
   *   state: () => completeness.State?,
   *   ask: (after: string, only: string?) => Promise<Page?>, // null: not now
   *   onPage: (
   *     rows: import("./types.js").Row[], from: completeness.Cursor, to: completeness.Cursor, only: string?,
   *   ) => void,
   *   timers: import("./timers.js").Timers,
   * }} options
   */
  constructor({ state, ask, onPage, timers }) {
    this.state = state;
    this.ask = ask;
    this.onPage = onPage;
    this.timers = timers;
    /** @type {Promise<number>?} */
    this.running = null;
  }

  /** Fetch what is new, whether or not anything is known to be lacking; resolve to how many rows that were. */
  look() {
    return this.#run(true);
  }

  /** Fetch what is still lacking `patience` ms from now, and up to a third more by chance. */
  ifLacking(patience = HEAD_PATIENCE) {
    if (!this.#lacking.length) return;
    const wait = patience * (1 + Math.random() * 0.3);
    this.timers.after(`catch up after ${patience}`, wait, () => void this.#run(), { again: false });
  }

  get #lacking() {
    const state = this.state();
    return state ? completeness.lacking(state) : [];
  }

  /** Make one run at a time; run again in a while where the log is not so far yet. */
  #run(anyhow = false) {
    this.running ??= this.#fetch(anyhow).finally(() => {
      this.running = null;
      this.ifLacking();
    });
    return this.running;
  }

  /** Fetch page after page; resolve to how many rows. */
  async #fetch(/** @type {boolean} */ anyhow) {
    let rows = 0;
    for (let more = anyhow; more || this.#lacking.length; ) {
      const page = await this.#fetchPage();
      if (!page) break;
      rows += page.results.length;
      more = page.more;
    }
    return rows;
  }

  /** Fetch one page; resolve to null where it did not bring the tab forward. */
  async #fetchPage() {
    const state = this.state();
    if (!state) return null;
    const names = this.#lacking;
    const only = names.length === 1 ? names[0] : null;
    const cursor = completeness.safeCursor(state, only ? names : undefined);
    const page = await this.ask(cursor, only);
    if (!page) return null;
    const from = completeness.parseCursor(cursor);
    const to = completeness.parseCursor(page.complete_to);
    if (to.epoch !== this.state()?.epoch) return null; // the tab has begun again meanwhile
    this.onPage(page.results, from, to, only);
    return to.seq > from.seq ? page : null;
  }
}
