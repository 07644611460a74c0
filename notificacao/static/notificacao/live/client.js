/**
 * Run the client of one page. Of all tabs of one login one leads: it holds the connection, and tells the others each
 * row that comes and what it knows of the log. The others show these, fetch by themselves what they find lacking, and
 * go on from there when one of them has to lead.
 *
 * Messages between tabs, beside those of `Tabs`: the leader sends `row` and `state`, any tab sends `woke` to the leader
 * and `signedOut` to all.
 */

import { parseCursor } from "./completeness.js";
import { Connection } from "./connection.js";
import { Incoming } from "./incoming.js";
import { randomId } from "./lane.js";
import { watchPage } from "./lifecycle.js";
import { Tabs } from "./tabs.js";
import { Timers } from "./timers.js";

const TELL_WITHIN = 50; // ms
const FETCH_PATIENCE = 50; // ms
const LEADER_PATIENCE = 2_500; // ms in which the leader finds and tells what it lacks itself

export class SharedClient {
  /**
   * @param {{
   *   person: string, login: string, // as the page or the session has them
   *   position: string, // read before the page's list was
   *   shown: {event_id: string}[], // the page's list
   *   api: import("./api.js").Api,
   *   sdk: () => Promise<any>, // Ably's
   *   on: import("./types.js").Handlers,
   *   browser?: import("./tabs.js").Browser,
   * }} options
   */
  constructor({ person, login, position, shown, api, sdk, on, browser }) {
    this.api = api;
    this.sdk = sdk;
    this.on = on;
    this.stopped = false;
    /** @type {Connection?} while this tab leads */
    this.connection = null;
    /** @type {import("./types.js").Status?} */
    this.status = null;
    /** What the leader told last: how many are unread, and by which of its messages. */
    this.counts = { unread: /** @type {number?} */ (null), word: "" };
    this.patience = FETCH_PATIENCE;
    this.timers = new Timers();
    this.incoming = new Incoming({
      login,
      position,
      shown,
      api,
      on: {
        notification: on.notification,
        reset: on.reset,
        row: (row) => this.connection && this.tabs.post({ kind: "row", row, position: this.incoming.safeCursor }),
        moved: () => this.#tellSoon(),
        restart: () => this.connection?.pause(),
        begun: (session) => (this.connection ? this.connection.follow(session) : this.incoming.hear(session)),
        signedOut: () => this.#signOut(),
      },
    });
    this.tabs = new Tabs({
      name: `notificacoes:${person}:${login}`,
      browser,
      on: {
        lead: () => this.#lead(),
        follow: () => this.#follow(),
        asked: () => this.#tell(),
        hear: (word) => this.#hear(word),
      },
    });
  }

  start() {
    this.#showStatus("connecting");
    this.unwatch = watchPage(this);
    this.tabs.join();
  }

  /** Connect afresh: the network came back, or the machine woke up, and what is open may be dead. */
  reconnect() {
    if (this.connection) this.connection.reconnect();
    else this.tabs.post({ kind: "woke" });
    this.tabs.look();
  }

  /** Note that the page came into sight, or went out of it. */
  look() {
    this.tabs.look();
  }

  /** Note that the network went away. */
  offline() {
    this.#showStatus("offline");
  }

  /** Let another tab lead: the page goes into a cache, or is frozen. */
  suspend() {
    this.receipts.flush();
    this.tabs.leave();
    this.#disconnect();
  }

  /** Go on: the page is back. */
  resume() {
    if (this.stopped) return;
    this.patience = FETCH_PATIENCE;
    this.tabs.join();
  }

  stop(then = () => {}) {
    if (this.stopped) return;
    this.stopped = true;
    this.unwatch?.();
    this.timers.close();
    this.incoming.stop();
    this.tabs.leave();
    this.#disconnect();
    then();
  }

  /** Return the `epoch.seq` up to which the page lacks nothing. */
  get safeCursor() {
    return this.incoming.safeCursor;
  }

  get receipts() {
    return this.incoming.receipts;
  }

  // --- Leading

  #lead() {
    this.counts.unread = null;
    this.connection = new Connection({
      incoming: this.incoming,
      api: this.api,
      sdk: this.sdk,
      on: {
        status: (status) => this.#showStatus(status),
        counts: (unread) => this.#count(unread),
        signedOut: () => this.#signOut(),
      },
    });
    this.connection.start();
    this.#tell();
  }

  #disconnect() {
    this.connection?.close();
    this.connection = null;
  }

  #count(/** @type {number} */ unread) {
    this.counts = { unread, word: randomId() };
    this.on.counts(unread);
    this.#tell();
  }

  #tellSoon() {
    if (this.connection) this.timers.after("tell", TELL_WITHIN, () => this.#tell(), { again: false });
  }

  /** Tell the other tabs status, counts, whether the browser can verify, and what is known of the log. */
  #tell() {
    if (!this.connection) return;
    const { facts, isUnable } = this.incoming;
    this.tabs.post({ kind: "state", status: this.status, counts: this.counts, isUnable, facts });
  }

  #signOut() {
    this.tabs.post({ kind: "signedOut" });
    this.stop(this.on.signedOut);
  }

  // --- Following

  /** Follow: another tab has taken the lead. */
  #follow() {
    this.#disconnect();
    this.patience = FETCH_PATIENCE;
  }

  #hear(/** @type {any} */ word) {
    switch (word.kind) {
      case "row":
        return this.#hearRow(word);
      case "state":
        return this.#hearState(word);
      case "woke":
        return this.connection?.reconnect();
      case "signedOut":
        return this.stop(this.on.signedOut);
    }
  }

  #hearRow(/** @type {{row: import("./types.js").Row, position: string}} */ { row, position }) {
    if (this.incoming.isOfThisLog(parseCursor(position).epoch)) this.incoming.take(row, null);
  }

  #hearState(/** @type {{status: any, counts: any, isUnable: boolean, facts: any}} */ word) {
    const { status, counts, isUnable, facts } = word;
    if (this.connection) return; // a leader ignores a tab that leads by mistake, or led long ago
    this.#showStatus(status);
    if (counts.unread !== null && counts.word !== this.counts.word) this.on.counts(counts.unread);
    this.counts = counts;
    this.incoming.isUnable = isUnable;
    if (!facts) return;
    this.incoming.hearFacts(facts, this.patience);
    this.patience = LEADER_PATIENCE;
  }

  #showStatus(/** @type {import("./types.js").Status} */ status) {
    if (status === this.status) return;
    this.status = status;
    this.on.status(status);
    this.#tell();
  }
}
