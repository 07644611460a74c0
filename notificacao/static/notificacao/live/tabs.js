/**
 * Agree which of the tabs of one login in one browser leads. The browser gives the lock to one tab, and takes it from a
 * tab that is gone. All tabs share one BroadcastChannel. A leader that is frozen keeps its lock, and the browser slows
 * down a hidden one: so a tab that got no message from the leader for a while asks, and takes the lock away where there
 * is no answer.
 *
 * Each tab leads itself where the browser has no locks (without TLS) or no channels.
 *
 * @typedef {{locks?: LockManager, Channel?: typeof BroadcastChannel, isHidden: () => boolean}} Browser
 */

import { Timers } from "./timers.js";

const QUIET = 600; // ms without a message of the leader, after which a visible tab asks for one
const QUIET_HIDDEN = 5_000; // ms; the tab is not visible
const ANSWER_WITHIN = 500; // ms
const LATE = 1_000; // ms; a timer that is so late was frozen itself, and what it waits for may be there already
const HIDDEN_LEADER = 60_000; // ms, after which a visible tab takes over: timers of a hidden one get slow

/** @returns {Browser} */
function theBrowser() {
  return {
    locks: globalThis.navigator?.locks,
    Channel: globalThis.BroadcastChannel,
    isHidden: () => globalThis.document?.hidden ?? false,
  };
}

export class Tabs {
  /**
   * @param {{
   *   name: string, // of the lock and the channel
   *   on: {
   *     lead: () => void, follow: () => void, // this tab led, and another one has taken the lead
   *     asked: () => void, // the leader is to `post` its `state`
   *     hear: (word: any) => void,
   *   },
   *   browser?: Browser,
   * }} options
   */
  constructor({ name, on, browser = theBrowser() }) {
    this.name = name;
    this.on = on;
    this.browser = browser;
    this.timers = new Timers();
    /** @type {BroadcastChannel?} */
    this.channel = null;
    /** @type {AbortController?} of the place in the queue for the lock */
    this.queued = null;
    /** @type {(() => void)?} lets the lock go */
    this.release = null;
    this.hiddenSince = Infinity;
  }

  get leads() {
    return this.release !== null;
  }

  get #areShared() {
    return Boolean(this.browser.locks && this.browser.Channel);
  }

  join() {
    if (this.channel || this.leads) return;
    this.timers = new Timers();
    if (!this.#areShared) return this.#take();
    this.channel = new /** @type {typeof BroadcastChannel} */ (this.browser.Channel)(this.name);
    this.channel.addEventListener("message", ({ data }) => this.#hear(data));
    this.#queue();
    this.look();
  }

  /** Give up the lead, and take no more messages. */
  leave() {
    this.timers.close();
    this.channel?.close();
    this.channel = null;
    this.queued?.abort();
    this.#letGo();
  }

  post(/** @type {{kind: string} & Record<string, any>} */ word) {
    const hiddenFor = Date.now() - this.hiddenSince;
    this.channel?.postMessage(this.leads ? { ...word, leads: true, hiddenFor } : word);
  }

  /** Ask whether there is a leader: the page came into sight, went out of it, or was away. */
  look() {
    if (!this.browser.isHidden()) this.hiddenSince = Infinity;
    else this.hiddenSince = Math.min(this.hiddenSince, Date.now());
    if (this.channel && !this.leads) this.#ask();
  }

  // --- The lock

  #queue() {
    this.queued = new AbortController();
    this.#request({ signal: this.queued.signal });
  }

  #steal() {
    this.queued?.abort();
    this.#request({ steal: true });
  }

  async #request(/** @type {LockOptions} */ options) {
    const { channel } = this;
    /** @type {(() => void)?} */
    let release = null;
    const lead = () => {
      if (!channel || channel !== this.channel || this.leads) return;
      const held = this.#take();
      release = this.release;
      return held;
    };
    try {
      await this.browser.locks?.request(this.name, options, lead);
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") throw error;
      if (release && release === this.release) this.#lose();
    }
  }

  /** Lead; resolve when the lock is let go. */
  #take() {
    this.timers.close();
    this.queued = null;
    const held = new Promise((resolve) => (this.release = () => resolve(undefined)));
    this.on.lead();
    return held;
  }

  #letGo() {
    this.release?.();
    this.release = null;
  }

  /** Follow: another tab stole the lock. */
  #lose() {
    this.#letGo();
    this.timers = new Timers();
    this.on.follow();
    this.#queue();
    this.#watch();
  }

  // --- The leader's messages

  #hear(/** @type {any} */ word) {
    if (word.kind === "ask") return this.leads && this.on.asked();
    if (word.leads && !this.leads) {
      this.#watch();
      if (word.hiddenFor > HIDDEN_LEADER && !this.browser.isHidden()) this.#steal();
    }
    this.on.hear(word);
  }

  #watch() {
    const quiet = this.browser.isHidden() ? QUIET_HIDDEN : QUIET;
    this.timers.after("leader", quiet * (1 + Math.random() * 0.2), () => this.#ask());
  }

  #ask() {
    this.post({ kind: "ask" });
    const wait = ANSWER_WITHIN * (1 + Math.random() * 0.3);
    const due = Date.now() + wait;
    this.timers.after("leader", wait, () => {
      if (Date.now() - due < LATE) this.#steal();
      else this.#askAgain();
    });
  }

  /** Wait once more where this tab was frozen or is slowed down: the answer may be in its queue. */
  #askAgain() {
    this.post({ kind: "ask" });
    this.timers.after("leader", ANSWER_WITHIN, () => this.#steal());
  }
}
