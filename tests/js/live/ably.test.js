import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AblyLink, loadSdk } from "../../../notificacao/static/notificacao/live/ably.js";
import { Ably, ANA, SERVER, Signer, Site, SYSTEM, UNIT, sealed } from "../fakes.js";

const namesake = Object.assign(new Signer(9), { public: SERVER.public });

let site, ably, link, told, token, isNews;

afterEach(() => void vi.useRealTimers());
beforeEach(() => {
  vi.useFakeTimers();
  site = new Site();
  ably = new Ably();
  told = [];
  token = async () => "a token";
  isNews = () => true;
  link = linkWith(async () => ably);
});

function linkWith(sdk) {
  return new AblyLink({
    sdk,
    token: () => token(),
    isNews: (place) => isNews(place),
    onRow: (row, { epoch }) => told.push(`row ${row.seq} of ${epoch}`),
    onHint: ({ channel, seq, epoch }) => told.push(`hint ${seq} of ${epoch} on ${channel}`),
    onDoubt: (doubt) => told.push(doubt),
    onState: (state) => told.push(state),
    onStale: () => told.push("stale"),
  });
}

const channel = (name) => ably.link.channels.get(name);
const start = async () => link.start(await site.session());
const update = async () => link.update(await site.session());

describe("connecting", () => {
  it("goes to the address of the session over a websocket alone, and never hears itself", async () => {
    await start();
    const address = { endpoint: "127.0.0.1", port: 1, tlsPort: 1, tls: false };
    expect(ably.link.options).toMatchObject({ ...address, transports: ["web_socket"], echoMessages: false });
  });

  it("leaves the address to the SDK where the session names none", async () => {
    const session = await site.session();
    await link.start({ ...session, ably: { ...session.ably, endpoint: null, port: 443, tls: true } });
    expect(ably.link.options).not.toHaveProperty("endpoint");
    expect(ably.link.options).not.toHaveProperty("port");
  });

  it("is attached once the connection and every channel are", async () => {
    await start();
    ably.link.connection.become("connected");
    channel(ANA).become("attached");
    expect(link.attached).toBe(false);
    channel(UNIT).become("attached");
    expect(link.attached).toBe(true);
    expect(told).toEqual(["attached"]);
  });

  it("has failed where the SDK does not load", async () => {
    link = linkWith(() => Promise.reject(new Error("it did not load")));
    await start();
    expect(told).toEqual(["failed"]);
  });

  it.each(["suspended", "failed"])("tells of a connection that is %s, and of a channel that is", async (state) => {
    await start();
    ably.link.attach();
    ably.link.connection.become(state);
    expect(link.state).toBe(state);
    ably.link.attach();
    channel(UNIT).become(state);
    expect(link.state).toBe(state);
    expect(told.filter((word) => word !== "stale")).toEqual(["attached", state, "attached", state]);
  });

  it("stays disconnected while it tries again, until it is attached", async () => {
    await start();
    ably.link.attach();
    ["disconnected", "connecting", "disconnected", "connecting"].forEach((state) => ably.link.connection.become(state));
    ably.link.attach();
    expect(told).toEqual(["attached", "disconnected", "attached"]);
  });

  it("connects to nothing when it was closed before the SDK had loaded", async () => {
    const starting = start();
    link.close();
    await starting;
    expect(ably.links).toEqual([]);
  });

  it("says nothing more, and does not come back, once it is closed", async () => {
    await start();
    ably.link.attach();
    link.close();
    ably.link.connection.become("failed");
    link.hurry();
    expect(told).toEqual(["attached"]);
    expect(ably.link).toMatchObject({ closed: true, hurried: 0 });
  });

  it("tries again at once when it is hurried", async () => {
    await start();
    link.hurry();
    expect(ably.link.hurried).toBe(1);
  });
});

describe("tokens", () => {
  it("come from the site", async () => {
    await start();
    expect(await ably.link.askToken()).toEqual([null, "a token"]);
  });

  it("that are refused are no end: the SDK asks again, as after a server that does not answer", async () => {
    await start();
    for (const [status, statusCode] of [[409, 409], [401, 401], [0, 503]]) {
      token = () => Promise.reject(Object.assign(new Error("no token"), { status }));
      expect(await ably.link.askToken()).toEqual([{ code: 80019, statusCode, message: "no token" }, null]);
    }
  });
});

const taken = () => vi.waitFor(() => expect(told).not.toEqual([]));

