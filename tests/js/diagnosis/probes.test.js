import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { Probes } from "../../../notificacao/static/notificacao/diagnosis/probes.js";
import { Ably, ANA, Signer, Site, Streams, UNIT, refusal } from "../fakes.js";

const pass = (ms) => vi.advanceTimersByTimeAsync(ms);
let site;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-24T12:00:00.000Z") });
  site = new Site();
});
afterEach(() => void vi.useRealTimers());

describe("the server", () => {
  beforeEach(() => void vi.stubGlobal("navigator", { onLine: true }));

  const answering = (fetch) => new Probes({ api: site, fetch });

  it("is asked past every cache, and its clock read in the middle of the question", async () => {
    const fetch = vi.fn(async () => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      return new Response("{}", { headers: { Date: "Tue, 24 Nov 2026 12:00:00 GMT" } });
    });
    const asking = answering(fetch).server();
    await pass(400);
    const { status, ms, serverTime, localTime } = await asking;
    expect([status, ms]).toEqual([200, 400]);
    expect(fetch).toHaveBeenCalledWith("/health/live", expect.objectContaining({ cache: "no-store" }));
    expect(localTime - Date.parse("2026-11-24T12:00:00.200Z")).toBe(0);
    expect(serverTime - Date.parse("2026-11-24T12:00:00.500Z")).toBe(0);
  });

  it("that does not answer has no status and no clock", async () => {
    const { status, serverTime } = await answering(() => Promise.reject(new TypeError("refused"))).server();
    expect([status, serverTime]).toEqual([0, NaN]);
  });
});

describe("a call of the API", () => {
  it("has its answer and status, or the refusal's, or none", async () => {
    const probes = new Probes({ api: site, fetch: null });
    expect(await probes.token()).toEqual({ status: 200, token: "a token" });
    expect((await probes.session()).session.position).toBe("e1.0");
    site.ablyToken = () => Promise.reject(new ApiError(409));
    expect(await probes.token()).toEqual({ status: 409, token: null });
    site.session = () => Promise.reject(new ApiError(0));
    expect(await probes.session()).toEqual({ status: 0, session: null });
  });
});

describe("the stream", () => {
  let streams, type;

  beforeEach(() => {
    streams = new Streams();
    type = "text/event-stream; charset=utf-8";
  });

  async function open(transport = "sse") {
    const fetch = async (...question) => {
      const response = await streams.fetch(...question);
      response.headers.set("Content-Type", type);
      return response;
    };
    const session = { ...(await site.session()), transport, stream: "/api/v1/stream/" };
    return new Probes({ api: site, fetch }).stream(session);
  }

  const opening = (connection) => void setTimeout(() => connection.write("retry: 3000\n\n"), 40);

  it("is that of the person's transport, from where they stand", async () => {
    for (const transport of ["sse", "ably"]) void (await open(transport)).first();
    await pass(0);
    expect(streams.all.map(({ lane, cursor }) => [lane, cursor])).toEqual([
      ["live", "e1.0"],
      ["standby", null],
    ]);
  });

  it("is timed to its first bytes", async () => {
    streams.admit = opening;
    const reading = (await open()).first();
    await pass(40);
    expect(await reading).toMatchObject({ status: 200, isStream: true, isHeld: false, first: 40 });
  });

  it("that stays silent is given up after five seconds", async () => {
    const reading = (await open()).first();
    await pass(5_000);
    expect(await reading).toMatchObject({ status: 200, first: null, waited: 5_000 });
  });

  it("whose very answer is held back is given up after ten", async () => {
    streams.admit = () => new Promise(() => {});
    const reading = (await open()).first();
    await pass(10_000);
    expect(await reading).toMatchObject({ status: 0, isHeld: true, first: null, waited: 10_000 });
  });

  it("may be refused, cut, or answered by another", async () => {
    streams.admit = () => refusal(503);
    expect(await (await open()).first()).toMatchObject({ status: 503, first: null });
    streams.admit = () => Promise.reject(new TypeError("reset"));
    expect(await (await open()).first()).toMatchObject({ status: 0, isHeld: false, first: null });
    streams.admit = () => new Response("<html>Entre na rede</html>");
    type = "text/html";
    expect(await (await open()).first()).toMatchObject({ status: 200, isStream: false, first: null });
  });

  async function opened() {
    streams.admit = opening;
    const stream = await open();
    const reading = stream.first();
    await pass(40);
    await reading;
    return stream;
  }

  it("proves that bytes come through by what comes after its opening", async () => {
    const stream = await opened();
    const next = stream.next(24_000);
    await pass(100);
    streams.last.event("counts", { unread: 3 });
    await pass(15_000);
    streams.last.heartbeat("e1.0");
    await pass(0);
    expect(await next).toEqual({ next: 15_000, ended: false, waited: 15_100 });
  });

  it("that says nothing more is held, and one that ends is cut", async () => {
    const held = (await opened()).next(24_000);
    await pass(24_000);
    expect(await held).toEqual({ next: null, ended: false, waited: 24_000 });
    for (const end of [() => streams.last.end(), () => streams.last.cut()]) {
      const next = (await opened()).next(24_000);
      await pass(9_000);
      end();
      expect(await next).toEqual({ next: null, ended: true, waited: 9_000 });
    }
  });

  it("is open no longer once closed", async () => {
    (await opened()).close();
    expect(streams.open).toEqual([]);
  });
});

