/**
 * The client of one page: session, transport, lanes, completeness, catch-up. It knows nothing of the page's looks.
 *
 * Every row, by whatever path, goes through `#take`; every claim on what exists goes through completeness.js.
 */

import { ApiError } from "./api.js";
import { AblyLink } from "./ably.js";
import * as completeness from "./completeness.js";
import { Lane, browserId } from "./lane.js";
import { Receipts } from "./receipts.js";
import { Recent } from "./recent.js";
import { Timers } from "./timers.js";

const ATTACH_WITHIN = 3_000; // ms; else the live lane
const HEAD_PATIENCE = 1_000; // ms that a head may be lacking
const GAP_PATIENCE = 300; // ms that a gap on Ably may stand
const SPREAD = 100; // ms over which browsers that are told of the same row fetch it
const RETRY = 2_000; // ms
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
    this.timers = new Timers();
    this.receipts = new Receipts({ send: (deliveries) => api.receipts(deliveries) });
    this.lane = new Lane({
      address: (lane) => this.#streamAddress(lane),
      onEvent: (event, lane) => this.#hearStream(event, lane),
      onOpen: () => this.#tellStatus(),
      onClose: () => {
        this.state = completeness.closeLive(this.state);
        this.#tellStatus();
      },
      onRefused: (status) => (status === 401 ? this.stop(this.on.signedOut) : this.#refreshSoon()),
      fetch: api.fetch,
    });
  }

  async start() {
    this.#tellStatus();
    const session = await this.#untilAnswered(() => this.api.session());
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
    this.stopped = true;
    this.timers.clear();
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
    this.#healIfLacking(HEAD_PATIENCE);
  }

  #useAbly(session) {
    if (this.link) {
      this.link.update(session);
      if (!this.lane.wanted) this.lane.open(this.link.attached ? "standby" : "live");
      else if (this.lane.wanted === "live" && completeness.uncovered(this.state)) this.lane.open("live");
      return;
    }
    this.link = new AblyLink({
      sdk: this.sdk,
      token: () => this.#token(),
      onRow: (row, epoch) => this.#hearAbly(row, epoch),
      onHint: (place) => this.#hearHint(place),
      onState: (state) => this.#followLink(state),
      onStale: () => this.#refreshSoon(),
    });
    this.link.start(session);
    if (this.lane.wanted) return; // it goes to standby once Ably is attached
    this.lane.open("standby");
    this.timers.after("attach", ATTACH_WITHIN, () => this.link && !this.link.attached && this.#goLive());
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
      if (!this.link?.attached) return;
      if (completeness.lacking(this.state).length) this.#returnToStandby();
      else this.lane.open("standby");
    });
  }

  #refreshSoon() {
    this.timers.after("session", Math.random() * 500, () => this.#refresh());
  }

  async #refresh() {
    const session = await this.#untilAnswered(() => this.api.session());
    if (session) this.#apply(session);
  }

  /** Another life of the log, or a cursor that it cannot answer: begin again, position first, then the list. */
  async #restart() {
    if (this.meanwhile) return;
    this.meanwhile = [];
    this.lane.close();
    const session = await this.#untilAnswered(() => this.api.session());
    const inbox = session && (await this.#untilAnswered(() => this.api.inbox()));
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
    if (lane === "live" && this.opening) {
      this.state = completeness.openLive(this.state, this.opening, names);
      this.opening = null;
      if (!this.wantsAbly) this.#dropLink();
    }
    if (names.some((name) => !this.state.channels[name])) this.#refreshSoon();
    this.state = completeness.reach(this.state, cursor, channels);
    this.#healIfLacking(HEAD_PATIENCE);
  }

  #hearAbly(row, epoch) {
    if (epoch !== this.state.epoch) return this.#restart();
    this.state = completeness.shown(this.state, row);
    this.#take(row, "ably");
    this.#healIfLacking(GAP_PATIENCE);
  }

  /** A row without its content: what lies there is fetched. */
  #hearHint({ channel, seq, epoch }) {
    if (epoch !== this.state.epoch) return this.#restart();
    this.state = completeness.told(this.state, channel, seq);
    if (!completeness.lacking(this.state).length) return;
    this.timers.after("fetch", Math.random() * SPREAD, () => this.#heal(), { again: false });
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

  // --- Catch-up

  #healIfLacking(patience) {
    if (!completeness.lacking(this.state).length) return;
    this.timers.after("heal", patience * (1 + Math.random() * 0.3), () => this.#heal(), { again: false });
  }

  /** Fetch until nothing is known to be lacking. */
  async #heal() {
    let names;
    while ((names = completeness.lacking(this.state)).length) {
      const only = names.length === 1 ? names[0] : null;
      const from = completeness.safeCursor(this.state, only ? names : undefined);
      const page = await this.#untilAnswered(() => this.api.after(from, only));
      if (!page) return;
      const to = completeness.parseCursor(page.complete_to);
      if (to.epoch !== this.state.epoch) return; // begun again meanwhile
      page.results.forEach((row) => this.#take(row, "rest"));
      this.state = completeness.caughtUp(this.state, to, only);
    }
  }

  // --- Patience

  /** What `ask` answers, however long it takes; null once signed out, stopped, or where the log wants a new start. */
  async #untilAnswered(ask) {
    while (!this.stopped) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401) this.stop(this.on.signedOut);
        else if (error.status === 410) this.#restart();
        if ([401, 410].includes(error.status)) return null;
        await new Promise((resolve) => setTimeout(resolve, error.retryAfter ?? RETRY * (0.5 + Math.random())));
      }
    }
    return null;
  }

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