describe("rows", () => {
  it("come with the epoch of their log, on a channel without a cipher", async () => {
    await start();
    ably.link.deliver(site.notify(UNIT));
    await taken();
    expect(told).toEqual(["row 1 of e1"]);
    expect(channel(UNIT).options).toBeUndefined();
  });

  it("come in their order, however long the verification of one takes", async () => {
    await start();
    const verify = crypto.subtle.verify.getMockImplementation();
    const waits = [30, 0, 10];
    crypto.subtle.verify.mockImplementation(async (...of) => {
      await new Promise((resolve) => setTimeout(resolve, waits.shift()));
      return verify(...of);
    });
    for (let n = 0; n < 3; n += 1) ably.link.deliver(site.notify(UNIT));
    await vi.waitFor(() => expect(told).toHaveLength(3));
    expect(told).toEqual(["row 1 of e1", "row 2 of e1", "row 3 of e1"]);
  });

  it("that were encrypted with another key make the session stale, and tell where they lie", async () => {
    await start();
    ably.link.deliver(site.notify(UNIT), { key: "another" });
    await vi.advanceTimersByTimeAsync(299);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(told).toEqual(["stale", `hint 1 of e1 on ${UNIT}`]);
  });

  it("that are references tell where they lie", async () => {
    await start();
    const row = site.notify(UNIT);
    ably.link.deliver(row, { data: { id: row.id, seq: row.seq } });
    await taken();
    expect(told).toEqual([`hint 1 of e1 on ${UNIT}`]);
  });

  it("that came before are not decoded again", async () => {
    await start();
    isNews = ({ seq }) => seq > 1;
    const decoded = vi.spyOn(ably.Realtime.Message, "fromEncoded");
    ably.link.deliver(site.notify(UNIT));
    ably.link.deliver(site.notify(UNIT));
    await taken();
    expect(told).toEqual(["row 2 of e1"]);
    expect(decoded).toHaveBeenCalledOnce();
  });
});

