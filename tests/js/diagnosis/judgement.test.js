import { beforeEach, describe, expect, it } from "vitest";
import { LINKS, STATUS, diagnose, fill, judge, report, worst } from "../../../notificacao/static/notificacao/diagnosis/judgement.js";

const NOON = Date.parse("2026-11-24T12:00:00Z");
const at = (seconds) => ({ serverTime: NOON, localTime: NOON + seconds * 1_000 });
const opened = { status: 200, isStream: true, isHeld: false, first: 40, waited: 5_000 };

/** List what was measured of a link, and what is found. */
const CASES = [
  ["server", { status: 200, online: true, ms: 40 }, "server.ok", { ms: 40 }],
  ["server", { status: 200, online: true, ms: 1_001 }, "server.slow", { ms: 1_001 }],
  ["server", { status: 502, online: true, ms: 40 }, "server.failing", { status: 502 }],
  ["server", { status: 0, online: true, ms: 40 }, "server.unreachable"],
  ["server", { status: 0, online: false, ms: 40 }, "server.offline"],
  ["clock", at(29), "clock.ok", { seconds: 29 }],
  ["clock", at(-29), "clock.ok", { seconds: 29 }],
  ["clock", at(30), "clock.ahead", { seconds: 30 }],
  ["clock", at(-90), "clock.behind", { seconds: 90 }],
  ["clock", { serverTime: NaN, localTime: NOON }, "clock.unknown"],
  ["session", { status: 200 }, "session.ok"],
  ["session", { status: 401 }, "session.signed_out"],
  ["session", { status: 503 }, "session.failing", { status: 503 }],
  ["stream", opened, "stream.ok", { ms: 40 }],
  ["stream", { ...opened, first: 1_001 }, "stream.slow", { ms: 1_001 }],
  ["stream", { ...opened, first: null }, "stream.silent", { seconds: 5 }],
  ["stream", { ...opened, status: 0, isHeld: true, first: null, waited: 10_000 }, "stream.silent", { seconds: 10 }],
  ["stream", { ...opened, isStream: false, first: null }, "stream.foreign"],
  ["stream", { ...opened, status: 0, first: null }, "stream.unreachable"],
  ["stream", { ...opened, status: 429, first: null }, "stream.throttled"],
  ["stream", { ...opened, status: 503, first: null }, "stream.full"],
  ["stream", { ...opened, status: 403, first: null }, "stream.failing", { status: 403 }],
  ["buffering", { next: 17_900, ended: false, waited: 18_000 }, "buffering.ok", { seconds: 17.9, heartbeat: 15 }],
  ["buffering", { next: 18_001, ended: false, waited: 18_001 }, "buffering.late", { seconds: 18.001, heartbeat: 15 }],
  ["buffering", { next: null, ended: false, waited: 24_000 }, "buffering.held", { seconds: 24, heartbeat: 15 }],
  ["buffering", { next: null, ended: true, waited: 9_000 }, "buffering.cut", { seconds: 9 }],
  ["token", { status: 200 }, "token.ok"],
  ["token", { status: 409 }, "not_on_ably"],
  ["token", { status: 429 }, "token.throttled"],
  ["token", { status: 500 }, "token.refused", { status: 500 }],
  ["sdk", { loaded: true }, "sdk.ok"],
  ["sdk", { loaded: false }, "sdk.blocked"],
  ["connection", { state: "connected", errorCode: 0, ms: 80 }, "connection.ok", { ms: 80 }],
  ["connection", { state: "connected", errorCode: 0, ms: 3_001 }, "connection.slow", { ms: 3_001 }],
  ["connection", { state: "failed", errorCode: 40144, ms: 80 }, "connection.refused", { code: 40144 }],
  ["connection", { state: "disconnected", errorCode: 40140, ms: 80 }, "connection.refused", { code: 40140 }],
  ["connection", { state: "failed", errorCode: 80000, ms: 80 }, "connection.blocked", { code: 80000 }],
  ["connection", { state: "disconnected", errorCode: 80003, ms: 80 }, "connection.blocked", { code: 80003 }],
  ["channels", { wanted: 2, attached: 2, refused: 0, errorCode: 0 }, "channels.ok", { wanted: 2, attached: 2, code: 0 }],
  ["channels", { wanted: 2, attached: 1, refused: 0, errorCode: 0 }, "channels.late"],
  ["channels", { wanted: 3, attached: 1, refused: 1, errorCode: 40160 }, "channels.refused"],
  ["keys", { forged: 0, read: 2, unread: 0 }, "keys.ok", { channels: 2 }],
  ["keys", { forged: 0, read: 0, unread: 0 }, "keys.unproven"],
  ["keys", { forged: 0, read: 2, unread: 1 }, "keys.wrong", { channels: 1 }],
  ["keys", { forged: 1, read: 2, unread: 1 }, "keys.forged", { channels: 1 }],
  ["secure", { isSecure: true }, "secure.ok"],
  ["secure", { isSecure: false }, "secure.missing"],
  ["tabs", { isSecure: true, works: true }, "tabs.ok"],
  ["tabs", { isSecure: true, works: false }, "tabs.missing"],
  ["tabs", { isSecure: false, works: false }, "tabs.insecure"],
  ["storage", { works: true }, "storage.ok"],
  ["storage", { works: false }, "storage.blocked"],
];

