/**
 * Measure each link between the server and this page. judgement.js judges the figures.
 *
 * @typedef {import("../live/types.js").Session} Session
 * @typedef {import("../live/ably.js").Message} Message
 */

import { clientOptions, decode, isRefusal } from "../live/ably.js";
import { ApiError } from "../live/api.js";
import { randomId } from "../live/lane.js";
import { Verifier } from "../live/signature.js";
import { SITE } from "../live/site.js";

const ANSWER_WITHIN = 10_000; // ms
const FIRST_EVENT_WITHIN = 5_000; // ms
const OPENING = 500; // ms from a stream's first bytes, in which it says how things stand
const CONNECT_WITHIN = 12_000; // ms
const ATTACH_WITHIN = 8_000; // ms
const REWIND_WITHIN = 800; // ms in which recent messages come again after attaching

export class Probes {
  /** @param {{api: import("../live/api.js").Api, loadSdk: () => Promise<any>, fetch?: typeof globalThis.fetch}} options */
  constructor({ api, loadSdk, fetch = globalThis.fetch.bind(globalThis) }) {
    this.api = api;
    this.loadSdk = loadSdk;
    this.fetch = fetch;
  }

  /** Ask the server. Both times are those of the middle of the request; the server tells whole seconds. */
  async server() {
    const start = performance.now();
    const signal = AbortSignal.timeout(ANSWER_WITHIN);
    const response = await this.fetch(`${SITE}/health/live`, { cache: "no-store", signal }).catch(() => null);
    const ms = Math.round(performance.now() - start);
    const serverTime = Date.parse(response?.headers.get("Date") ?? "") + 500;
    return { status: response?.status ?? 0, online: navigator.onLine, ms, serverTime, localTime: Date.now() - ms / 2 };
  }

  async session() {
    const { status, answer } = await statusOf(this.api.session());
    return { status, session: answer };
  }

  async token() {
    const { status, answer } = await statusOf(this.api.ablyToken());
    return { status, token: answer };
  }

  async sdk() {
    this.Ably = await this.loadSdk().catch(() => null);
    return { loaded: Boolean(this.Ably) };
  }

  stream(/** @type {Session} */ { transport, position, stream }) {
    const lane = transport === "ably" ? "standby" : "live";
    const query = new URLSearchParams({ lane, browser: randomId(), ...this.api.context });
    if (transport !== "ably") query.set("cursor", position);
    return new StreamProbe(`${stream}?${query}`, this.fetch);
  }

  ably(/** @type {Session} */ session, /** @type {string} */ token) {
    return new AblyProbe(this.Ably.Realtime, session, token);
  }

  async secure() {
    return { isSecure: globalThis.isSecureContext };
  }

  /** Take a lock, and send a message to another BroadcastChannel of the same name. */
  async tabs() {
    const isSecure = globalThis.isSecureContext;
    const name = `diagnostico:${randomId()}`;
    try {
      const channels = [new BroadcastChannel(name), new BroadcastChannel(name)];
      const heard = new Promise((resolve) => (channels[1].onmessage = resolve));
      channels[0].postMessage("");
      const works = navigator.locks.request(name, { ifAvailable: true }, async (lock) => lock && (await heard));
      const answer = await within(works, 1_000);
      channels.forEach((channel) => channel.close());
      return { isSecure, works: Boolean(answer) };
    } catch {
      return { isSecure, works: false };
    }
  }

  async storage() {
    const name = `diagnostico:${randomId()}`;
    try {
      localStorage.setItem(name, name);
      const works = localStorage.getItem(name) === name;
      localStorage.removeItem(name);
      return { works };
    } catch {
      return { works: false };
    }
  }
}

/** Measure a stream of the diagnosis's own, read as bytes: when bytes come through tells whether a proxy buffers. */
class StreamProbe {
  /** @type {ReadableStreamDefaultReader<Uint8Array>=} */
  #reader;
  #firstAt = NaN;

  constructor(/** @type {string} */ address, /** @type {typeof globalThis.fetch} */ fetch) {
    this.address = address;
    this.fetch = fetch;
    this.controller = new AbortController();
  }

