/** Ably as an adversary: nothing false is shown, nothing genuine is held back, and the site is not made to work for it. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Adversary, FOREIGN, keyOf, lie, message, splices } from "../adversary.js";
import { ANA, UNIT } from "../fakes.js";
import { Page, pass } from "../page.js";

const HEADS_EVERY = 1_000; // ms
const SHOWN_WITHIN = 3_000; // ms
const STEPS = 1_000;
const SECONDS = 50; // in which they are made
let page, adversary;

beforeEach(async () => {
  vi.useFakeTimers();
  page = Adversary.rule(new Page());
  adversary = new Adversary(page);
  await page.onAbly();
  page.site.asked.length = 0;
});
afterEach(() => void vi.useRealTimers());

const text = (n) => ({ title: `Título ${n}`, message: "Corpo da notificação. ".repeat(10), link: `/pedidos/${n}/` });
const asked = (call) => page.site.asked.filter((name) => name === call).length;

async function publish(channel = UNIT) {
  const row = page.site.notify(channel, text(page.site.head + 1));
  page.site.tail();
  adversary.publish(row);
  return row;
}

async function deliver(channel, forged) {
  await adversary.deliver({ channel, message: forged });
  await pass(0);
}

describe("whoever holds Ably's key", () => {
  it("shows what is genuine", async () => {
    const row = await publish();
    await adversary.deliver(adversary.waiting[0]);
    await pass(0);
    expect(page.rows).toEqual([row]);
    expect(asked("after")).toBe(0);
  });

  it("shows nothing in the clear, whatever its headers say", async () => {
    const row = lie({ id: "1", channel: UNIT, seq: 1, prev_seq: 0, expires_at: null });
    const headers = { channel: UNIT, epoch: "e1", seq: 1, prev_seq: 0, key_epoch: 1 };
    for (const extras of [{ headers }, { headers: { epoch: "e1" } }, message(row).extras])
      await deliver(UNIT, { id: row.id, name: "notification", data: row, extras });
    await pass(5_000);
    expect(page.rows).toEqual([]);
  });

  it("cannot put another row in the place of a genuine one, though it has the channel's key", async () => {
    const row = await publish();
    const genuine = adversary.waiting[0].message;
    const inOurWords = message(lie(row), { id: row.id });
    await deliver(UNIT, { ...inOurWords, extras: genuine.extras });
    page.site.tick();
    await pass(SHOWN_WITHIN);
    expect(page.rows).toEqual([row]);
  });

  it("cannot splice two genuine messages", async () => {
    const [one, other] = [await publish(), await publish()];
    await pass(SHOWN_WITHIN);
    page.site.tick();
    await pass(SHOWN_WITHIN);
    expect(page.rows).toEqual([one, other]);
    const third = await publish();
    const [first, , last] = adversary.read.map(({ message }) => message);
    let tried = 0;
    for (const spliced of [...splices(last, first), ...splices(first, last)]) {
      await adversary.deliver({ channel: UNIT, message: spliced });
      tried += 1;
    }
    await pass(0);
    expect(tried).toBeGreaterThan(500);
    page.site.tick();
    await pass(SHOWN_WITHIN);
    expect(page.rows).toEqual([one, other, third]);
  });

  it("cannot have the page fetch beyond what our own stream told of", async () => {
    const beyond = { id: "1", channel: UNIT, seq: 9e15, prev_seq: 0, expires_at: null };
    for (let n = 0; n < 200; n += 1) {
      await deliver(UNIT, { id: `${n}`, data: { id: "1", seq: 9e15 }, extras: { headers: { seq: 9e15, epoch: "e1" } } });
      await deliver(UNIT, message(beyond, { signer: FOREIGN, data: {} }));
      page.site.tick();
      await pass(100);
    }
    expect(asked("after")).toBe(0);
    expect(asked("inbox")).toBe(0);
    expect(page.lanes).toEqual(["standby"]);
  });
});

describe("an old genuine message", () => {
  it("is not shown again, on a page that was opened long after it", async () => {
    const old = await publish();
    const later = Adversary.rule(new Page({ site: page.site }));
    later.list.length = 0;
    later.client.incoming.seen.items.clear(); // it was on an older page of the list
    await later.onAbly();
    const again = new Adversary(later);
    await again.deliver({ channel: UNIT, message: message(old) });
    await pass(SHOWN_WITHIN);
    expect(later.rows).toEqual([]);
  });

  it("of another log makes the page neither begin again nor show it", async () => {
    for (let n = 0; n < 20; n += 1) {
      await deliver(UNIT, message({ id: `${n}`, channel: UNIT, seq: n + 1, prev_seq: n }, { epoch: "e0" }));
      await pass(500);
    }
    expect([asked("inbox"), asked("session"), page.rows.length]).toEqual([0, 0, 0]);
  });

  it("with a key that was given up asks for no session", async () => {
    const row = await publish();
    await adversary._pass();
    await pass(0);
    expect(page.rows).toEqual([row]);
    const spy = vi.spyOn(page.site, "session");
    page.site.keyOf = (channel) => keyOf(`renewed ${channel}`);
    await page.hears("keys", { channels: [{ name: UNIT, key: page.site.keyOf(UNIT), key_epoch: 2, old_keys: [] }] });
    for (let n = 0; n < 20; n += 1) {
      await adversary._replay();
      await pass(500);
    }
    expect(spy).not.toHaveBeenCalled();
  });
});

it("the server is told once of each kind, at some moment within ten seconds, how many there were", async () => {
  const row = { id: "1", channel: UNIT, seq: 1, prev_seq: 0 };
  const altered = message(row);
  altered.extras.headers.seq = 2;
  for (let n = 0; n < 5; n += 1) {
    await deliver(UNIT, { id: "plain", data: row });
    await deliver(UNIT, altered);
  }
  await pass(10_000);
  expect(page.site.told.sort((one, other) => one.reason.localeCompare(other.reason))).toEqual([
    { reason: "unsigned", count: 5 },
    { reason: "wrong", count: 5 },
  ]);
  await deliver(UNIT, altered);
  await pass(60_000);
  expect(page.site.told).toHaveLength(2);
});

/** Answer numbers that look random, the same ones for the same seed (mulberry32). */
function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

