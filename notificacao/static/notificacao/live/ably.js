/** Link the page to Ably by the official SDK: one channel for each of the person's, with its own key. */

/**
 * @typedef {import("./types.js").Session} Session
 * @typedef {"connecting" | "attached" | "disconnected" | "suspended" | "failed"} LinkState
 * @typedef {{name: string, key: string?, key_epoch?: number?, old_keys?: string[]}} ChannelKeys
 * @typedef {{encoding?: string, data?: any, extras?: {headers?: {seq?: number, epoch?: string}}}} Message
 */

const KEY_PATIENCE = 300; // ms in which the stream brings the key of a message that no known key reads

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

export class AblyLink {
  /**
   * @param {{
   *   sdk: () => Promise<any>,
   *   token: () => Promise<string>,
   *   onRow: (row: import("./types.js").Row, epoch: string) => void,
   *   onHint: (place: {channel: string, seq: number, epoch: string}) => void, // a row is there, and must be fetched
   *   onState: (state: LinkState) => void,
   *   onStale: () => void, // a key or a capability is not today's: fetch the session
   * }} options
   */
  constructor({ sdk, token, onRow, onHint, onState, onStale }) {
    this.sdk = sdk;
    this.token = token;
    this.onRow = onRow;
    this.onHint = onHint;
    this.onState = onState;
    this.onStale = onStale;
    this.state = /** @type {LinkState} */ ("connecting");
    this.wasAttached = false;
    /** @type {import("./types.js").Channel[]} */
    this.channels = [];
    /** @type {Map<string, string?>} channel → base64, as set on the SDK's channel */
    this.keys = new Map();
    /** @type {Map<string, string[]>} channel → what a message may still be encrypted with */
    this.oldKeys = new Map();
    /** @type {Set<{name: string, message: Message, late: ReturnType<typeof setTimeout>}>} messages without a key */
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
    for (const held of this.held) {
      const candidates = [this.keys.get(held.name), ...(this.oldKeys.get(held.name) ?? [])];
      if (keys.has(held.name) && (await this.#readWith(candidates, held.name, held.message))) this.#letGo(held);
    }
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
      const isNew = !before;
      this.oldKeys.set(name, before ? [before, ...old_keys] : old_keys);
      this.keys.set(name, key);
      const channel = this.realtime.channels.get(name);
      channel.setOptions({ cipher: { key } }).catch(() => {});
      if (!isNew) continue;
      channel.on(() => this.#judge());
      const hear = (/** @type {Message} */ message) => this.#receive(name, message);
      channel.subscribe("notification", hear).catch(() => {});
    }
    this.#judge();
  }

  #forget(/** @type {string} */ name) {
    this.keys.delete(name);
    this.oldKeys.delete(name);
    const channel = this.realtime.channels.get(name);
    channel.off();
    channel.unsubscribe();
    channel.detach().catch(() => {});
  }

  #receive(/** @type {string} */ name, /** @type {Message} */ message) {
    if (message.encoding) this.#readWithOldKeys(name, message);
    else this.#hear(name, message);
  }

  /**
   * Try the old keys: a message that keeps its encoding was encrypted with another key than the one that is set. A key
   * that is newer than ours is on its way by the stream; without it the row is fetched.
   */
  async #readWithOldKeys(/** @type {string} */ name, /** @type {Message} */ message) {
    if (await this.#readWith(this.oldKeys.get(name) ?? [], name, message)) return;
    const late = setTimeout(() => {
      this.#letGo(held);
      this.onStale();
      this.#hear(name, { extras: message.extras });
    }, KEY_PATIENCE);
    const held = { name, message, late };
    this.held.add(held);
  }

  #letGo(/** @type {{name: string, message: Message, late: ReturnType<typeof setTimeout>}} */ held) {
    clearTimeout(held.late);
    this.held.delete(held);
  }

  /** Pass the row of `message` on where one of `keys` reads it; tell whether one does. */
  async #readWith(
    /** @type {(string | null | undefined)[]} */ keys,
    /** @type {string} */ name,
    /** @type {Message} */ { encoding, data, extras },
  ) {
    for (const key of keys) {
      const read = await this.Message.fromEncoded({ encoding, data, extras }, { cipher: { key } });
      if (read.encoding) continue;
      this.#hear(name, read);
      return true;
    }
    return false;
  }

  /** Pass the row on, or its place where the message has no row. */
  #hear(/** @type {string} */ name, /** @type {Message} */ { data, extras }) {
    if (this.closed || !this.keys.has(name)) return;
    const { seq, epoch } = extras?.headers ?? {};
    if (!epoch) return;
    if (data?.channel === name) this.onRow(data, epoch);
    else if (Number.isSafeInteger(seq)) this.onHint({ channel: name, seq: Number(seq), epoch });
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
