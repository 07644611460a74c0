/**
 * Take what comes to this tab: show each event once, know what is lacking and fetch it. By which path a row came, and
 * whether this tab or another one holds the connection, makes no difference here.
 *
 * @typedef {import("./types.js").Row} Row
 * @typedef {import("./types.js").Session} Session
 */

import { CatchUp } from "./catchup.js";
import * as completeness from "./completeness.js";
import { pause, untilAnswered } from "./patience.js";
import { Receipts } from "./receipts.js";
import { SeenIds } from "./seen_ids.js";
import { Timers } from "./timers.js";

const REMEMBERED = 10_000; // ids
const RESTART_PAUSE = 2_000; // ms between two starts, for a log that answers no cursor

export class Incoming {
  /**
   * @param {{
   *   login: string, position: string, shown: {event_id: string}[], // as SharedClient has them
   *   api: import("./api.js").Api,
   *   on: {
   *     notification: (row: Row) => void,
   *     reset: (inbox: import("./types.js").Inbox) => void,
   *     row: (row: Row) => void, // each that this tab fetched or received itself
   *     moved: () => void, // more is known
   *     restart: () => void, // it begins again: no stream may speak meanwhile
   *     begun: (session: Session) => void, // and has begun again
   *     signedOut: () => void,
   *   },
   * }} options
   */
  constructor({ login, position, shown, api, on }) {
    this.login = login;
    this.position = position;
    this.api = api;
    this.on = on;
    this.stopped = false;
    this.restartedAt = -Infinity;
    this.isUnable = false; // the person is on Ably, and their browser is not
    /** @type {completeness.State?} null until it is known which channels the person hears */
    this.state = null;
    /** @type {Row[]?} rows that come while the list is fetched anew */
    this.meanwhile = null;
    this.seen = new SeenIds(REMEMBERED);
    this.received = new SeenIds(REMEMBERED);
    shown.forEach((row) => this.seen.add(row.event_id));
    this.timers = new Timers();
    this.receipts = new Receipts({ send: (deliveries) => api.receipts(deliveries) });
    this.catchUp = new CatchUp({
      state: () => this.state,
      ask: async (after, only) => (this.meanwhile ? null : this.ask(() => api.after(after, only))),
      onPage: (rows, from, to, only) => {
        rows.forEach((row) => this.take(row, "rest"));
        this.#move((state) => completeness.caughtUp(state, from, to, only));
      },
      timers: this.timers,
    });
  }

  /** Return the `epoch.seq` up to which the tab lacks nothing. */
  get safeCursor() {
    return this.state ? completeness.safeCursor(this.state) : this.position;
  }

  get isLacking() {
    return this.state !== null && completeness.lacking(this.state).length > 0;
  }

  /** Tell whether there is a channel for which no open stream speaks. */
  get isUncovered() {
    return this.state !== null && completeness.uncovered(this.state);
  }

  /**
   * Tell whether a row at that place may be shown: it is of this log, and this tab has not seen to it yet. Ably may bring
   * again what was published long ago.
   */
  isNews(/** @type {{channel: string, seq: number, epoch: string}} */ { channel, seq, epoch }) {
    return this.state !== null && epoch === this.#epoch && completeness.isNews(this.state, channel, seq);
  }

  /** Return what this tab can tell others of the log; null: nothing yet. */
  get facts() {
    if (!this.state || this.meanwhile) return null;
    return { position: this.safeCursor, channels: completeness.facts(this.state) };
  }

  stop() {
    this.stopped = true;
    this.timers.close();
  }

  // --- What is known of the log

  /**
   * Set the channels to those of the session. Tell whether they are of this tab's log; if not, the tab begins again.
   *
   * @param {{position: string, channels: {name: string, since: number, head: number}[]}} session
   */
  hear({ position, channels }) {
    if (this.meanwhile) return false;
    this.state ??= completeness.begin(this.position, channels);
    if (!this.isOfThisLog(completeness.parseCursor(position).epoch)) return false;
    this.#move((state) => completeness.hear(state, channels));
    this.catchUp.ifLacking();
    return true;
  }

  /** Take over what another tab knows; `patience` in ms is its time to bring what is lacking here. */
  hearFacts(
    /** @type {{position: string, channels: import("./types.js").Fact[]}} */ facts,
    /** @type {number} */ patience,
  ) {
    if (!this.hear(facts)) return;
    this.#move((state) => completeness.report(state, facts.channels));
    this.catchUp.ifLacking(patience);
  }

