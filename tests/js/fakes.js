/** Stand in for the site, its streams and Ably's SDK: what the modules see of them, and levers for the tests. */

import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { vi } from "vitest";
import { signedBytes } from "../../notificacao/static/notificacao/live/signature.js";

export const ANA = "private:user:ana:notifications";
export const UNIT = "private:unit:norte:notifications";
export const SYSTEM = "system:notifications";

const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex"); // of Ed25519, before the key's 32 bytes
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** One who signs: the server has such a key, and so may an attacker. */
export class Signer {
  constructor(number) {
    const key = Buffer.concat([PKCS8, Buffer.alloc(32, number)]);
    this.private = createPrivateKey({ key, format: "der", type: "pkcs8" });
    const raw = createPublicKey(this.private).export({ format: "der", type: "spki" }).subarray(SPKI.length);
    this.public = { id: `signer ${number}`, key: raw.toString("base64") };
  }

  /** Return the headers of a message with that ciphertext, signed. */
  headers({ seq, prev_seq, epoch, key_epoch, ...place }, ciphertext) {
    const signature = sign(null, signedBytes({ seq, prev_seq, epoch, key_epoch, ...place }, ciphertext), this.private);
    return { seq, prev_seq, epoch, key_epoch, signer: this.public.id, signature: signature.toString("base64") };
  }
}

export const SERVER = new Signer(1);

/** Have node verify Ed25519 within the call: WebCrypto answers from a thread, which fake timers do not wait for. */
export function verifyAtOnce() {
  const key = (raw) => createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
  vi.spyOn(crypto.subtle, "importKey").mockImplementation(async (_format, raw) => key(raw));
  vi.spyOn(crypto.subtle, "verify").mockImplementation(async (_, key, signature, data) => verify(null, data, key, signature));
}

/** Imitate the site as ana's browser knows it: a log, her channels, the calls of the API, the hub's streams. */
export class Site {
  constructor({ transport = "ably" } = {}) {
    this.epoch = "e1";
    this.login = "a login of ana's";
    this.transport = transport;
    this.reason = null; // why it is SSE
    this.rows = []; // row n has seq n
    this.heard = { [ANA]: 0, [UNIT]: 0 }; // channel → since
    this.streams = [];
    this.receipted = [];
    this.told = []; // of messages from Ably that were not believed
    this.asked = []; // each call of the API, by name
  }

  get head() {
    return this.rows.length;
  }

  get position() {
    return `${this.epoch}.${this.head}`;
  }

  headOf(channel) {
    return this.rows.findLast((row) => row.channel === channel)?.seq ?? 0;
  }

  notify(channel = UNIT, fields = {}) {
    const seq = this.head + 1;
    const id = this.epoch === "e1" ? `row-${seq}` : `${this.epoch}-row-${seq}`;
    const row = { id, event_id: id, seq, prev_seq: this.headOf(channel), channel };
    this.rows.push({ ...row, expires_at: null, ...fields });
    return this.rows.at(-1);
  }

  keyOf(channel) {
    return `key of ${channel}`;
  }

  join(channel) {
    this.heard = { ...this.heard, [channel]: this.heard[channel] ?? this.head };
  }

  leave(channel) {
    const { [channel]: _, ...others } = this.heard;
    this.heard = others;
  }

  /** Return the rows after `seq` that whoever may subscribe to `channels` may see. */
  permitted(seq, channels = this.heard) {
    return this.rows.filter((row) => row.seq > seq && row.seq > (channels[row.channel] ?? Infinity));
  }

  // --- The API

  async session() {
    this.asked.push("session");
    const state = ([name, since]) => ({ name, since, head: this.headOf(name), key: this.keyOf(name), key_epoch: 1 });
    const channels = Object.entries(this.heard).map(state);
    const ably = { endpoint: "127.0.0.1", port: 1, tls: false, client_id: "ana", signing_keys: [SERVER.public] };
    return { person: "ana", login: this.login, transport: this.transport, reason: this.reason, position: this.position, channels, unread: this.head, ably };
  }

