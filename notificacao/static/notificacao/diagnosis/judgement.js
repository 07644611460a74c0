/**
 * Judge which link between the server and this page is broken, from what `Probes` measures. The page has the sentences.
 *
 * A finding's `code` names the page's sentence, `figures` are the numbers in it, `ms` is how long the measuring took.
 * Nothing but numbers leaves a measurement, so that a report can hold neither a secret nor a person.
 *
 * @typedef {import("../live/types.js").Session} Session
 * @typedef {keyof typeof STATUS} Code
 * @typedef {keyof typeof judge} Link
 * @typedef {Record<string, number>} Figures
 * @typedef {{code: Code, status: string, figures: Figures}} Found
 * @typedef {Found & {link: Link, ms: number?}} Finding
 */

import { isRefusal } from "../live/ably.js";

/** @type {Link[]} */
const AFTER_SDK = ["connection", "channels", "keys"];
/** @type {Link[]} */
const AFTER_TOKEN = ["sdk", ...AFTER_SDK];
/** @type {Link[]} */
const AFTER_SESSION = ["stream", "buffering", "token", ...AFTER_TOKEN];
/**
 * List the links in the order of the page and of the chain: the first that fails is the one to mend.
 *
 * @type {Link[]}
 */
export const LINKS = ["server", "session", "clock", ...AFTER_SESSION, "secure", "tabs", "storage"];

/** Map each code to how bad it is. */
export const STATUS = {
  untried: "skipped", // a link before it is broken
  not_on_ably: "skipped",
  too_many_channels: "skipped",
  cannot_verify: "skipped",
  "server.ok": "ok",
  "server.slow": "warning",
  "server.offline": "failure",
  "server.unreachable": "failure",
  "server.failing": "failure",
  "session.ok": "ok",
  "session.signed_out": "failure",
  "session.failing": "failure",
  "clock.ok": "ok",
  "clock.unknown": "warning",
  "clock.ahead": "warning",
  "clock.behind": "warning",
  "stream.ok": "ok",
  "stream.slow": "warning",
  "stream.unreachable": "failure",
  "stream.throttled": "warning",
  "stream.full": "failure",
  "stream.failing": "failure",
  "stream.foreign": "failure",
  "stream.silent": "failure",
  "buffering.ok": "ok",
  "buffering.late": "warning",
  "buffering.held": "failure",
  "buffering.cut": "failure",
  "token.ok": "ok",
  "token.suspended": "warning",
  "token.throttled": "warning",
  "token.refused": "failure",
  "sdk.ok": "ok",
  "sdk.blocked": "failure",
  "connection.ok": "ok",
  "connection.slow": "warning",
  "connection.refused": "failure",
  "connection.blocked": "failure",
  "channels.ok": "ok",
  "channels.late": "failure",
  "channels.refused": "failure",
  "keys.ok": "ok",
  "keys.unproven": "ok",
  "keys.forged": "failure",
  "keys.wrong": "failure",
  "secure.ok": "ok",
  "secure.missing": "warning",
  "tabs.ok": "ok",
  "tabs.insecure": "warning",
  "tabs.missing": "warning",
  "storage.ok": "ok",
  "storage.blocked": "warning",
};

/** Say for each reason of the session's why it is on SSE. @type {Record<string, Code>} */
const WHY_SSE = {
  not_in_rollout: "not_on_ably",
  too_many_channels: "too_many_channels",
  cannot_verify: "cannot_verify",
  ably_out_of_use: "token.suspended",
};
const SLOW_ANSWER = 1_000; // ms
const SLOW_CONNECTION = 3_000; // ms; by then the inbox is on SSE
const CLOCK_OFF = 30; // s
const HEARTBEAT_SLACK = 3; // s

/** @returns {Found} */
function found(/** @type {Code} */ code, /** @type {Figures} */ figures = {}) {
  return { code, status: STATUS[code], figures };
}