describe("what is found", () => {
  it.each(CASES)("of the %s in %o is %s", (link, measured, code, figures) => {
    const finding = judge[link](measured, 15);
    expect(finding.code).toBe(code);
    expect(finding.status).toBe(STATUS[code]);
    if (figures) expect(finding.figures).toEqual(figures);
  });

  it("can be every code, and no other", () => {
    const made = CASES.map(([, , code]) => code);
    expect(new Set([...made, "untried", "token.suspended", "too_many_channels", "cannot_verify"])).toEqual(new Set(Object.keys(STATUS)));
  });
});

const SECRET = "chave-secreta";
const SESSION = { transport: "ably", position: "e1.7", stream: "/api/v1/stream/", person: SECRET, channels: [{ key: SECRET }] };

/** Make probes that find everything in order; a test breaks one link. */
class Sound {
  closed = [];
  session$ = SESSION;

  server = async () => ({ status: 200, online: true, ms: 9, ...at(1) });
  session = async () => ({ status: 200, session: this.session$ });
  token = async () => ({ status: 200, token: SECRET });
  sdk = async () => ({ loaded: true });
  secure = async () => ({ isSecure: true });
  tabs = async () => ({ isSecure: true, works: true });
  storage = async () => ({ works: true });
  stream$ = {
    first: async () => opened,
    next: async () => ({ next: 15_000, ended: false, waited: 15_000 }),
    close: () => this.closed.push("stream"),
  };
  ably$ = {
    connected: async () => ({ state: "connected", errorCode: 0, ms: 9 }),
    attached: async () => ({ wanted: 1, attached: 1, refused: 0, errorCode: 0 }),
    heard: async () => ({ forged: 0, read: 1, unread: 0 }),
    close: () => this.closed.push("ably"),
  };
  stream = () => this.stream$;
  ably = () => this.ably$;
}

