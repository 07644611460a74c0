/** Test any day of a browser with several tabs: at its end each tab has everything, once, and one the connection. */

import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Desk } from "../desk.js";
import { ANA, SYSTEM, UNIT } from "../fakes.js";
import { pass } from "../page.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CHANNELS = [ANA, UNIT, SYSTEM];
const one = ({ pages }, pick) => pages[pick % pages.length];
const last = ({ pages }) => pages.length === 1;

/** List the events, each with how often it happens; `pick` chooses among its variants. */
const HAPPENINGS = {
  row: [10, (desk, pick) => desk.notify(CHANNELS[pick % 3], { byAbly: pick % 2 === 0 })],
  headsMove: [4, ({ site }) => site.tick()],
  open: [3, (desk) => desk.pages.length < 5 && desk.open()],
  close: [2, (desk, pick) => last(desk) || desk.close(one(desk, pick))],
  crash: [2, (desk, pick) => last(desk) || desk.crash(one(desk, pick))],
  crashTheLeader: [1, (desk) => last(desk) || (desk.leader && desk.crash(desk.leader))],
  freeze: [3, (desk, pick) => one(desk, pick).tab.freeze()],
  freezeTheLeader: [1, ({ leader }) => leader?.tab.freeze()],
  thaw: [3, (desk, pick) => one(desk, pick).tab.thaw()],
  cached: [2, (desk, pick) => inTab(one(desk, pick), (client) => client.suspend())],
  back: [3, (desk, pick) => inTab(one(desk, pick), (client) => client.resume())],
  hide: [2, (desk, pick) => seen(one(desk, pick), false)],
  show: [2, (desk, pick) => seen(one(desk, pick), true)],
  woke: [1, (desk, pick) => inTab(one(desk, pick), (client) => client.reconnect())],
  streamBreaks: [1, ({ streams }) => streams.forEach((stream) => stream.cut())],
  ably: [2, (desk) => desk.ablyAttaches()],
  flag: [1, (desk, pick) => flag(desk, ["ably", "sse"][pick % 2])],
  join: [2, ({ site }) => site.join(SYSTEM)],
  leave: [1, ({ site }) => site.leave(SYSTEM)],
  hubSees: [2, ({ site }) => site.notice()],
  anotherLog: [1, (desk, pick) => pick % 5 || restore(desk)],
};

function inTab(page, work) {
  page.tab.whenAwake(() => page.tab.run(() => work(page.client)));
}

function seen(page, isSeen) {
  page.tab.hidden = !isSeen;
  inTab(page, (client) => client.look());
}

function flag(desk, transport) {
  desk.site.transport = transport;
  desk.streams.forEach((stream) => stream.event("session", transport === "sse" ? { transport } : {}));
}

/** Restore the log from a backup: what came later is gone, and the streams end with the process. */
function restore({ site, streams, pages }) {
  const number = Number(site.epoch.slice(1)) + 1;
  Object.assign(site, { epoch: `e${number}`, rows: [], streams: [] });
  site.heard = Object.fromEntries(Object.keys(site.heard).map((name) => [name, 0]));
  streams.forEach((stream) => stream.cut());
  pages.forEach(({ ably }) => ably.links.forEach((link) => (link.epoch = site.epoch)));
}

const kinds = Object.entries(HAPPENINGS).map(([name, [weight]]) => ({ weight, arbitrary: fc.constant(name) }));
const happening = fc.tuple(fc.oneof(...kinds), fc.nat(1_000), fc.constantFrom(0, 20, 300, 2_000, 70_000));
const day = fc.array(happening, { maxLength: 40, size: "max" });

/** Make all well again, and let a while pass. */
async function evening(desk) {
  for (const page of desk.pages) {
    seen(page, true);
    page.tab.thaw();
    inTab(page, (client) => client.resume());
  }
  desk.site.notice();
  await pass(4_000);
  await desk.ablyAttaches();
  for (let n = 0; n < 10; n += 1) {
    desk.site.tail();
    desk.site.tick();
    await pass(5_000);
  }
}

it("ends with everything shown, once, in each tab, over one connection", () =>
  fc.assert(
    fc.asyncProperty(fc.constantFrom("ably", "sse"), day, async (transport, happenings) => {
      const desk = new Desk({ transport });
      await desk.openMany(3);
      for (const [name, pick, ms] of happenings) {
        await HAPPENINGS[name][1](desk, pick);
        await pass(ms);
      }
      await evening(desk);
      const due = desk.site.permitted(0).map(({ seq }) => seq);
      for (const { list, client } of desk.pages) {
        expect(due.filter((seq) => !list.includes(seq))).toEqual([]);
        expect(new Set(list).size).toBe(list.length);
        expect(Number(client.safeCursor.split(".")[1])).toBeGreaterThanOrEqual(due.at(-1) ?? 0);
      }
      expect(desk.streams).toHaveLength(1);
      expect(desk.links.length).toBeLessThanOrEqual(1);
      desk.pages.forEach((page) => inTab(page, (client) => client.stop()));
      vi.clearAllTimers();
      vi.unstubAllGlobals();
    }),
    { numRuns: 60 },
  ));