  /** Tell whether `epoch` is that of this tab's log; if not, the tab begins again. */
  isOfThisLog(/** @type {string | undefined} */ epoch) {
    if (epoch === this.#epoch) return true;
    this.restart();
    return false;
  }

  get #epoch() {
    return completeness.parseCursor(this.safeCursor).epoch;
  }

  knows(/** @type {string[]} */ names) {
    return names.every((name) => this.state?.channels[name]);
  }

  /** Note that a stream that was asked to begin at `cursor` speaks for the channels `names`. */
  openStream(/** @type {string} */ cursor, /** @type {string[]} */ names) {
    this.#move((state) => completeness.openStream(state, completeness.parseCursor(cursor), names));
  }

  closeStream() {
    this.#move(completeness.closeStream);
  }

  /** Note that the live stream has sent everything up to `cursor`. */
  sentTo(/** @type {string} */ cursor) {
    this.#move((state) => completeness.sentTo(state, completeness.parseCursor(cursor).seq));
  }

  reach(/** @type {string} */ position, /** @type {Record<string, number>} */ heads) {
    this.#move((state) => completeness.reach(state, completeness.parseCursor(position), heads));
    this.catchUp.ifLacking();
  }

  /** Note a row whose content did not come, and fetch it within `patience` ms. */
  told(/** @type {{channel: string, seq: number}} */ { channel, seq }, /** @type {number} */ patience) {
    this.#move((state) => completeness.told(state, channel, seq));
    this.catchUp.ifLacking(patience);
  }

  /** Fetch what is new where no stream tells; resolve to how many rows that were. */
  look() {
    return this.catchUp.look();
  }

  #move(/** @type {(state: completeness.State) => completeness.State} */ change) {
    if (!this.state) return;
    this.state = change(this.state);
    this.on.moved();
  }

  // --- Rows

  /** Show each event once; tell of each row once. `path` is null where another tab took it, which gives the receipt. */
  take(/** @type {Row} */ row, /** @type {import("./types.js").Path?} */ path) {
    this.#move((state) => completeness.shown(state, row));
    if (path && this.received.add(row.id)) {
      this.receipts.add(row.id, this.isUnable ? "unable" : path);
      this.on.row(row);
    }
    if (this.meanwhile) this.meanwhile.push(row);
    else this.#show(row);
  }

  #show(/** @type {Row} */ row) {
    if (row.expires_at && Date.parse(row.expires_at) <= Date.now()) return;
    if (this.seen.add(row.event_id)) this.on.notification(row);
  }

  // --- Questions

  /**
   * Resolve to what `question` answers, however long it takes; to null once stopped, signed out, or where the tab has
   * to begin again.
   *
   * @template Answer
   * @param {() => Promise<Answer>} question
   */
  ask(question) {
    const onFinal = (/** @type {number} */ status) => (status === 401 ? this.on.signedOut() : this.restart());
    return untilAnswered(question, { isOver: () => this.stopped, onFinal });
  }

  /** Fetch the session, however long it takes. Resolve to null where it is another login's by now. */
  async askSession() {
    const session = await this.ask(() => this.api.session());
    if (!session || session.login === this.login) return session;
    this.on.signedOut();
    return null;
  }

  /** Begin again, position first, then the list: the log has a new epoch, or cannot answer this cursor. */
  async restart() {
    if (this.meanwhile || this.stopped) return;
    this.meanwhile = [];
    this.on.restart();
    await pause(this.restartedAt + RESTART_PAUSE - performance.now());
    this.restartedAt = performance.now();
    const session = await this.askSession();
    const inbox = session && (await this.ask(() => this.api.inbox()));
    if (!inbox) return;
    inbox.results.forEach((row) => this.seen.add(row.event_id));
    this.on.reset(inbox);
    const isOfThisLog = completeness.parseCursor(session.position).epoch === this.#epoch;
    const rows = this.meanwhile;
    this.meanwhile = null;
    if (isOfThisLog) rows.forEach((row) => this.#show(row)); // rows of another epoch are dropped
    this.position = session.position;
    this.state = null;
    this.on.begun(session);
  }
}