export const judge = {
  server(/** @type {{status: number, online: boolean, ms: number}} */ { status, online, ms }) {
    if (status === 200) return found(ms > SLOW_ANSWER ? "server.slow" : "server.ok", { ms });
    if (status) return found("server.failing", { status });
    return found(online ? "server.unreachable" : "server.offline");
  },

  /** Compare clocks: `serverTime` and `localTime` in ms since 1970, both of the middle of the request. */
  clock(/** @type {{serverTime: number, localTime: number}} */ { serverTime, localTime }) {
    if (!Number.isFinite(serverTime)) return found("clock.unknown");
    const ahead = Math.round((localTime - serverTime) / 1_000);
    if (Math.abs(ahead) < CLOCK_OFF) return found("clock.ok", { seconds: Math.abs(ahead) });
    return found(ahead > 0 ? "clock.ahead" : "clock.behind", { seconds: Math.abs(ahead) });
  },

  session(/** @type {{status: number}} */ { status }) {
    if (status === 200) return found("session.ok");
    return status === 401 ? found("session.signed_out") : found("session.failing", { status });
  },

  /**
   * Judge the opening. `first`: ms from the request to the first bytes of the body; null where none came in `waited`.
   *
   * @param {{status: number, isStream: boolean, isHeld: boolean, first: number?, waited: number}} measured
   */
  stream({ status, isStream, isHeld, first, waited }) {
    if (isHeld) return found("stream.silent", { seconds: waited / 1_000 });
    if (!status) return found("stream.unreachable");
    if (status === 429) return found("stream.throttled");
    if (status === 503) return found("stream.full");
    if (status !== 200) return found("stream.failing", { status });
    if (!isStream) return found("stream.foreign");
    if (first === null) return found("stream.silent", { seconds: waited / 1_000 });
    return found(first > SLOW_ANSWER ? "stream.slow" : "stream.ok", { ms: first });
  },

  /**
   * Judge whether a proxy buffers. `next`: ms of silence before bytes that came after the opening, null where none did;
   * `heartbeat` in s.
   *
   * @param {{next: number?, ended: boolean, waited: number}} measured
   */
  buffering({ next, ended, waited }, heartbeat = 0) {
    if (ended) return found("buffering.cut", { seconds: waited / 1_000 });
    if (next === null) return found("buffering.held", { seconds: waited / 1_000, heartbeat });
    const isLate = next > (heartbeat + HEARTBEAT_SLACK) * 1_000;
    return found(isLate ? "buffering.late" : "buffering.ok", { seconds: next / 1_000, heartbeat });
  },

  token(/** @type {{status: number}} */ { status }) {
    if (status === 200) return found("token.ok");
    if (status === 409) return found("not_on_ably");
    return status === 429 ? found("token.throttled") : found("token.refused", { status });
  },

  sdk: (/** @type {{loaded: boolean}} */ { loaded }) => found(loaded ? "sdk.ok" : "sdk.blocked"),

  /** Judge the connection. `errorCode`: Ably's, 0 where it gave none. */
  connection(/** @type {{state: string, errorCode: number, ms: number}} */ { state, errorCode, ms }) {
    if (state === "connected") return found(ms > SLOW_CONNECTION ? "connection.slow" : "connection.ok", { ms });
    return found(isRefusal(errorCode) ? "connection.refused" : "connection.blocked", { code: errorCode });
  },

  /** @param {{wanted: number, attached: number, refused: number, errorCode: number}} measured */
  channels({ wanted, attached, refused, errorCode }) {
    const figures = { attached, wanted, code: errorCode };
    if (attached === wanted) return found("channels.ok", figures);
    return found(refused ? "channels.refused" : "channels.late", figures);
  },

  /**
   * Judge the keys, by the recent message of each channel that came again: `read` and `unread` could and could not be
   * decrypted, `forged` were not signed by the server.
   */
  keys(/** @type {{forged: number, read: number, unread: number}} */ { forged, read, unread }) {
    if (forged) return found("keys.forged", { channels: forged });
    if (unread) return found("keys.wrong", { channels: unread });
    return found(read ? "keys.ok" : "keys.unproven", { channels: read });
  },

  /** Judge whether the browser gives the page what it keeps for pages in a secure context. */
  secure: (/** @type {{isSecure: boolean}} */ { isSecure }) => found(isSecure ? "secure.ok" : "secure.missing"),

  tabs(/** @type {{isSecure: boolean, works: boolean}} */ { isSecure, works }) {
    if (works) return found("tabs.ok");
    return found(isSecure ? "tabs.missing" : "tabs.insecure");
  },

  storage: (/** @type {{works: boolean}} */ { works }) => found(works ? "storage.ok" : "storage.blocked"),
};

