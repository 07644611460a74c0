/** Fetches what is known to be lacking, after a while in which it may come by itself. */

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
    this.running = false;
  }

  /** Fetch what is still lacking `patience` ms from now, and up to a third more by chance. */
  ifLacking(patience = HEAD_PATIENCE) {
    if (!this.#lacking.length) return;
    const wait = patience * (1 + Math.random() * 0.3);
    this.timers.after(`catch up after ${patience}`, wait, () => this.#run(), { again: false });
  }

  get #lacking() {
    const state = this.state();
    return state ? completeness.lacking(state) : [];
  }

  /** Page after page, one run at a time; where the log is not so far yet, again in a while. */
  async #run() {
    if (this.running) return;
    this.running = true;
    try {
      while (this.#lacking.length && (await this.#fetchPage()));
    } finally {
      this.running = false;
    }
    this.ifLacking();
  }

  /** Whether it brought the page forward. */
  async #fetchPage() {
    const state = this.state();
    if (!state) return false;
    const names = this.#lacking;
    const only = names.length === 1 ? names[0] : null;
    const cursor = completeness.safeCursor(state, only ? names : undefined);
    const page = await this.ask(cursor, only);
    if (!page) return false;
    const from = completeness.parseCursor(cursor);
    const to = completeness.parseCursor(page.complete_to);
    if (to.epoch !== this.state()?.epoch) return false; // begun again meanwhile
    this.onPage(page.results, from, to, only);
    return to.seq > from.seq;
  }
}