  async ablyToken() {
    this.asked.push("ablyToken");
    return "a token";
  }

  async after(cursor, only = null, limit = 200) {
    this.asked.push("after");
    const channels = only ? { [only]: this.heard[only] } : this.heard;
    const rows = this.permitted(Number(cursor.split(".")[1]), channels);
    const more = rows.length > limit;
    const results = rows.slice(0, limit);
    return { results, complete_to: more ? `${this.epoch}.${results.at(-1).seq}` : this.position, more };
  }

  async inbox() {
    this.asked.push("inbox");
    return { results: this.permitted(0).reverse(), next: null };
  }

  async unverified(reason, count) {
    this.told.push({ reason, count });
  }

  async receipts(deliveries) {
    this.receipted.push(...deliveries);
  }

  // --- The hub; a stream has `lane`, `cursor` and `event(name, data, id)`

  admit(stream) {
    Object.assign(stream, { grant: this.heard, sent: this.head, moved: {} });
    stream.event("heads", this.#heads(stream));
    if (stream.lane === "live") this.#write(stream, Number(stream.cursor.split(".")[1]));
    this.streams.push(stream);
  }

  /** Write what is new in the log to the live streams. */
  tail() {
    for (const stream of this.streams) {
      for (const row of this.rows.slice(stream.sent)) stream.moved[row.channel] = row.seq;
      if (stream.lane === "live") this.#write(stream, stream.sent);
      stream.sent = this.head;
    }
  }

  /** Write what a stream says now and then: heads that moved in standby, its place in the live lane. */
  tick() {
    for (const stream of this.streams) {
      const channels = Object.fromEntries(Object.entries(stream.moved).filter(([name]) => name in stream.grant));
      stream.moved = {};
      const position = `${this.epoch}.${stream.sent}`;
      if (stream.lane === "live") stream.heartbeat(position);
      else if (Object.keys(channels).length) stream.event("heads", { position, channels });
      else stream.heartbeat(null);
    }
  }

  /** Let the hub see that ana's channels changed. */
  notice() {
    for (const stream of this.streams.filter(({ grant }) => grant !== this.heard)) {
      stream.grant = this.heard;
      stream.event("heads", this.#heads(stream));
      stream.event("session", {});
    }
  }

  #heads({ grant }) {
    const channels = Object.keys(grant).map((name) => [name, this.headOf(name)]);
    return { position: this.position, channels: Object.fromEntries(channels) };
  }

  #write(stream, after) {
    for (const row of this.permitted(after, stream.grant)) {
      stream.event("notification", row, `${this.epoch}.${row.seq}`);
    }
  }
}

/** Answer fetches with streams: `admit` may write to the new connection, or answer with a refusal. */
export class Streams {
  constructor(admit = () => {}) {
    this.admit = admit;
    this.all = [];
    this.fetch = (address, { signal }) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const connection = new Connection(address, signal);
        this.all.push(connection);
        signal.addEventListener("abort", () => reject(signal.reason));
        this.#answer(connection).then(resolve, reject);
      });
  }

  get last() {
    return this.all.at(-1);
  }

  get open() {
    return this.all.filter(({ isOpen }) => isOpen);
  }

  /** Return the ms between one attempt and the next. */
  get waits() {
    return this.all.slice(1).map(({ at }, n) => at - this.all[n].at);
  }

  async #answer(connection) {
    const refused = await this.admit(connection);
    if (refused) connection.isOpen = false;
    return refused ?? new Response(connection.body);
  }
}

class Connection {
  constructor(address, signal) {
    const query = new URL(address, "http://site").searchParams;
    Object.assign(this, { address, lane: query.get("lane"), cursor: query.get("cursor"), at: Date.now(), isOpen: true });
    const cancel = () => (this.isOpen = false);
    this.body = new ReadableStream({ start: (out) => (this.out = out), cancel });
    signal.addEventListener("abort", () => this.cut(signal.reason));
  }