describe("Ably", () => {
  let ably, probe;

  beforeEach(async () => {
    ably = new Ably();
    const probes = new Probes({ api: site, loadSdk: async () => ably, fetch: null });
    expect(await probes.sdk()).toEqual({ loaded: true });
    probe = probes.ably(await site.session(), "the token");
  });

  it("has no library where that does not load", async () => {
    const probes = new Probes({ api: site, loadSdk: () => Promise.reject(new Error("blocked")), fetch: null });
    expect(await probes.sdk()).toEqual({ loaded: false });
  });

  it("is shown the token that was given already", async () => {
    expect(await ably.link.askToken()).toEqual([null, "the token"]);
  });

  it("is connected as soon as it says so", async () => {
    const connecting = probe.connected();
    await pass(80);
    ably.link.connection.become("connected");
    expect(await connecting).toEqual({ state: "connected", errorCode: 0, ms: 80 });
  });

  it("that refuses tells why at once, and one that is out of reach after twelve seconds", async () => {
    const connecting = probe.connected();
    ably.link.connection.errorReason = { code: 80003 };
    ably.link.connection.become("disconnected");
    await pass(12_000);
    expect(await connecting).toEqual({ state: "disconnected", errorCode: 80003, ms: 12_000 });
    const again = probe.connected();
    ably.link.connection.errorReason = { code: 40144 };
    ably.link.connection.become("disconnected");
    expect(await again).toEqual({ state: "disconnected", errorCode: 40144, ms: 0 });
  });

  it("opens each channel without a cipher, and asks for the last that was sent", async () => {
    const asked = vi.spyOn(ably.link.channels, "get");
    const attaching = probe.attached();
    for (const name of [ANA, UNIT]) {
      expect(asked).toHaveBeenCalledWith(name, { params: { rewind: "1" } });
    }
    ably.link.attach();
    expect(await attaching).toEqual({ wanted: 2, attached: 2, refused: 0, errorCode: 0 });
  });

  it("may refuse a channel, or leave one waiting", async () => {
    const attaching = probe.attached();
    ably.link.channels.get(ANA).errorReason = { code: 40160 };
    ably.link.channels.get(ANA).become("failed");
    await pass(8_000);
    expect(await attaching).toEqual({ wanted: 2, attached: 0, refused: 1, errorCode: 40160 });
  });

  async function heard() {
    const hearing = probe.heard();
    await pass(800);
    return hearing;
  }

  it("proves the keys by what it sends again", async () => {
    void probe.attached();
    expect(await heard()).toEqual({ forged: 0, read: 0, unread: 0 });
    ably.link.deliver(site.notify(ANA));
    ably.link.deliver(site.notify(UNIT), { key: "another" });
    expect(await heard()).toEqual({ forged: 0, read: 1, unread: 1 });
  });

  it("may send what was said before the person joined, which proves nothing: they have no key of then", async () => {
    Object.assign(probe.channels.find(({ name }) => name === UNIT), { since: 1 });
    probe.channels.find(({ name }) => name === ANA).key = null; // it is renewed for them just now
    void probe.attached();
    ably.link.deliver(site.notify(UNIT), { key: "another" });
    ably.link.deliver(site.notify(ANA));
    expect(await heard()).toEqual({ forged: 0, read: 0, unread: 0 });
    ably.link.deliver(site.notify(UNIT));
    expect(await heard()).toEqual({ forged: 0, read: 1, unread: 0 });
  });

  it("may send what a key opens that was renewed since", async () => {
    probe.channels.find(({ name }) => name === UNIT).old_keys = ["older", "old"];
    void probe.attached();
    ably.link.deliver(site.notify(UNIT), { key: "old" });
    expect(await heard()).toMatchObject({ read: 1, unread: 0 });
  });

  it("is found out where it sends what the server did not sign", async () => {
    void probe.attached();
    ably.link.deliver(site.notify(UNIT), { signer: new Signer(9) });
    expect(await heard()).toEqual({ forged: 1, read: 0, unread: 0 });
  });

  it("is left when closed", () => {
    probe.close();
    expect(ably.link.closed).toBe(true);
  });
});

