/**
 * Link the page to Ably by the official SDK: one channel for each of the person's, without a cipher. A message is verified
 * first, and only then decoded, with the channel's key, by the SDK's own `Message.fromEncoded`.
 */

import { Verifier } from "./signature.js";

/**
 * @typedef {import("./types.js").Session} Session
 * @typedef {"connecting" | "attached" | "disconnected" | "suspended" | "failed"} LinkState
 * @typedef {{name: string, key: string?, key_epoch?: number?, old_keys?: string[]}} ChannelKeys
 * @typedef {import("./signature.js").Message} Message
 * @typedef {import("./signature.js").Place} Place
 * @typedef {{place: Place, message: Message, late: ReturnType<typeof setTimeout>}} Held
 */

const KEY_PATIENCE = 300; // ms in which the stream brings the key of a message that no known key reads
const SIGNERS_AGAIN = 60_000; // ms between two questions who signs: anybody can name a signer that is unknown

/** @type {Promise<any>?} */
let loading = null;

/** Load the SDK's classic script (it cannot be imported) once. */
export function loadSdk(/** @type {string} */ address) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(/** @type {any} */ (globalThis).Ably);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error(`${address} did not load`));
    };
    document.head.append(script);
  });
  return loading;
}

/** Return the options of the SDK's client: the session's address, and `token`, which is called for each token. */
export function clientOptions(
  /** @type {import("./types.js").AblyAddress} */ { endpoint, port, tls },
  /** @type {() => Promise<string>} */ token,
) {
  return {
    ...(endpoint && { endpoint, port, tlsPort: port }),
    tls,
    transports: ["web_socket"], // with others a refused socket makes the SDK probe Ably's own hosts
    echoMessages: false,
    logLevel: 0,
    authCallback: (/** @type {unknown} */ _, /** @type {(error: object?, token: string?) => void} */ callback) =>
      token().then(
        (token) => callback(null, token),
        (error) => callback({ code: 80019, statusCode: error.status || 503, message: error.message }, null),
      ),
  };
}

/** Tell whether an error is Ably's own refusal; all others come from the way to Ably. */
export function isRefusal(/** @type {number} */ errorCode) {
  return errorCode >= 40_000 && errorCode < 50_000;
}

/** Resolve to what a verified message holds, read with the first of `keys` that opens it; to null where none does. */
export async function decode(
  /** @type {any} the SDK's */ Message,
  /** @type {Message} */ { encoding, data, extras },
  /** @type {(string | null | undefined)[]} */ keys,
) {
  for (const key of keys.filter(Boolean)) {
    const read = await Message.fromEncoded({ encoding, data, extras }, { cipher: { key } });
    if (!read.encoding) return read.data;
  }
  return null;
}

export class AblyLink {
  /**
   * @param {{
   *   sdk: () => Promise<any>,
   *   token: () => Promise<string>,
   *   isNews: (place: Place) => boolean, // it may be shown; else it is an old message that came again
   *   onRow: (row: import("./types.js").Row, place: Place) => void,
   *   onHint: (place: Place) => void, // the server says that a row is there, and it must be fetched
   *   onDoubt: (doubt: import("./signature.js").Doubt) => void, // a message that the server may not have sent
   *   onState: (state: LinkState) => void,
   *   onStale: () => void, // a key or a capability is not today's: fetch the session
   * }} options
   */
  constructor({ sdk, token, isNews, onRow, onHint, onDoubt, onState, onStale }) {
    this.sdk = sdk;
    this.token = token;
    this.isNews = isNews;
    this.onRow = onRow;
    this.onHint = onHint;
    this.onDoubt = onDoubt;
    this.onState = onState;
    this.onStale = onStale;
    this.state = /** @type {LinkState} */ ("connecting");
    this.wasAttached = false;
    /** @type {import("./types.js").Channel[]} */
    this.channels = [];
    this.verifier = new Verifier();
    this.askedForSigners = -Infinity;
    /** @type {Map<string, Promise<void>>} channel → its messages are taken one after the other */
    this.turns = new Map();
    /** @type {Map<string, string?>} channel → base64 */
    this.keys = new Map();
    /** @type {Map<string, string[]>} channel → what a message may still be encrypted with */
    this.oldKeys = new Map();
    /** @type {Set<Held>} messages without a key */
    this.held = new Set();
    this.closed = false;
    /** @type {any} the SDK's connection */
    this.realtime = null;
  }

  get attached() {
    return this.state === "attached";
  }