describe("a diagnosis", () => {
  let probes, told;

  beforeEach(() => void (probes = new Sound()));

  async function codes() {
    told = [];
    await diagnose(probes, { heartbeat: 15 }, (finding) => told.push(finding));
    expect(told.map(({ link }) => link).sort()).toEqual([...LINKS].sort());
    return Object.fromEntries(told.map(({ link, code }) => [link, code]));
  }

  it("finds each link sound where each is, and leaves nothing open", async () => {
    const found = await codes();
    expect(Object.values(found).every((code) => STATUS[code] === "ok")).toBe(true);
    expect(worst(told)).toBe(null);
    expect(probes.closed.sort()).toEqual(["ably", "stream"]);
  });

  it("asks nothing of Ably, not even for its library, for who is on SSE", async () => {
    probes.session$ = { ...SESSION, transport: "sse", reason: "not_in_rollout" };
    probes.token = probes.sdk = probes.ably = () => expect.unreachable("Ably was asked");
    const { token, sdk, keys, buffering } = await codes();
    expect([token, sdk, keys, buffering]).toEqual(["not_on_ably", "not_on_ably", "not_on_ably", "buffering.ok"]);
    expect(worst(told)).toBe(null);
  });

  it("tells who is in the rollout that Ably is out of use", async () => {
    probes.session$ = { ...SESSION, transport: "sse", reason: "ably_out_of_use" };
    const { token, sdk } = await codes();
    expect([token, sdk]).toEqual(["token.suspended", "untried"]);
    expect(worst(told).link).toBe("token");
  });

  it.each(["too_many_channels", "cannot_verify"])("tells that SSE brings everything where %s, no fault of Ably's", async (reason) => {
    probes.session$ = { ...SESSION, transport: "sse", reason };
    const { token, sdk, keys } = await codes();
    expect([token, sdk, keys]).toEqual(Array(3).fill(reason));
    expect(worst(told)).toBe(null);
  });

  it("tells who is in the rollout that without https SSE brings everything, and names that", async () => {
    probes.session$ = { ...SESSION, transport: "sse", reason: "cannot_verify" };
    probes.secure = async () => ({ isSecure: false });
    probes.tabs = async () => ({ isSecure: false, works: false });
    const { token, sdk, keys, secure } = await codes();
    expect([token, sdk, keys, secure]).toEqual([...Array(3).fill("cannot_verify"), "secure.missing"]);
    expect(worst(told).link).toBe("secure");
  });

  it("names the server alone where that is away, and tries what needs none", async () => {
    probes.server = async () => ({ status: 0, online: true, ms: 9, ...at(0) });
    const { session, clock, keys, tabs } = await codes();
    expect([session, clock, keys, tabs]).toEqual(["untried", "untried", "untried", "tabs.ok"]);
    expect(worst(told).code).toBe("server.unreachable");
  });

  it("names the session where it has ended", async () => {
    probes.session = async () => ({ status: 401, session: null });
    const { clock, stream, token } = await codes();
    expect([clock, stream, token]).toEqual(["clock.ok", "untried", "untried"]);
    expect(worst(told).code).toBe("session.signed_out");
  });

  it("waits for no heartbeat of a stream of which nothing came, and closes it", async () => {
    probes.stream$.first = async () => ({ ...opened, first: null });
    expect((await codes()).buffering).toBe("untried");
    expect(worst(told).code).toBe("stream.silent");
    expect(probes.closed).toContain("stream");
  });

  it("gives a heartbeat three slacks on top", async () => {
    let patience;
    probes.stream$.next = async (ms) => ((patience = ms), { next: 15_000, ended: false, waited: 15_000 });
    await codes();
    expect(patience).toBe(24_000);
  });

  it.each([
    ["token", "token", async () => ({ status: 500, token: null }), "token.refused", "sdk"],
    ["sdk", "sdk", async () => ({ loaded: false }), "sdk.blocked", "connection"],
  ])("stops at the %s", async (link, probe, broken, code, after) => {
    probes[probe] = broken;
    expect((await codes())[after]).toBe("untried");
    expect(worst(told).code).toBe(code);
  });

  it("stops at a connection that is refused, and closes it", async () => {
    probes.ably$.connected = async () => ({ state: "failed", errorCode: 40144, ms: 9 });
    expect((await codes()).channels).toBe("untried");
    expect(worst(told).code).toBe("connection.refused");
    expect(probes.closed).toContain("ably");
  });

  it("tries the keys of the channels that are there where others are not", async () => {
    probes.ably$.attached = async () => ({ wanted: 2, attached: 1, refused: 1, errorCode: 40160 });
    expect((await codes()).keys).toBe("keys.ok");
    expect(worst(told).code).toBe("channels.refused");
  });

  it("makes a report in the order of the chain, without anything of the session", async () => {
    await codes();
    const texts = Object.fromEntries(Object.keys(STATUS).map((code) => [code, { sentence: `${code} em {ms} ms.` }]));
    const links = Object.fromEntries(LINKS.map((link) => [link, `<${link}>`]));
    const text = report(told.reverse(), ["Diagnóstico", "hoje"], { links, statuses: { ok: "ok" }, texts });
    const lines = text.split("\n");
    expect(lines.slice(0, 3)).toEqual(["Diagnóstico", "hoje", ""]);
    expect(lines[3]).toMatch(/^\[ok\] <server>: server.ok em 9 ms\. server\.ok \(\d+ ms\)$/);
    expect(lines.slice(3, -1).map((line) => /<(\w+)>/.exec(line)[1])).toEqual(LINKS);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain("e1.7");
  });
});

it("counts a failure before a warning, and the earlier link before the later", () => {
  const finding = (link, status) => ({ link, status });
  const [late, early, warning] = [finding("keys", "failure"), finding("stream", "failure"), finding("server", "warning")];
  expect(worst([late, early, warning])).toBe(early);
  expect(worst([finding("storage", "warning"), warning])).toBe(warning);
});

describe("a sentence", () => {
  it("has its numbers as the reader writes them", () => {
    expect(fill("{seconds} s", { seconds: 17.94 })).toBe("17,9 s");
    expect(fill("{seconds} s", { seconds: 17.94 }, "en")).toBe("17.9 s");
    expect(fill("código {code}", { code: 40144 })).toBe("código 40144");
  });

  it("has nothing but numbers", () => {
    expect(fill("{ms} {other}", { ms: "<b>segredo</b>" })).toBe("? ?");
  });
});
