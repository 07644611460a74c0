/**
 * Play Ably, or whoever holds its key: everything that the site publishes passes here, and what is delivered, when, how
 * often and in which shape is ours to say. We are a member of the unit too, and so have its key.
 *
 * Messages are what crosses the wire. The page gets them as the SDK hands them out: its own `Message.fromEncoded`, with the
 * options that the page set on the channel.
 */

import { createCipheriv, createHash, randomBytes } from "node:crypto";
import Sdk from "ably";
import { ANA, Ably, ENCODING, SERVER, Signer, UNIT } from "./fakes.js";

export const FOREIGN = new Signer(66);
const NAMESAKE = Object.assign(new Signer(66), { public: { ...FOREIGN.public, id: SERVER.public.id } });
const BLOCK = 16; // bytes

/** Return the key of a channel, as the session gives it. */
export const keyOf = (channel) => createHash("sha256").update(channel).digest("base64");

function encrypt(channel, data) {
  const iv = randomBytes(BLOCK);
  const cipher = createCipheriv("aes-256-cbc", Buffer.from(keyOf(channel), "base64"), iv);
  return Buffer.concat([iv, cipher.update(JSON.stringify(data)), cipher.final()]);
}

/** Return the message that a signer makes of `row`, at the place that `claims` says. */
export function message(row, { signer = SERVER, epoch = "e1", data = row, ...claims } = {}) {
  const place = { epoch, key_epoch: 1, id: row.id, channel: row.channel, seq: row.seq, prev_seq: row.prev_seq, ...claims };
  const ciphertext = encrypt(place.channel, data);
  return wire(place.id, ciphertext, signer.headers(place, ciphertext));
}

export function wire(id, ciphertext, headers) {
  return { id, name: "notification", encoding: `${ENCODING}/base64`, data: ciphertext.toString("base64"), extras: { headers } };
}

export const ciphertextOf = ({ data }) => Buffer.from(data, "base64");

/** Return what a page that believes it would show, urgent and with a link away. */
export function lie(row, fields = {}) {
  const link = "https://evil.example/";
  return { ...row, id: `lie-${row.id}`, event_id: `lie-${row.id}`, title: "Urgente", priority: "urgente", link, ...fields };
}

/** Return every message with the beginning of one genuine ciphertext and the end of another. */
export function* splices(one, other) {
  const [first, second] = [ciphertextOf(one), ciphertextOf(other)];
  for (let end = BLOCK; end < first.length; end += BLOCK)
    for (let start = 0; start < second.length; start += BLOCK)
      yield wire(one.id, Buffer.concat([first.subarray(0, end), second.subarray(start)]), one.extras.headers);
}

export class Adversary {
  /** @param `random` answers 0 to 1 */
  constructor(page, random = Math.random) {
    this.page = page;
    this.random = random;
    this.read = []; // every genuine message, with its channel
    this.waiting = []; // those that were not delivered or dropped yet
  }

  /** Give `page` an Ably whose messages are decoded by the real SDK, and its site keys that are some. */
  static rule(page) {
    const ably = new Ably();
    ably.Realtime.Message = Sdk.Realtime.Message;
    page.ably = ably;
    page.site.keyOf = keyOf;
    return page;
  }

  /** Take what the site publishes. */
  publish(row) {
    this.read.push({ channel: row.channel, message: message(row) });
    this.waiting.push(this.read.at(-1));
  }

  async deliver({ channel, message }) {
    const { options, listener } = this.page.ably.link.channels.get(channel);
    listener?.(await Sdk.Realtime.Message.fromEncoded(structuredClone(message), options));
  }

  #any(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  /** Do one of the things that Ably can do. */
  async act() {
    const kinds = ["pass", "pass", "drop", "reorder", "replay", "alter", "move", "splice", "inject", "inject"];
    await this[`_${this.#any(kinds)}`]();
  }

  async _pass() {
    if (this.waiting.length) await this.deliver(this.waiting.shift());
  }

  async _drop() {
    this.waiting.shift();
  }

  async _reorder() {
    if (this.waiting.length) await this.deliver(this.waiting.pop());
  }

  async _replay() {
    if (this.read.length) await this.deliver(this.#any(this.read));
  }

  /** Change one thing in a genuine message: a bit of its text, or what it says of its place. */
  async _alter() {
    if (!this.read.length) return;
    const { channel, message } = structuredClone(this.#any(this.read));
    const { headers } = message.extras;
    const text = ciphertextOf(message);
    text[Math.floor(this.random() * text.length)] ^= 1 << Math.floor(this.random() * 8);
    const { seq } = headers;
    const changes = [
      { data: text.toString("base64") },
      { id: "another" },
      { encoding: undefined, data: lie(this.#any(this.page.site.rows)) },
      ...[{ seq: seq + 1 }, { seq: 9e15 }, { prev_seq: 0 }, { epoch: "e0" }, { key_epoch: 2 }, { signature: undefined }].map(
        (change) => ({ extras: { headers: { ...headers, ...change } } }),
      ),
    ];
    await this.deliver({ channel, message: { ...message, ...this.#any(changes) } });
  }

  /** Send a genuine message on the other channel. */
  async _move() {
    if (!this.read.length) return;
    const { channel, message } = this.#any(this.read);
    await this.deliver({ channel: channel === UNIT ? ANA : UNIT, message });
  }

  async _splice() {
    if (!this.read.length) return;
    const [one, other] = [this.#any(this.read), this.#any(this.read)];
    await this.deliver({ channel: one.channel, message: this.#any([...splices(one.message, other.message)]) });
  }

  /** Send something of our own, where the next row would lie or far beyond. */
  async _inject() {
    const channel = this.#any([UNIT, ANA]);
    const { site } = this.page;
    const seq = this.#any([site.head, site.head + 1, site.head + 2, 9e15]);
    const row = lie({ id: `${this.random()}`, channel, seq, prev_seq: site.headOf(channel), expires_at: null });
    const { extras } = message(row, { signer: FOREIGN });
    const plain = { id: row.id, name: "notification", data: row, extras };
    const forged = [plain, message(row, { signer: FOREIGN }), message(row, { signer: NAMESAKE })];
    if (this.read.length) {
      const genuine = this.#any(this.read).message; // its signature and place, with our text
      forged.push(wire(genuine.id, encrypt(channel, row), genuine.extras.headers));
    }
    await this.deliver({ channel, message: this.#any(forged) });
  }
}
