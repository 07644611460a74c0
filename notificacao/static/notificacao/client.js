/**
 * The client of one page: session, transport, lanes, completeness, catch-up. It knows nothing of the page's looks.
 *
 * Every row, by whatever path, goes through `#take`; every claim on what exists goes through completeness.js.
 */

import { AblyLink } from "./ably.js";
import { CatchUp } from "./catchup.js";
import * as completeness from "./completeness.js";
import { Lane, browserId } from "./lane.js";
import { untilAnswered } from "./patience.js";
import { Receipts } from "./receipts.js";
import { Recent } from "./recent.js";
import { Timers } from "./timers.js";

const ATTACH_WITHIN = 3_000; // ms; else the live lane
const GAP_PATIENCE = 300; // ms that a gap on Ably may stand
const FETCH_PATIENCE = 50; // ms in which rows that must be fetched become one request
const NEW_LINK_AFTER = 60_000; // ms after the SDK gave up
const REMEMBERED = 10_000; // ids

export class NotificationClient {
  /**
   * @param {{
   *   position: string, read before the page's list was
   *   shown: {id: string, event_id: string}[], the page's list
   *   api: import("./api.js").Api,
   *   sdk: () => Promise<any>, Ably's
   *   on: {
   *     notification: (row: object) => void, each event once
   *     counts: (unread: number) => void,
   *     status: (status: "ably" | "standby" | "sse" | "connecting" | "offline") => void,
   *     reset: (inbox: {results: object[], next: string?}) => void, the list anew
   *     signedOut: () => void,
   *   },
   * }} options
   */
  constructor({ position, shown, api, sdk, on }) {
    Object.assign(this, { api, sdk, on, position });
    this.seen = new Recent(REMEMBERED);
    this.received = new Recent(REMEMBERED);
    shown.forEach((row) => this.seen.add(row.event_id));
    this.browser = browserId();
    this.link = null;
    this.wantsAbly = false;
    this.meanwhile = null; // rows that come while the list is fetched anew
    this.sessionsAsked = 0;
    this.timers = new Timers();
    this.receipts = new Receipts({ send: (deliveries) => api.receipts(deliveries) });
    this.catchUp = new CatchUp({
      state: () => this.state,
      ask: (after, only) => (this.meanwhile ? null : this.#ask(() => api.after(after, only))),
      onPage: (rows, from, to, only) => {
        rows.forEach((row) => this.#take(row, "rest"));
        this.state = completeness.caughtUp(this.state, from, to, only);
      },
      timers: this.timers,
    });
    this.lane = new Lane({
      address: (lane) => this.#streamAddress(lane),
      onEvent: (event, lane) => this.#hearStream(event, lane),
      onOpen: () => this.#tellStatus(),
      onClose: () => {
        this.state = completeness.closeStream(this.state);
        this.#tellStatus();
      },
      onRefused: (status) => (status === 401 ? this.stop(this.on.signedOut) : this.#refreshSoon()),
      fetch: api.fetch,
    });
  }

  async start() {
    this.#tellStatus();
    const session = await this.#ask(() => this.api.session());
    if (session) this.#begin(session);
  }

  /** The network came back, or the page came out of a cache: what is open may be dead. */
  reconnect() {
    this.link?.hurry();
    if (this.lane.wanted) this.lane.open(this.lane.wanted);
    this.#tellStatus();
  }

  /** The network went away. */
  offline() {
    this.#tellStatus();
  }

  stop(then = () => {}) {
    if (this.stopped) return;
    this.stopped = true;
    this.timers.close();
    this.lane.close();
    this.link?.close();
    then();
  }

  /** `epoch.seq` up to which the page lacks nothing. */
  get safeCursor() {
    return this.state ? completeness.safeCursor(this.state) : this.position;
  }

  // --- Session and transport

  #begin(session) {
    this.state = completeness.begin(this.position, session.channels);
    this.#apply(session);
  }

  #apply(session) {
    if (completeness.parseCursor(session.position).epoch !== this.state.epoch) return this.#restart();
    this.state = completeness.hear(this.state, session.channels);
    this.on.counts(session.unread);
    this.wantsAbly = session.transport === "ably";
    if (this.wantsAbly) this.#useAbly(session);
    else this.#useStream();
    this.catchUp.ifLacking();
  }

  /** A new link has its time to attach; from the live lane the page goes to standby once it did. */
  #useAbly(session) {
    const isNew = !this.link;
    if (isNew) this.#startLink(session);
    else this.link.update(session);
    if (!this.lane.wanted) this.lane.open(isNew || this.link.attached ? "standby" : "live");
    else if (completeness.uncovered(this.state)) this.lane.open(this.lane.wanted);
  }

  #startLink(session) {
    this.link = new AblyLink({
      sdk: this.sdk,
      token: () => this.#token(),
      onRow: (row, epoch) => this.#hearAbly(row, epoch),
      onHint: (place) => this.#hearHint(place),
      onState: (state) => this.#followLink(state),
      onStale: () => this.#refreshSoon(),
    });
    this.link.start(session);
    this.timers.after("attach", ATTACH_WITHIN, () => this.link && !this.link.wasAttached && this.#goLive());
  }