  /** Connect, and subscribe to the session's channels. */
  async start(/** @type {Session} */ session) {
    this.channels = session.channels;
    try {
      const { Realtime } = await this.sdk();
      if (this.closed) return;
      this.Message = Realtime.Message;
      const address = /** @type {import("./types.js").AblyAddress} */ (session.ably);
      this.verifier.renew(address.signing_keys); // fails where an older server names none: nothing could be believed
      this.realtime = new Realtime(clientOptions(address, this.token));
    } catch {
      this.#enter("failed");
      return;
    }
    this.realtime.connection.on(() => this.#judge());
    this.#listen();
  }

  /** Take over a changed session: other channels, or other keys. */
  async update(/** @type {Session} */ session) {
    this.channels = session.channels; // also for whoever is still waiting, for the SDK or for a token
    if (!this.realtime) return;
    if (session.ably) this.verifier.renew(session.ably.signing_keys ?? []);
    const wanted = new Map(session.channels.map((channel) => [channel.name, channel]));
    for (const name of [...this.keys.keys()].filter((name) => !wanted.has(name))) this.#forget(name);
    const joined = session.channels.some(({ name }) => !this.keys.has(name));
    // The token that the connection holds does not name the channels that are new.
    if (joined) await this.realtime.auth.authorize().catch(() => {});
    if (!this.closed) this.#listen();
  }

  /** Take over new keys of some channels, and read with them what came before them. */
  async renewKeys(/** @type {ChannelKeys[]} */ renewed) {
    const keys = new Map(renewed.map((channel) => [channel.name, channel]));
    this.channels = this.channels.map((channel) => ({ ...channel, ...keys.get(channel.name) }));
    if (!this.realtime) return;
    this.#listen();
    for (const held of this.held)
      if (keys.has(held.place.channel) && (await this.#read(held.place, held.message))) this.#letGo(held);
  }

  /** Try again at once: the network is back. */
  hurry() {
    if (!this.closed) this.realtime?.connect();
  }

  close() {
    this.closed = true;
    this.held.forEach((held) => this.#letGo(held));
    this.realtime?.close();
  }

  #listen() {
    for (const { name, key, old_keys = [] } of this.channels) {
      const before = this.keys.get(name);
      if (before === key) continue;
      const isNew = !this.keys.has(name); // a newcomer's key may come later than the channel
      this.oldKeys.set(name, before ? [before, ...old_keys] : old_keys);
      this.keys.set(name, key);
      if (!isNew) continue;
      const channel = this.realtime.channels.get(name);
      channel.on(() => this.#judge());
      const hear = (/** @type {Message} */ message) => this.#receive(name, message);
      channel.subscribe("notification", hear).catch(() => {});
    }
    this.#judge();
  }

  #forget(/** @type {string} */ name) {
    this.keys.delete(name);
    this.oldKeys.delete(name);
    this.turns.delete(name);
    const channel = this.realtime.channels.get(name);
    channel.off();
    channel.unsubscribe();
    channel.detach().catch(() => {});
  }

  /** Verify at once, and take the messages of a channel in their order. */
  #receive(/** @type {string} */ name, /** @type {Message} */ message) {
    const judged = this.verifier.judge(name, message);
    const take = async () => this.#take(message, await judged);
    this.turns.set(name, (this.turns.get(name) ?? Promise.resolve()).then(take, take));
  }

  async #take(/** @type {Message} */ message, /** @type {Awaited<ReturnType<Verifier["judge"]>>} */ { place, doubt }) {
    if (this.closed) return;
    if (doubt) {
      if (doubt === "unknown_key") this.#askForSigners();
      this.onDoubt(doubt);
    } else if (this.#isWanted(place) && !(await this.#read(place, message))) this.#hold(place, message);
  }

  /** Ask who signs by now: keys may have changed since the session. */
  #askForSigners() {
    const now = performance.now();
    if (now - this.askedForSigners < SIGNERS_AGAIN) return;
    this.askedForSigners = now;
    this.onStale();
  }

  #isWanted(/** @type {Place} */ place) {
    return !this.closed && this.keys.has(place.channel) && this.isNews(place);
  }

  /** Wait a moment for the key: one that is newer than ours is on its way by the stream. Else the row is fetched. */
  #hold(/** @type {Place} */ place, /** @type {Message} */ message) {
    const late = setTimeout(() => {
      this.#letGo(held);
      if (!this.#isWanted(place)) return;
      this.onStale();
      this.onHint(place);
    }, KEY_PATIENCE);
    const held = { place, message, late };
    this.held.add(held);
  }

  #letGo(/** @type {Held} */ held) {
    clearTimeout(held.late);
    this.held.delete(held);
  }

  /** Pass on what a verified message holds, a row or a reference to one; tell whether one of our keys reads it. */
  async #read(/** @type {Place} */ place, /** @type {Message} */ message) {
    const { channel } = place;
    const read = await decode(this.Message, message, [this.keys.get(channel), ...(this.oldKeys.get(channel) ?? [])]);
    if (!read) return false;
    if (!this.#isWanted(place)) return true;
    if (read.channel === channel) this.onRow(read, place);
    else this.onHint(place);
    return true;
  }

  /** Sum up the state of the connection and all its channels in one word. */
  #judge() {
    if (this.closed) return;
    const connection = this.realtime.connection.state;
    const channels = [...this.keys.keys()].map((name) => this.realtime.channels.get(name).state);
    // Told once: the link stays failed until the session says otherwise.
    if (channels.includes("failed") && this.state !== "failed") this.onStale();
    if (connection === "failed" || channels.includes("failed")) this.#enter("failed");
    else if (connection === "suspended" || channels.includes("suspended")) this.#enter("suspended");
    else if (connection === "connected" && channels.every((state) => state === "attached")) this.#enter("attached");
    else if (connection === "disconnected") this.#enter("disconnected");
    else if (this.state !== "disconnected") this.#enter("connecting");
  }

  #enter(/** @type {LinkState} */ state) {
    if (state === this.state || this.closed) return;
    this.state = state;
    this.wasAttached ||= state === "attached";
    this.onState(state);
  }
}