it.each([1, 2, 3])("for a thousand steps nothing false is shown, and nothing genuine stays away for 3 s (seed %i)", async (seed) => {
  const random = seeded(seed);
  adversary.random = random;
  const due = new Map(); // seq → by when it has to be shown
  const heads = setInterval(() => page.site.tick(), HEADS_EVERY);
  for (let step = 0; step < STEPS; step += 1) {
    if (random() < 0.3) due.set((await publish(random() < 0.5 ? UNIT : ANA)).seq, Date.now() + SHOWN_WITHIN);
    await adversary.act();
    await pass((random() * 2_000 * SECONDS) / STEPS);
    for (const row of page.rows.splice(0)) expect(row, `step ${step}`).toEqual(page.site.rows[row.seq - 1]);
    const shown = new Set(page.shown);
    const late = [...due].filter(([seq, by]) => by < Date.now() && !shown.has(seq));
    expect(late, `step ${step}`).toEqual([]);
  }
  await pass(SHOWN_WITHIN);
  clearInterval(heads);
  expect([...page.shown].sort((one, other) => one - other)).toEqual(page.site.rows.map(({ seq }) => seq));
  expect(asked("inbox")).toBe(0);
  expect(asked("after")).toBeLessThan(3 * SECONDS); // a gap may stand for 300 ms
  expect(asked("session")).toBeLessThanOrEqual(2); // who signs, once a minute
  expect(page.site.told.length).toBeLessThanOrEqual(3);
});