/**
 * Try every link; `tell(finding)` for each as soon as it is known. Resolves once all are, heartbeat included.
 *
 * @param {import("./probes.js").Probes} probes
 * @param {{heartbeat: number}} page the stream's, in s
 * @param {(finding: Finding) => void} tell
 */
export async function diagnose(probes, { heartbeat }, tell) {
  /** @type {(link: Link, finding: Found, ms?: number?) => void} */
  const say = (link, finding, ms = null) => tell({ link, ms, ...finding });
  /** @type {(code: Code, ...links: Link[]) => void} */
  const skip = (code, ...links) => links.forEach((link) => say(link, found(code)));
  /** @type {<Measured>(link: Link, measuring: Promise<Measured>) => Promise<Measured>} */
  const look = async (link, measuring) => {
    const start = performance.now();
    const measured = await measuring;
    say(link, judge[link](/** @type {any} */ (measured), heartbeat), Math.round(performance.now() - start));
    return measured;
  };

  async function tryServer() {
    const server = await look("server", probes.server());
    if (!server.status) return skip("untried", "session", "clock", ...AFTER_SESSION);
    say("clock", judge.clock(server));
    const { session } = await look("session", probes.session());
    if (!session) return skip("untried", ...AFTER_SESSION);
    await Promise.all([tryStream(session), tryAbly(session)]);
  }

  async function tryStream(/** @type {Session} */ session) {
    const stream = probes.stream(session);
    try {
      const { first } = await look("stream", stream.first());
      if (first === null) return skip("untried", "buffering");
      await look("buffering", stream.next((heartbeat + 3 * HEARTBEAT_SLACK) * 1_000));
    } finally {
      stream.close();
    }
  }

  async function tryAbly(/** @type {Session} */ session) {
    if (session.transport !== "ably") {
      const why = WHY_SSE[session.reason ?? ""] ?? "not_on_ably";
      say("token", found(why));
      return skip(why === "token.suspended" ? "untried" : why, ...AFTER_TOKEN);
    }
    const { token } = await look("token", probes.token());
    if (!token) return skip("untried", ...AFTER_TOKEN);
    const { loaded } = await look("sdk", probes.sdk());
    if (!loaded) return skip("untried", ...AFTER_SDK);
    const ably = probes.ably(session, token);
    try {
      const { state } = await look("connection", ably.connected());
      if (state !== "connected") return skip("untried", "channels", "keys");
      await look("channels", ably.attached());
      await look("keys", ably.heard());
    } finally {
      ably.close();
    }
  }

  await Promise.all([tryServer(), look("secure", probes.secure()), look("tabs", probes.tabs()), look("storage", probes.storage())]);
}

/** Return the finding that counts: the first failure, else the first warning, else null. */
export function worst(/** @type {Finding[]} */ findings) {
  const inOrder = sorted(findings);
  const first = (/** @type {string} */ status) => inOrder.find((finding) => finding.status === status);
  return first("failure") ?? first("warning") ?? null;
}

function sorted(/** @type {Finding[]} */ findings) {
  return [...findings].sort((a, b) => LINKS.indexOf(a.link) - LINKS.indexOf(b.link));
}

/** Fill each `{name}` of `sentence` with its number of `figures`. */
export function fill(/** @type {string} */ sentence, /** @type {Figures} */ figures, locale = "pt-BR") {
  const shown = (/** @type {number} */ figure) =>
    figure.toLocaleString(locale, { maximumFractionDigits: 1, useGrouping: false });
  return sentence.replace(/\{(\w+)\}/g, (_, name) => (Number.isFinite(figures[name]) ? shown(figures[name]) : "?"));
}

/**
 * Write what a person may paste into a message to the operator: a line for each finding, in the page's words.
 *
 * @param {Finding[]} findings
 * @param {string[]} head lines above them
 * @param {{
 *   links: Record<string, string>, statuses: Record<string, string>, texts: Record<string, {sentence: string}>,
 * }} words
 */
export function report(findings, head, { links, statuses, texts }, locale = "pt-BR") {
  const lines = sorted(findings).map(({ link, status, code, figures, ms }) => {
    const took = ms === null ? "" : ` (${ms} ms)`;
    return `[${statuses[status]}] ${links[link]}: ${fill(texts[code].sentence, figures, locale)} ${code}${took}`;
  });
  return [...head, "", ...lines, ""].join("\n");
}
