/** The link to Ably: the official SDK, one channel for each that the person hears, each with its own key. */

/** Load the SDK's classic script (it cannot be imported) once. */
export function loadSdk(/** @type {string} */ address) {
  loadSdk.loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(globalThis.Ably);
    script.onerror = () => {
      loadSdk.loading = null;
      script.remove();
      reject(new Error(`${address} did not load`));
    };
    document.head.append(script);
  });
  return loadSdk.loading;
}

export class AblyLink {
  /**
   * @param {{
   *   sdk: () => Promise<any>,
   *   token: () => Promise<string>,
   *   onRow: (row: object, epoch: string) => void,
   *   onHint: (place: {channel: string, seq: number, epoch: string}) => void, a row is there, and must be fetched
   *   onState: (state: "connecting" | "attached" | "disconnected" | "suspended" | "failed") => void,
   *   onStale: () => void, a key or a capability is not today's: fetch the session
   * }} options
   */
  constructor({ sdk, token, onRow, onHint, onState, onStale }) {
    Object.assign(this, { sdk, token, onRow, onHint, onState, onStale });
    this.state = "connecting";
    this.keys = new Map(); // channel → base64, as set on the SDK's channel
    this.oldKeys = new Map(); // channel → what a message may still be encrypted with
    this.closed = false;
  }

  get attached() {
    return this.state === "attached";
  }

  /** Connect, and listen to the session's channels. */
  async start(session) {
    try {
      const { Realtime } = await this.sdk();
      if (this.closed) return;
      this.Message = Realtime.Message;
      this.realtime = new Realtime(this.#options(session.ably));
    } catch {
      this.#enter("failed");
      return;
    }
    this.realtime.connection.on(() => this.#judge());
    this.#listen(session.channels);
  }

  /** The session changed: other channels, or other keys. */
  async update(session) {
    if (!this.realtime) return;
    const wanted = new Map(session.channels.map((channel) => [channel.name, channel]));
    for (const name of [...this.keys.keys()].filter((name) => !wanted.has(name))) this.#forget(name);
    const joined = session.channels.some(({ name }) => !this.keys.has(name));
    // The token that the connection holds does not name what the person may hear only now.
    if (joined) await this.realtime.auth.authorize().catch(() => {});
    if (!this.closed) this.#listen(session.channels);
  }

  /** Try again at once: the network is back. */
  hurry() {
    this.realtime?.connect();
  }

  close() {
    this.closed = true;
    this.realtime?.close();
  }

  #options({ endpoint, port, tls }) {
    return {
      ...(endpoint && { endpoint, port, tlsPort: port }),
      tls,
      transports: ["web_socket"], // with others a refused socket makes the SDK probe Ably's own hosts
      echoMessages: false,
      logLevel: 0,
      authCallback: (_, callback) =>
        this.token().then(
          (token) => callback(null, token),
          (error) => callback({ code: 80019, statusCode: error.status || 503, message: error.message }, null),
        ),
    };
  }

  #listen(channels) {
    for (const { name, key, old_keys = [] } of channels) {
      const before = this.keys.get(name);
      if (before === key) continue;
      const isNew = !before;
      this.oldKeys.set(name, isNew ? old_keys : [before, ...old_keys]);
      this.keys.set(name, key);
      const channel = this.realtime.channels.get(name);
      channel.setOptions({ cipher: { key } }).catch(() => {});
      if (!isNew) continue;
      channel.on(() => this.#judge());
      channel.subscribe("notification", (message) => this.#receive(name, message)).catch(() => {});
    }
    this.#judge();
  }

  #forget(name) {
    this.keys.delete(name);
    this.oldKeys.delete(name);
    const channel = this.realtime.channels.get(name);
    channel.off();
    channel.unsubscribe();
    channel.detach().catch(() => {});
  }

  /** What is left of a message's encoding was encrypted with another key. */
  async #receive(name, message) {
    const read = message.encoding ? await this.#readWithOldKeys(name, message) : message;
    const { seq, epoch } = message.extras?.headers ?? {};
    if (this.closed || !this.keys.has(name)) return;
    if (!read) this.onStale();
    if (read?.data?.channel === name) this.onRow(read.data, epoch);
    else if (Number.isSafeInteger(seq)) this.onHint({ channel: name, seq, epoch });
  }

  async #readWithOldKeys(name, message) {
    for (const key of this.oldKeys.get(name) ?? []) {
      const { encoding, data, extras } = message;
      const read = await this.Message.fromEncoded({ encoding, data, extras }, { cipher: { key } });
      if (!read.encoding) return read;
    }
    return null;
  }

  /** One word for the connection and all its channels. */
  #judge() {
    if (this.closed) return;
    const connection = this.realtime.connection.state;
    const channels = [...this.keys.keys()].map((name) => this.realtime.channels.get(name).state);
    if (channels.includes("failed")) this.onStale();
    if (connection === "failed" || channels.includes("failed")) this.#enter("failed");
    else if (connection === "suspended" || channels.includes("suspended")) this.#enter("suspended");
    else if (connection === "connected" && channels.every((state) => state === "attached")) this.#enter("attached");
    else if (connection === "disconnected") this.#enter("disconnected");
    else if (this.state !== "disconnected") this.#enter("connecting");
  }

  #enter(state) {
    if (state === this.state || this.closed) return;
    this.state = state;
    this.onState(state);
  }
}