  async first() {
    const start = performance.now();
    const options = { headers: { Accept: "text/event-stream" }, signal: this.controller.signal };
    const response = await within(this.fetch(this.address, options).catch(() => undefined), ANSWER_WITHIN);
    const isStream = Boolean(response?.headers.get("Content-Type")?.startsWith("text/event-stream"));
    const answered = { status: response?.status ?? 0, isStream, isHeld: response === null, first: null };
    if (!response?.ok || !response.body || !isStream) return { ...answered, waited: ANSWER_WITHIN };
    this.#reader = response.body.getReader();
    const chunk = await within(this.#read(), FIRST_EVENT_WITHIN);
    this.#firstAt = performance.now();
    return { ...answered, first: chunk?.value ? Math.round(this.#firstAt - start) : null, waited: FIRST_EVENT_WITHIN };
  }

  /** Wait for bytes after the opening: what comes with it, in one piece or several, proves nothing of the rest. */
  async next(/** @type {number} */ patience) {
    for (let before = this.#firstAt; ; ) {
      const chunk = await within(this.#read(), patience);
      const [gap, age] = [performance.now() - before, performance.now() - this.#firstAt];
      if (chunk?.value && age < OPENING) before = performance.now();
      else return { next: chunk?.value ? Math.round(gap) : null, ended: chunk?.value === null, waited: Math.round(age) };
    }
  }

  /** Read one piece. A connection that breaks counts as a stream that ends. */
  async #read() {
    const read = await this.#reader?.read().catch(() => null);
    return { value: read?.value ?? null };
  }

  close() {
    this.controller.abort();
  }
}

/** Measure a connection of the diagnosis's own to Ably, which asks each channel for its last message. */
class AblyProbe {
  /** @type {Map<string, Message>} channel → the last message that came on it */
  #messages = new Map();

  constructor(/** @type {any} */ Realtime, /** @type {Session} */ session, /** @type {string} */ token) {
    this.Message = Realtime.Message;
    this.channels = session.channels;
    const address = /** @type {import("../live/types.js").AblyAddress} */ (session.ably);
    this.verifier = new Verifier();
    this.verifier.renew(address.signing_keys);
    this.realtime = new Realtime(clientOptions(address, async () => token));
  }

  async connected() {
    const start = performance.now();
    const { connection } = this.realtime;
    const errorCode = () => connection.errorReason?.code ?? 0;
    // After a refusal the SDK asks for another token and tries again, for ever.
    const settled = until(connection, () => connection.state === "connected" || isRefusal(errorCode()));
    await within(settled, CONNECT_WITHIN);
    return { state: connection.state, errorCode: errorCode(), ms: Math.round(performance.now() - start) };
  }

  async attached() {
    const channels = this.channels.map((channel) => this.#attach(channel));
    const settled = channels.map((one) => until(one, () => ["attached", "failed", "suspended"].includes(one.state)));
    await within(Promise.all(settled), ATTACH_WITHIN);
    const refused = channels.filter(({ state }) => state === "failed");
    return {
      wanted: channels.length,
      attached: channels.filter(({ state }) => state === "attached").length,
      refused: refused.length,
      errorCode: refused[0]?.errorReason?.code ?? 0,
    };
  }

  #attach(/** @type {import("../live/types.js").Channel} */ { name }) {
    const channel = this.realtime.channels.get(name, { params: { rewind: "1" } });
    const hear = (/** @type {Message} */ message) => this.#messages.set(name, message);
    channel.subscribe("notification", hear).catch(() => {});
    return channel;
  }

  async heard() {
    await within(new Promise(() => {}), REWIND_WITHIN);
    const judged = await Promise.all([...this.#messages].map(([name, message]) => this.#judge(name, message)));
    const count = (/** @type {string} */ word) => judged.filter((judgement) => judgement === word).length;
    return { forged: count("forged"), read: count("read"), unread: count("unread") };
  }

  /**
   * Tell whether the server signed the message, and any key opens it: perhaps one that was renewed since. What was said
   * before the person joined proves nothing: they have no key of then.
   */
  async #judge(/** @type {string} */ name, /** @type {Message} */ message) {
    const { place, doubt } = await this.verifier.judge(name, message);
    if (doubt) return "forged";
    const channel = this.channels.find((channel) => channel.name === name);
    if (!channel?.key || place.seq <= channel.since) return "not theirs";
    return (await decode(this.Message, message, [channel.key, ...(channel.old_keys ?? [])])) ? "read" : "unread";
  }

  close() {
    this.realtime.close();
  }
}

/**
 * Return status and answer of a call; `status` 0 means no answer at all.
 *
 * @template Answer
 * @param {Promise<Answer>} asking
 */
async function statusOf(asking) {
  try {
    return { status: 200, answer: await asking };
  } catch (error) {
    return { status: error instanceof ApiError ? error.status : 0, answer: null };
  }
}

/**
 * Resolve to what `promise` resolves to, or to null where that takes longer than `ms`.
 *
 * @template Answer
 * @param {Promise<Answer>} promise
 * @param {number} ms
 * @returns {Promise<Answer?>}
 */
function within(promise, ms) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, null)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolve once `isSo()` is true; ask it whenever `emitter`, one of Ably's, says that its state changed. */
function until(/** @type {{on: (look: () => void) => void}} */ emitter, /** @type {() => boolean} */ isSo) {
  return new Promise((resolve) => {
    const look = () => isSo() && resolve(undefined);
    emitter.on(look);
    look();
  });
}