describe("what the server did not sign", () => {
  it.each([
    ["in the clear", (row) => ({ ...sealed(row), data: row, encoding: undefined }), "unsigned"],
    ["without a signature", (row) => ({ ...sealed(row), extras: { headers: { seq: 1, epoch: "e1" } } }), "unsigned"],
    ["without headers", (row) => ({ data: row }), "unsigned"],
    ["of another channel", (row) => sealed({ ...row, channel: ANA }, { key: `key of ${UNIT}` }), "wrong"],
    ["by a key of somebody's under our name", (row) => sealed(row, { signer: namesake }), "wrong"],
  ])("is not decoded: %s", async (_, forge, doubt) => {
    await start();
    const decoded = vi.spyOn(ably.Realtime.Message, "fromEncoded");
    ably.link.forge(UNIT, forge(site.notify(UNIT)));
    await taken();
    expect(told).toEqual([doubt]);
    expect(decoded).not.toHaveBeenCalled();
  });

  it("but by somebody who is not known asks who signs by now, once a minute", async () => {
    await start();
    for (let n = 0; n < 20; n += 1) {
      ably.link.deliver(site.notify(UNIT), { signer: new Signer(9) });
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect(told.filter((word) => word === "stale")).toHaveLength(2);
    expect(told.filter((word) => word === "unknown_key")).toHaveLength(20);
  });

  it("is believed once the session names who signed it", async () => {
    await start();
    const session = await site.session();
    session.ably.signing_keys.push(new Signer(9).public);
    await link.update(session);
    ably.link.deliver(site.notify(UNIT), { signer: new Signer(9) });
    await taken();
    expect(told).toEqual(["row 1 of e1"]);
  });
});

it("connects to nothing where the session names nobody who signs: it is an older server's", async () => {
  const session = await site.session();
  delete session.ably.signing_keys;
  await link.start(session);
  expect(told).toEqual(["failed"]);
  expect(ably.links).toEqual([]);
});

describe("old keys", () => {
  const opens = vi.fn();

  /** Make an SDK for which `opens` says which key opens a message. */
  beforeEach(async () => {
    opens.mockReset();
    const { fromEncoded } = ably.Realtime.Message;
    vi.spyOn(ably.Realtime.Message, "fromEncoded").mockImplementation(async (message, { cipher }) =>
      fromEncoded(message, { cipher: { key: opens(cipher.key) ? "hidden" : "wrong" } }),
    );
    await start();
    told.length = 0;
  });

  const give = async (key, old_keys) => {
    const session = await site.session();
    Object.assign(session.channels.find(({ name }) => name === UNIT), { key, old_keys });
    await link.update(session);
  };
  const deliver = async () => {
    ably.link.deliver(site.notify(UNIT), { key: "hidden" });
    await taken();
  };

  it("that the page had before are tried, then those that the session gave", async () => {
    opens.mockImplementation((key) => key === "older");
    await give("new", ["old", "older"]);
    await deliver();
    expect(told).toEqual(["row 1 of e1"]);
    expect(opens.mock.calls.flat()).toEqual(["new", `key of ${UNIT}`, "old", "older"]);
  });

  it("none of which opens the message leave it to the log", async () => {
    await give("new", ["old"]);
    await deliver();
    expect(told).toEqual(["stale", `hint 1 of e1 on ${UNIT}`]);
  });

  it("that the stream brings within its time read what came before them, once", async () => {
    ably.link.deliver(site.notify(UNIT), { key: "hidden" });
    await vi.advanceTimersByTimeAsync(200);
    opens.mockImplementation((key) => key === "newer");
    await link.renewKeys([{ name: UNIT, key: "newer", key_epoch: 2, old_keys: [] }]);
    expect(told).toEqual(["row 1 of e1"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual(["row 1 of e1"]);
  });

  it("come later than the channel where the person has just joined, and what comes meanwhile is read once", async () => {
    site.leave(UNIT);
    await update();
    site.join(UNIT);
    const subscribes = vi.spyOn(channel(UNIT), "subscribe");
    await give(null, []);
    ably.link.deliver(site.notify(UNIT), { key: "hidden" });
    await vi.advanceTimersByTimeAsync(200);
    opens.mockImplementation((key) => key === "first");
    await link.renewKeys([{ name: UNIT, key: "first", key_epoch: 2, old_keys: [] }]);
    ably.link.deliver(site.notify(UNIT), { key: "hidden" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told.filter((word) => word.startsWith("row"))).toEqual(["row 1 of e1", "row 2 of e1"]);
    expect(opens.mock.calls.flat()).not.toContain(null);
    expect(subscribes).toHaveBeenCalledTimes(1);
  });

  it("that come while the SDK loads are used from the beginning", async () => {
    let load;
    link = linkWith(() => new Promise((resolve) => (load = () => resolve(ably))));
    const starting = link.start(await site.session());
    await link.renewKeys([{ name: UNIT, key: "newer", key_epoch: 2, old_keys: [] }]);
    load();
    await starting;
    expect(link.keys.get(UNIT)).toBe("newer");
  });

  it("open nothing once the person hears the channel no more", async () => {
    opens.mockReturnValue(true);
    await give("new", []);
    const listener = channel(UNIT).listener;
    site.leave(UNIT);
    await update();
    listener(sealed({ id: "row-1", channel: UNIT, seq: 1, prev_seq: 0 }, { key: "hidden" }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told.filter((word) => word.startsWith("row") || word.startsWith("hint"))).toEqual([]);
  });
});

describe("another session", () => {
  beforeEach(async () => {
    await start();
    ably.link.attach();
    told.length = 0;
  });

  it("changes nothing where the channels and keys are the same", async () => {
    await update();
    expect(ably.link.authorized).toBe(0);
    expect(told).toEqual([]);
  });

  it("brings another key for the channel that is open", async () => {
    const session = await site.session();
    session.channels.find(({ name }) => name === UNIT).key = "another key";
    await link.update(session);
    ably.link.deliver(site.notify(UNIT), { key: "another key" });
    await taken();
    expect(told).toEqual(["row 1 of e1"]);
    expect(link.attached).toBe(true);
  });

  it("asks for a token that names a channel that was joined before it listens to it", async () => {
    site.join(SYSTEM);
    ably.link.auth.authorize = async () => expect(channel(SYSTEM).listener).toBeUndefined();
    await update();
    expect(channel(SYSTEM).listener).toBeDefined();
    expect(link.attached).toBe(false);
    channel(SYSTEM).become("attached");
    expect(link.attached).toBe(true);
  });

  it("listens no more to a channel that was left, nor waits for it", async () => {
    site.leave(UNIT);
    await update();
    expect(channel(UNIT)).toMatchObject({ listener: null, state: "detached" });
    ably.link.deliver(site.notify(UNIT));
    expect(told).toEqual([]);
    expect(link.attached).toBe(true);
  });

  it("does not listen again to what was left while a token was on its way", async () => {
    let authorize;
    ably.link.auth.authorize = () => new Promise((resolve) => (authorize = resolve));
    site.join(SYSTEM);
    const joining = update();
    await Promise.resolve();
    site.leave(SYSTEM);
    await update();
    authorize();
    await joining;
    expect([...link.keys.keys()]).toEqual([ANA, UNIT]);
  });

  it("takes a channel that fails as a word of a newer session: once, not for as long as it stays failed", async () => {
    channel(UNIT).become("failed");
    channel(UNIT).become("failed");
    await update();
    await update();
    expect(told).toEqual(["stale", "failed"]);
    site.leave(UNIT);
    await update();
    expect(link.attached).toBe(true);
  });
});

it("listens to what the newest session names, whatever came while the SDK was loading", async () => {
  let load;
  link = linkWith(() => new Promise((resolve) => (load = resolve)));
  const starting = start();
  await Promise.resolve();
  site.join(SYSTEM);
  site.leave(UNIT);
  await update();
  load(ably);
  await starting;
  expect([...link.keys.keys()]).toEqual([ANA, SYSTEM]);
});

it("loads the SDK's script once, and again where it did not load", async () => {
  const scripts = [];
  const remove = vi.fn();
  vi.stubGlobal("document", { createElement: () => ({ remove }), head: { append: (script) => scripts.push(script) } });
  vi.stubGlobal("Ably", ably);
  const failing = loadSdk("/static/ably/ably.min.js");
  scripts[0].onerror();
  await expect(failing).rejects.toThrow("/static/ably/ably.min.js did not load");
  expect(remove).toHaveBeenCalledOnce();
  const [first, second] = [loadSdk("/static/ably/ably.min.js"), loadSdk("/static/ably/ably.min.js")];
  scripts[1].onload();
  expect(await Promise.all([first, second])).toEqual([ably, ably]);
  expect(scripts).toHaveLength(2);
});
