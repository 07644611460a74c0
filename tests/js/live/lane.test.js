import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Lane, randomId } from "../../../notificacao/static/notificacao/live/lane.js";
import { refusal, Streams } from "../fakes.js";

let streams, lane, told, troubles;

beforeEach(() => {
  vi.useFakeTimers();
  streams = new Streams((connection) => connection.event("heads", {}));
  told = [];
  troubles = [];
  lane = new Lane({
    address: (name) => `/api/v1/stream/?lane=${name}&cursor=e1.${streams.all.length}`,
    onEvent: ({ name }, from) => told.push(`${from}: ${name}`),
    onOpen: (name) => told.push(`${name} open`),
    onClose: () => told.push("closed"),
    onTrouble: (trouble) => troubles.push(trouble),
    onRefused: (status) => told.push(`refused ${status}`),
    fetch: streams.fetch,
  });
});
afterEach(() => {
  lane.close();
  vi.useRealTimers();
});

const pass = (ms) => vi.advanceTimersByTimeAsync(ms);
const chance = (...numbers) => numbers.reduce((spy, n) => spy.mockReturnValueOnce(n), vi.spyOn(Math, "random"));

it("tells of the opening at the first event, then of each event, by its lane", async () => {
  streams.admit = () => {};
  lane.open("live");
  await pass(0);
  expect(lane.isOpen).toBe(false);
  streams.last.event("heads", {});
  streams.last.event("counts", {});
  await pass(0);
  expect(lane.isOpen).toBe(true);
  expect(told).toEqual(["live open", "live: heads", "live: counts"]);
});

it("asks for the address anew at each attempt, for the cursor has moved", async () => {
  lane.open("live");
  await pass(0);
  streams.last.end();
  await pass(1000);
  expect(streams.all.map(({ cursor }) => cursor)).toEqual(["e1.0", "e1.1"]);
});

it("puts another lane in the place of the one that is open, and hears no more of that one", async () => {
  lane.open("standby");
  await pass(0);
  const [standby] = streams.all;
  standby.event("counts", {}); // under way when the lane is changed
  lane.open("live");
  await pass(0);
  expect(streams.open.map((connection) => connection.lane)).toEqual(["live"]);
  expect(told).toEqual(["standby open", "standby: heads", "closed", "live open", "live: heads"]);
  await pass(120_000);
  expect(streams.all.filter((connection) => connection.lane === "standby")).toHaveLength(1);
});

