/**
 * Imitate one browser with several tabs: the locks and channels that they share, and tabs that freeze and crash.
 *
 * What a tab does runs within `tab.run`, so that its timers are known to be its own: while it is frozen they wait, as do
 * messages and answers.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { vi } from "vitest";

const running = new AsyncLocalStorage();

/** Give each timer to the tab in which it is set, until vi.unstubAllGlobals(). Use it with fake timers. */
export function giveTimersToTabs() {
  const { setTimeout, clearTimeout } = globalThis;
  const cleared = new Set();
  vi.stubGlobal("setTimeout", (work, ms) => {
    const tab = running.getStore();
    if (!tab) return setTimeout(work, ms);
    const run = () => cleared.has(timer) || tab.run(work);
    const timer = setTimeout(() => tab.whenAwake(run, tab.due), ms);
    return timer;
  });
  vi.stubGlobal("clearTimeout", (timer) => {
    cleared.add(timer);
    clearTimeout(timer);
  });
}

export class Browser {
  constructor() {
    this.channels = new Map(); // name → Set of channels
    this.locks = new Locks();
  }

  tab() {
    return new Tab(this);
  }
}

export class Tab {
  constructor(browser) {
    this.frozen = false;
    this.dead = false;
    this.hidden = false;
    this.held = []; // messages that it is to receive
    this.due = []; // its timers, which may well be first
    this.shared = browser;
    const tab = this;
    /** The browser as the client's Tabs see it. */
    this.browser = {
      isHidden: () => tab.hidden,
      locks: { request: (name, options, work) => browser.locks.request(tab, name, options, work) },
      Channel: class extends Channel {
        constructor(name) {
          super(name, tab, browser.channels);
        }
      },
    };
  }

  run(work) {
    return running.run(this, work);
  }

  /** Run now, or when the tab is frozen no more; never once it is dead. */
  whenAwake(work, held = this.held) {
    if (this.dead) return;
    if (this.frozen) held.push(work);
    else work();
  }

  awake() {
    return new Promise((resolve) => this.whenAwake(resolve));
  }

  freeze() {
    this.frozen = true;
  }

  thaw() {
    this.frozen = false;
    for (let work; !this.frozen && (work = this.due.shift() ?? this.held.shift()); ) work();
  }

  /** Close or crash the tab: it does nothing any more, and the browser takes its locks. */
  die() {
    this.dead = true;
    for (const channels of this.shared.channels.values())
      for (const channel of channels) if (channel.tab === this) channels.delete(channel);
    this.shared.locks.forget(this);
  }
}

/** Imitate a BroadcastChannel: all others of its name get each message, later, in order. */
class Channel extends EventTarget {
  constructor(name, tab, all) {
    super();
    this.tab = tab;
    this.peers = all.get(name) ?? all.set(name, new Set()).get(name);
    this.peers.add(this);
  }

  postMessage(data) {
    if (this.tab.dead) return;
    if (!this.peers.has(this)) throw new DOMException("closed", "InvalidStateError");
    for (const peer of this.peers) {
      if (peer === this) continue;
      const copy = structuredClone(data);
      queueMicrotask(() => peer.tab.whenAwake(() => peer.#hear(copy)));
    }
  }

  #hear(data) {
    if (this.peers.has(this)) running.run(this.tab, () => this.dispatchEvent(new MessageEvent("message", { data })));
  }

  close() {
    this.peers.delete(this);
  }
}

/** Imitate Web Locks: of each name one is held, the others wait in their order; `steal` takes it. */
class Locks {
  constructor() {
    this.held = new Map(); // name → request
    this.waiting = []; // requests
  }

  request(tab, name, { steal = false, signal }, work) {
    return new Promise((resolve, reject) => {
      const request = { tab, name, work, resolve, reject };
      signal?.addEventListener("abort", () => this.#abort(request));
      if (steal) this.#take(request);
      else this.waiting.push(request);
      this.#grant(name);
    });
  }

  holder(name) {
    return this.held.get(name)?.tab;
  }

  /** Take the locks of a tab that is gone. */
  forget(tab) {
    this.waiting = this.waiting.filter((request) => request.tab !== tab);
    for (const [name, request] of this.held) if (request.tab === tab) this.#free(name);
  }

  #abort(request) {
    if (!this.waiting.includes(request)) return;
    this.waiting.splice(this.waiting.indexOf(request), 1);
    request.reject(new DOMException("aborted", "AbortError"));
  }

  #take(request) {
    const robbed = this.held.get(request.name);
    this.held.delete(request.name);
    robbed?.tab.whenAwake(() => robbed.reject(new DOMException("stolen", "AbortError")));
    this.waiting.unshift(request);
  }

  #grant(name) {
    if (this.held.has(name)) return;
    const next = this.waiting.find((request) => request.name === name);
    if (!next) return;
    this.waiting.splice(this.waiting.indexOf(next), 1);
    this.held.set(name, next);
    queueMicrotask(() => next.tab.whenAwake(() => next.tab.run(() => this.#hold(next))));
  }

  /** Run the work: its result is the request's answer; then the lock is the next one's, unless it was stolen. */
  async #hold(request) {
    try {
      request.resolve(await request.work());
    } catch (error) {
      request.reject(error);
    }
    if (this.held.get(request.name) === request) this.#free(request.name);
  }

  #free(name) {
    this.held.delete(name);
    this.#grant(name);
  }
}