  /** Ably is left only once the live stream is there. */
  #useStream() {
    if (this.lane.wanted !== "live" || completeness.uncovered(this.state)) this.lane.open("live");
    else this.#dropLink();
  }

  #dropLink() {
    this.link?.close();
    this.link = null;
    this.#tellStatus();
  }

  async #token() {
    try {
      return await this.api.ablyToken();
    } catch (error) {
      if (error.status === 401) this.stop(this.on.signedOut);
      if (error.status === 409) this.#refreshSoon();
      throw error;
    }
  }

  #followLink(state) {
    if (state === "attached") this.#returnToStandby();
    if (state === "suspended" || state === "failed") this.#goLive();
    if (state === "failed") this.timers.after("link", NEW_LINK_AFTER * (1 + Math.random()), () => this.#linkAnew());
    this.#tellStatus();
  }

  #linkAnew() {
    if (this.link?.state !== "failed") return;
    this.#dropLink();
    this.#refresh();
  }

  #goLive() {
    if (this.lane.wanted !== "live") this.lane.open("live");
  }

  /** From the live lane, when Ably is attached and nothing is lacking; spread in time. */
  #returnToStandby() {
    if (this.lane.wanted !== "live") return;
    this.timers.after("standby", 200 + Math.random() * 1_500, () => {
      if (!this.wantsAbly || !this.link?.attached) return;
      if (completeness.lacking(this.state).length) this.#returnToStandby();
      else this.lane.open("standby");
    });
  }

  #refreshSoon() {
    this.timers.after("session", Math.random() * 500, () => this.#refresh(), { again: false });
  }

  /** An answer that a later question overtook is not applied. */
  async #refresh() {
    const number = ++this.sessionsAsked;
    const session = await this.#ask(() => this.api.session());
    if (!session || number !== this.sessionsAsked) return;
    if (this.meanwhile) this.#refreshSoon(); // the state that it would change is about to go
    else this.#apply(session);
  }

  /** Another life of the log, or a cursor that it cannot answer: begin again, position first, then the list. */
  async #restart() {
    if (this.meanwhile) return;
    this.meanwhile = [];
    this.sessionsAsked += 1;
    this.lane.close();
    const session = await this.#ask(() => this.api.session());
    const inbox = session && (await this.#ask(() => this.api.inbox()));
    if (!inbox) return;
    inbox.results.forEach((row) => this.seen.add(row.event_id));
    this.on.reset(inbox);
    this.meanwhile.splice(0).forEach((row) => this.#show(row));
    this.meanwhile = null;
    this.position = session.position;
    this.#begin(session);
  }

  // --- What comes in

  #streamAddress(lane) {
    this.opening = completeness.parseCursor(this.safeCursor);
    return `/api/v1/stream/?${new URLSearchParams({ lane, cursor: this.safeCursor, browser: this.browser })}`;
  }

  #hearStream({ name, data, id }, lane) {
    switch (name) {
      case "notification":
        this.state = completeness.shown(this.state, data);
        if (id) this.state = completeness.sentTo(this.state, completeness.parseCursor(id).seq);
        return this.#take(data, lane === "live" ? "sse" : "standby");
      case "heartbeat":
        this.state = completeness.sentTo(this.state, completeness.parseCursor(id).seq);
        return undefined;
      case "heads":
        return this.#hearHeads(data, lane);
      case "counts":
        return this.on.counts(data.unread);
      case "session":
        return this.#refreshSoon();
      case "resync":
        return this.#restart();
    }
  }

  #hearHeads({ position, channels }, lane) {
    const cursor = completeness.parseCursor(position);
    if (cursor.epoch !== this.state.epoch) return this.#restart();
    const names = Object.keys(channels);
    if (this.opening) {
      this.state = completeness.openStream(this.state, this.opening, names);
      this.opening = null;
      if (lane === "live" && !this.wantsAbly) this.#dropLink();
    }
    const strange = names.some((name) => !this.state.channels[name]);
    if (strange || completeness.uncovered(this.state)) this.#refreshSoon();
    this.state = completeness.reach(this.state, cursor, channels);
    this.catchUp.ifLacking();
  }

  #hearAbly(row, epoch) {
    if (epoch !== this.state.epoch) return this.#restart();
    this.state = completeness.shown(this.state, row);
    this.#take(row, "ably");
    this.catchUp.ifLacking(GAP_PATIENCE);
  }

  /** A row without its content: what lies there is fetched. */
  #hearHint({ channel, seq, epoch }) {
    if (epoch !== this.state.epoch) return this.#restart();
    this.state = completeness.told(this.state, channel, seq);
    this.catchUp.ifLacking(FETCH_PATIENCE);
  }

  /** Show each event once; tell of each row once. */
  #take(row, transport) {
    if (this.received.add(row.id)) this.receipts.add(row.id, transport);
    if (this.meanwhile) this.meanwhile.push(row);
    else this.#show(row);
  }

  #show(row) {
    if (row.expires_at && Date.parse(row.expires_at) <= Date.now()) return;
    if (this.seen.add(row.event_id)) this.on.notification(row);
  }

  /** What `question` answers, however long it takes; null once stopped, signed out, or where the log wants a new start. */
  #ask(question) {
    const onFinal = (status) => (status === 401 ? this.stop(this.on.signedOut) : this.#restart());
    return untilAnswered(question, { isOver: () => this.stopped, onFinal });
  }

  // --- Status

  #tellStatus() {
    this.on.status(this.#status());
  }

  #status() {
    if (globalThis.navigator?.onLine === false) return "offline";
    if (this.lane.wanted === "standby" && this.link?.attached) return "ably";
    if (!this.lane.isOpen) return "connecting";
    if (this.lane.wanted === "live") return "sse";
    return this.link?.state === "connecting" ? "connecting" : "standby";
  }
}
