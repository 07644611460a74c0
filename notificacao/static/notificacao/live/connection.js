/**
 * Hold the connection of the tab that leads: session, stream, Ably, polling, and the choice among them. Rows go to
 * incoming.js, which outlives the connection.
 *
 * @typedef {import("./types.js").Session} Session
 * @typedef {import("./types.js").LaneName} LaneName
 */

import { AblyLink } from "./ably.js";
import * as completeness from "./completeness.js";
import { Lane, randomId } from "./lane.js";
import { Polling } from "./polling.js";
import { SITE } from "./site.js";
import { Timers } from "./timers.js";

const ATTACH_WITHIN = 3_000; // ms; else the live lane
const GAP_PATIENCE = 300; // ms that a gap on Ably may stand
const FETCH_PATIENCE = 50; // ms in which rows that must be fetched become one request
const NEW_LINK_AFTER = 60_000; // ms after the SDK gave up
const ENOUGH = { late: 1, failed: 3, silent: 2, away: 1 }; // so many in a row mean that no stream comes through
const TELL_DOUBT_WITHIN = 10_000; // ms
const KEYS_AGAIN = 2_000; // ms after which a session that lacked a key is asked for again
const RECONNECT_PAUSE = 1_000; // ms in which several events that the network is back count as one

export class Connection {
  /**
   * @param {{
   *   incoming: import("./incoming.js").Incoming,
   *   api: import("./api.js").Api,
   *   sdk: () => Promise<any>, // Ably's
   *   on: {
   *     status: (status: import("./types.js").Status) => void,
   *     counts: (unread: number) => void,
   *     signedOut: () => void,
   *   },
   * }} options
   */
  constructor({ incoming, api, sdk, on }) {
    this.incoming = incoming;
    this.api = api;
    this.sdk = sdk;
    this.on = on;
    this.browser = randomId(); // once a page: a stream of the same page ends the one before
    /** @type {AblyLink?} */
    this.link = null;
    /** @type {string?} the cursor of a stream that has not spoken yet */
    this.opening = null;
    this.wantsAbly = false;
    this.ablyInUse = true;
    this.closed = false;
    this.sessionsAsked = 0;
    this.asking = 0;
    this.reconnectedAt = -Infinity;
    this.timers = new Timers();
    this.lane = new Lane({
      address: (lane) => this.#streamAddress(lane),
      onEvent: (event, lane) => this.#hearStream(event, lane),
      onOpen: () => {
        this.#trust("late", "failed", "away");
        this.#tellStatus();
      },
      onClose: () => {
        this.incoming.closeStream();
        this.#tellStatus();
      },
      onTrouble: (trouble) => this.#doubt(trouble),
      onRefused: (status) => (status === 401 ? this.on.signedOut() : this.polling.isOn || this.#refreshSoon()),
      fetch: api.fetch,
    });
    this.doubted = { unsigned: 0, unknown_key: 0, wrong: 0 }; // messages from Ably
    this.doubts = { late: 0, failed: 0, silent: 0, away: 0 };
    this.polling = new Polling({
      look: async () => (await this.incoming.look()) && this.#refreshSoon(), // the count has changed
      refresh: () => this.#refreshSoon(),
      onChange: () => this.#tellStatus(),
    });
  }

  start() {
    this.#tellStatus();
    if (!this.incoming.meanwhile) this.#refresh();
  }

  /** Connect afresh: the network came back, or the machine woke up, and what is open may be dead. */
  reconnect() {
    const now = performance.now();
    if (now - this.reconnectedAt >= RECONNECT_PAUSE) {
      this.reconnectedAt = now;
      this.link?.hurry();
      if (this.lane.wanted) this.lane.open(this.lane.wanted);
    }
    this.#tellStatus();
  }

  /** Stop while the tab begins again; it will `follow` the session from which it does. */
  pause() {
    this.sessionsAsked += 1;
    this.lane.close();
  }

  close() {
    this.closed = true;
    this.timers.close();
    this.lane.close();
    this.link?.close();
    this.polling.stop();
  }

  // --- Session and transport

  follow(/** @type {Session} */ session) {
    this.incoming.isUnable = session.reason === "cannot_verify"; // before it fetches anything
    if (!this.incoming.hear(session)) return;
    this.on.counts(session.unread);
    this.wantsAbly = session.transport === "ably";
    if (this.wantsAbly) this.#useAbly(session);
    else this.#useStream();
  }

  /** Make a link, which has its time to attach; from the live lane the page goes to standby once it did. */
  #useAbly(/** @type {Session} */ session) {
    const isNew = !this.link;
    if (isNew) this.#startLink(session);
    else this.link?.update(session);
    if (!this.lane.wanted) this.lane.open(isNew || this.link?.attached ? "standby" : "live");
    else if (this.#mustReopen) this.lane.open(this.lane.wanted);
    // A newcomer's key is renewed just now; the stream may have opened after it was told.
    const lacksKey = session.channels.some(({ key }) => !key);
    if (lacksKey) this.timers.after("keys", KEYS_AGAIN, () => this.#refreshSoon(), { again: false });
  }

  #startLink(/** @type {Session} */ session) {
    this.link = new AblyLink({
      sdk: this.sdk,
      token: () => this.#token(),
      isNews: (place) => this.incoming.isNews(place),
      onRow: (row) => this.#hearAbly(row),
      onHint: (place) => this.incoming.told(place, FETCH_PATIENCE),
      onDoubt: (doubt) => this.#doubtAbly(doubt),
      onState: (state) => this.#followLink(state),
      onStale: () => this.#refreshSoon(),
    });
    this.link.start(session);
    this.timers.after("attach", ATTACH_WITHIN, () => this.link && !this.link.wasAttached && this.#goLive());
  }

  /** Leave Ably without a request, since nothing else changed; an answer to an earlier request may be out of date. */
  #leaveAbly() {
    this.wantsAbly = false;
    this.#useStream();
    if (this.asking) this.#refreshSoon();
  }

  /** Open the live stream, and leave Ably only once it is there. */
  #useStream() {
    if (this.lane.wanted !== "live" || this.#mustReopen) this.lane.open("live");
    else if (this.lane.isOpen) this.#dropLink();
  }

  /** Tell whether the open stream does not speak for all channels; one that is yet to open will. */
  get #mustReopen() {
    return this.lane.isOpen && this.incoming.isUncovered;
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
      const status = /** @type {import("./api.js").ApiError} */ (error).status;
      if (status === 401) this.on.signedOut();
      if (status === 409) this.#refreshSoon();
      throw error;
    }
  }

  #followLink(/** @type {import("./ably.js").LinkState} */ state) {
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

  /** Go from the live lane to standby when Ably is attached and nothing is lacking, at a random moment. */
  #returnToStandby() {
    if (this.lane.wanted !== "live") return;
    this.timers.after("standby", 200 + Math.random() * 1_500, () => {
      if (!this.wantsAbly || !this.link?.attached) return;
      if (this.incoming.isLacking) this.#returnToStandby();
      else this.lane.open("standby");
    });
  }

  #refreshSoon() {
    this.timers.after("session", Math.random() * 500, () => this.#refresh(), { again: false });
  }

  /** Fetch the session. An answer that a later request overtook is not applied. */
  async #refresh() {
    const number = ++this.sessionsAsked;
    this.asking += 1;
    const session = await this.incoming.askSession();
    this.asking -= 1;
    if (!session || this.closed || number !== this.sessionsAsked) return;
    if (this.incoming.meanwhile) this.#refreshSoon(); // the state that it would change is about to be replaced
    else this.follow(session);
  }

  // --- What comes in

  #streamAddress(/** @type {LaneName} */ lane) {
    const cursor = this.incoming.safeCursor;
    this.opening = cursor;
    this.ablyInUse = true; // unless this stream says otherwise
    return `${SITE}/api/v1/stream/?${new URLSearchParams({ lane, cursor, browser: this.browser, ...this.api.context })}`;
  }

  #hearStream(/** @type {import("./stream.js").StreamEvent} */ { name, data, id }, /** @type {LaneName} */ lane) {
    switch (name) {
      case "notification":
        this.incoming.take(data, lane === "live" ? "sse" : "standby");
        return id && this.incoming.sentTo(id);
      case "heartbeat":
        this.#trust("silent");
        return id && this.incoming.sentTo(id);
      case "heads":
        return this.#hearHeads(data, lane);
      case "counts":
        return this.on.counts(data.unread);
      case "session":
        return data.transport === "sse" ? this.#leaveAbly() : this.#refreshSoon();
      case "ably":
        this.ablyInUse = data.in_use;
        return this.#tellStatus();
      case "keys":
        return this.link?.renewKeys(data.channels);
      case "resync":
        return this.incoming.restart();
    }
  }

  #hearHeads(
    /** @type {{position: string, channels: Record<string, number>}} */ { position, channels },
    /** @type {LaneName} */ lane,
  ) {
    if (!this.incoming.isOfThisLog(completeness.parseCursor(position).epoch)) return;
    const names = Object.keys(channels);
    if (this.opening) {
      this.incoming.openStream(this.opening, names);
      this.opening = null;
      if (lane === "live" && !this.wantsAbly) this.#dropLink();
    }
    if (!this.incoming.knows(names) || this.incoming.isUncovered) this.#refreshSoon();
    this.incoming.reach(position, channels);
  }

  #hearAbly(/** @type {import("./types.js").Row} */ row) {
    this.incoming.take(row, "ably");
    this.incoming.catchUp.ifLacking(GAP_PATIENCE);
  }

  /**
   * Take a message that the server may not have sent as a hint at most: what our own stream told of and is lacking is
   * fetched, in its usual time. Tell the server of each kind once, at some moment, as all pages may see such messages.
   */
  #doubtAbly(/** @type {import("./signature.js").Doubt} */ doubt) {
    this.incoming.catchUp.ifLacking();
    const before = this.doubted[doubt];
    this.doubted[doubt] += 1;
    if (before) return;
    this.timers.after(doubt, Math.random() * TELL_DOUBT_WITHIN, () =>
      this.api.unverified(doubt, this.doubted[doubt]).catch(() => {
        this.doubted[doubt] = 0; // it was not told: the next one tells
      }),
    );
  }

  // --- Whether streams come through

  #doubt(/** @type {import("./lane.js").Trouble} */ trouble) {
    this.doubts[trouble] += 1;
    if (this.doubts[trouble] >= ENOUGH[trouble]) this.polling.start();
  }

  /** Clear these doubts; stop polling, after two silent streams only once one sends something after its opening. */
  #trust(/** @type {import("./lane.js").Trouble[]} */ ...troubles) {
    for (const trouble of troubles) this.doubts[trouble] = 0;
    if (this.doubts.silent < ENOUGH.silent) this.polling.stop();
  }

  // --- Status

  #tellStatus() {
    if (!this.closed) this.on.status(this.#status());
  }

  /** @returns {import("./types.js").Status} */
  #status() {
    if (globalThis.navigator?.onLine === false) return "offline";
    if (this.lane.wanted === "standby" && this.link?.attached && this.ablyInUse) return "ably";
    if (this.polling.answers) return "polling";
    if (!this.lane.isOpen) return "connecting";
    if (this.lane.wanted === "live") return "sse";
    return this.link?.state === "connecting" ? "connecting" : "standby";
  }
}