  write(text) {
    if (this.isOpen) this.out.enqueue(new TextEncoder().encode(text));
  }

  event(name, data, id = null) {
    this.write(`${id ? `id: ${id}\n` : ""}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  heartbeat(position) {
    this.write(position ? `id: ${position}\n: ${position}\n\n` : ":\n\n");
  }

  end() {
    this.isOpen = false;
    this.out.close();
  }

  cut(reason = new TypeError("network error")) {
    if (this.isOpen) this.out.error(reason);
    this.isOpen = false;
  }
}

export function refusal(status, headers = {}) {
  return new Response(JSON.stringify({ status, detail: `refused with ${status}` }), { status, headers });
}

export const ENCODING = "json/utf-8/cipher+aes-256-cbc";

/** Encrypt in our fashion: whoever knows `key` reads it. */
const encrypted = (key, data) => new TextEncoder().encode(JSON.stringify({ key, data }));

/** The SDK's own decoding of what `encrypted` made. */
class Message {
  static async fromEncoded({ encoding, data, extras }, { cipher }) {
    const content = JSON.parse(new TextDecoder().decode(data));
    return content.key === cipher.key ? { data: content.data, extras } : { encoding, data, extras };
  }
}

/** Return a message as the SDK hands it out without a cipher: `row` encrypted with the channel's key, signed. */
export function sealed(row, { epoch = "e1", key = `key of ${row.channel}`, data = row, signer = SERVER } = {}) {
  const { id, channel, seq, prev_seq } = row;
  const ciphertext = encrypted(key, data);
  const headers = signer.headers({ epoch, channel, seq, prev_seq, id, key_epoch: 1 }, ciphertext);
  return { id, name: "notification", encoding: ENCODING, data: ciphertext, extras: { headers } };
}

/** Imitate Ably's SDK: `links` are its connections, in the order in which they were made. */
export class Ably {
  constructor() {
    verifyAtOnce();
    const links = (this.links = []);
    this.Realtime = class extends AblyConnection {
      static Message = Message;

      constructor(options) {
        super(options);
        links.push(this);
      }
    };
  }

  get link() {
    return this.links.at(-1);
  }
}

/** Hold a state that others watch. */
class Watched {
  constructor(state) {
    this.state = state;
    this.watchers = [];
  }

  on(watcher) {
    this.watchers.push(watcher);
  }

  off() {
    this.watchers = [];
  }

  become(state) {
    this.state = state;
    this.watchers.forEach((watcher) => watcher());
  }
}

class AblyConnection {
  constructor(options) {
    const known = new Map();
    this.options = options;
    this.epoch = "e1"; // of the rows that it delivers
    this.connection = new Watched("connecting");
    this.closed = false;
    this.authorized = 0;
    this.hurried = 0;
    this.auth = { authorize: async () => (this.authorized += 1) };
    this.channels = { get: (name) => known.get(name) ?? known.set(name, new AblyChannel()).get(name) };
    this.known = known;
  }

  connect() {
    this.hurried += 1;
  }

  close() {
    this.closed = true;
  }

  attach() {
    this.connection.become("connected");
    for (const channel of this.known.values()) if (channel.listener) channel.become("attached");
  }

  /** Ask the page for a token: `[error, token]`. */
  askToken() {
    return new Promise((resolve) => this.options.authCallback({}, (...answer) => resolve(answer)));
  }

  /** Deliver `row`; `unusual`: what is unusual about it, as in `sealed`. */
  deliver(row, unusual = {}) {
    this.forge(row.channel, sealed(row, { epoch: this.epoch, ...unusual }));
  }

  /** Deliver whatever message on a channel. */
  forge(channel, message) {
    this.channels.get(channel).listener?.(message);
  }
}

class AblyChannel extends Watched {
  constructor() {
    super("initialized");
  }

  async subscribe(_name, listener) {
    this.listener = listener;
  }

  unsubscribe() {
    this.listener = null;
  }

  async detach() {
    this.state = "detached";
  }
}
