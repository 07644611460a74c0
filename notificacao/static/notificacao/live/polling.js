/** Ask every few seconds for what is new, in place of streams, where none comes through. */

import { Timers } from "./timers.js";

const EVERY = 5_000; // ms, give or take a fifth by chance
const SESSION_EVERY = 30_000; // ms, likewise
const ANSWER_WITHIN = 12_000; // ms; else the site is away

export class Polling {
  /**
   * @param {{
   *   look: () => Promise<unknown>, // asks until it is told what is new
   *   refresh: () => void, // ask for the session
   *   onChange: () => void, // `answers` has changed
   * }} options
   */
  constructor({ look, refresh, onChange }) {
    this.look = look;
    this.refresh = refresh;
    this.onChange = onChange;
    /** @type {Timers?} while it is on */
    this.timers = null;
    this.answers = false;
  }

  get isOn() {
    return this.timers !== null;
  }

  start() {
    if (this.timers) return;
    this.timers = new Timers();
    this.#askLater(this.timers, Math.random() * EVERY);
    this.#refreshLater(this.timers);
  }

  stop() {
    this.timers?.close();
    this.timers = null;
    this.#answered(false);
  }

  #askLater(/** @type {Timers} */ timers, /** @type {number} */ ms) {
    timers.after("look", ms, () => this.#ask(timers));
  }

  async #ask(/** @type {Timers} */ timers) {
    timers.after("answer", ANSWER_WITHIN, () => this.#answered(false));
    await this.look();
    if (timers !== this.timers) return;
    this.#answered(true);
    this.#askLater(timers, about(EVERY));
  }

  #refreshLater(/** @type {Timers} */ timers) {
    timers.after("session", about(SESSION_EVERY), () => {
      this.refresh();
      this.#refreshLater(timers);
    });
  }

  #answered(/** @type {boolean} */ answers) {
    if (answers === this.answers) return;
    this.answers = answers;
    this.onChange();
  }
}

function about(/** @type {number} */ ms) {
  return ms * (0.8 + 0.4 * Math.random());
}