describe("after a failure", () => {
  beforeEach(() => {
    streams.admit = () => refusal(500);
  });

  it("waits up to a limit that doubles from one second to thirty", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    lane.open("live");
    await pass(120_000);
    expect(streams.waits.slice(0, 7)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it("waits anything below that limit by chance, so that not all come back at once", async () => {
    chance(0.25, 0.75, 0.01, 1);
    lane.open("live");
    await pass(2000);
    expect(streams.waits).toEqual([250, 1500, 40]);
  });

  it("begins with short waits again once a stream was open", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    lane.open("live");
    await pass(15_000);
    streams.admit = (connection) => connection.event("heads", {});
    await pass(16_000);
    expect(lane.isOpen).toBe(true);
    streams.last.cut();
    await pass(1000);
    expect(lane.isOpen).toBe(true);
    expect(told).toEqual(["live open", "live: heads", "closed", "live open", "live: heads"]);
  });

  it("comes back when no answer came at all", async () => {
    streams.admit = () => Promise.reject(new TypeError("network error"));
    lane.open("live");
    await pass(1000);
    expect(streams.all.length).toBeGreaterThan(1);
  });
});

it.each([429, 503])("waits as long as a %i asks it to, and a little more by chance", async (status) => {
  streams.admit = () => refusal(status, { "Retry-After": "20" });
  chance(0, 1);
  lane.open("live");
  await pass(41_000);
  expect(streams.waits).toEqual([20_000, 20_500]);
});

it("comes back after the time that a bye names, and a little more by chance", async () => {
  lane.open("live");
  await pass(0);
  chance(0.5);
  streams.last.event("bye", { reason: "drain", after_ms: 1700 });
  streams.last.end();
  await pass(2000);
  expect(streams.waits).toEqual([1950]);
  expect(told).toEqual(["live open", "live: heads", "closed", "live open", "live: heads"]);
});

it("does not come back when it is told that the person signed out", async () => {
  lane.open("live");
  await pass(0);
  streams.last.event("bye", { reason: "signed_out", after_ms: 0 });
  streams.last.end();
  await pass(120_000);
  expect(streams.all).toHaveLength(1);
  expect(told.slice(2)).toEqual(["closed", "refused 401"]);
  expect(lane.wanted).toBe(null);
});

it.each([401, 403])("leaves it to others what to do about a %i", async (status) => {
  streams.admit = () => refusal(status);
  lane.open("standby");
  await pass(120_000);
  expect(streams.all).toHaveLength(1);
  expect(told).toEqual([`refused ${status}`]);
  expect(lane.wanted).toBe(null);
});

it("reopens a stream that fell silent, and not one that beats", async () => {
  lane.open("live");
  for (let beats = 0; beats < 20; beats += 1) {
    await pass(15_000);
    streams.last.heartbeat("e1.0");
  }
  expect(streams.all).toHaveLength(1);
  await pass(41_000);
  expect(streams.all).toHaveLength(2);
  expect(streams.all[0].isOpen).toBe(false);
});

it.each([
  ["open", (connection) => connection.event("heads", {})],
  ["connecting", () => new Promise(() => {})],
  ["waiting after a failure", () => refusal(500)],
  ["waiting as it was asked to", () => refusal(503, { "Retry-After": "20" })],
])("leaves nothing running when it is closed while %s", async (_, admit) => {
  streams.admit = admit;
  lane.open("live");
  await pass(0);
  lane.close();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(streams.open).toEqual([]);
  await pass(120_000);
  expect(streams.all).toHaveLength(1);
});

describe("says what is wrong with streams", () => {
  it("that end without a word, whether refused or cut", async () => {
    streams.admit = () => refusal(502);
    lane.open("live");
    await pass(0);
    streams.admit = (connection) => void connection.end();
    await pass(1000);
    expect(troubles.slice(0, 2)).toEqual(["failed", "failed"]);
  });

  it("that say nothing for ten seconds, once for each", async () => {
    streams.admit = () => {};
    lane.open("live");
    await pass(9_999);
    expect(troubles).toEqual([]);
    await pass(20_000);
    expect(troubles).toEqual(["late"]);
  });

  it("that fall silent after they were open", async () => {
    lane.open("live");
    await pass(40_000);
    expect(troubles).toEqual(["silent"]);
  });

  it("and not of one that spoke and ended, nor of a login that is over", async () => {
    lane.open("live");
    await pass(0);
    streams.admit = () => refusal(401);
    streams.last.cut();
    await pass(1000);
    expect(troubles).toEqual([]);
  });
});

it.each([
  [5_000, []],
  [60_000, ["away"]],
])("sent away for %i ms it tells of %j, so that somebody asks meanwhile", async (after_ms, told) => {
  lane.open("live");
  await pass(0);
  streams.last.event("bye", { reason: "limit", after_ms });
  streams.last.end();
  await pass(100);
  expect(troubles).toEqual(told);
});

it("refused for a while it tells of that as well", async () => {
  streams.admit = () => refusal(503, { "Retry-After": "15" });
  lane.open("live");
  await pass(0);
  expect(troubles).toEqual(["failed", "away"]);
});

it("makes an id of 22 harmless characters, each time another", () => {
  const ids = Array.from({ length: 100 }, randomId);
  ids.forEach((id) => expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/));
  expect(new Set(ids).size).toBe(100);
});