describe("the browser", () => {
  const probes = () => new Probes({ api: null, fetch: null });
  const locks = { request: async (_name, _options, work) => work({}) };

  /** Send to all others of the same name, as browsers do. */
  class Channel {
    static all = [];
    constructor(name) {
      this.name = name;
      Channel.all.push(this);
    }
    postMessage(data) {
      const others = Channel.all.filter((other) => other !== this && other.name === this.name);
      setTimeout(() => others.forEach((other) => other.onmessage?.({ data })));
    }
    close() {
      Channel.all.splice(Channel.all.indexOf(this), 1);
    }
  }

  async function tabs(globals) {
    Object.entries(globals).forEach(([name, value]) => vi.stubGlobal(name, value));
    const trying = probes().tabs();
    await pass(1_000);
    return trying;
  }

  it("lets tabs agree by a lock and a channel", async () => {
    expect(await tabs({ isSecureContext: true, BroadcastChannel: Channel, navigator: { locks } })).toEqual({
      isSecure: true,
      works: true,
    });
    expect(Channel.all).toEqual([]);
  });

  it("may have no locks, no channel, or one that nobody hears", async () => {
    const deaf = class extends Channel {
      postMessage() {}
    };
    const insecure = { isSecureContext: false, BroadcastChannel: Channel, navigator: {} };
    expect(await tabs(insecure)).toEqual({ isSecure: false, works: false });
    for (const BroadcastChannel of [undefined, deaf]) {
      expect((await tabs({ isSecureContext: true, BroadcastChannel, navigator: { locks } })).works).toBe(false);
    }
  });

  it("keeps what it is given, or not, and nothing of the trial", async () => {
    const kept = new Map();
    const storage = {
      setItem: (name, value) => kept.set(name, value),
      getItem: (name) => kept.get(name) ?? null,
      removeItem: (name) => kept.delete(name),
    };
    vi.stubGlobal("localStorage", storage);
    expect([await probes().storage(), kept.size]).toEqual([{ works: true }, 0]);
    vi.stubGlobal("localStorage", { ...storage, setItem: () => {} });
    expect(await probes().storage()).toEqual({ works: false });
    vi.stubGlobal("localStorage", undefined);
    expect(await probes().storage()).toEqual({ works: false });
  });
});
