/** Test any day of a page, with all that can happen to it: at its end the page has everything, once. */

import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { ANA, refusal, SYSTEM, UNIT } from "../fakes.js";
import { Page, pass } from "../page.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CHANNELS = [ANA, UNIT, SYSTEM];
const link = ({ ably }) => ably.link;

/** List the events, each with how often it happens; `pick` chooses among its variants. */
const HAPPENINGS = {
  row: [10, (page, pick) => page.notify(CHANNELS[pick % 3], { byAbly: pick % 2 === 0 && Boolean(link(page)) })],
  headsMove: [5, ({ site }) => site.tick()],
  rowNotTaken: [3, (page) => page.site.rows.length && standby(page, page.site.rows.at(-1))],
  flag: [2, (page, pick) => page.flag(["ably", "sse"][pick % 2])],
  ably: [4, (page, pick) => link(page) && becomes(link(page), pick)],
  stream: [2, (page, pick) => page.streams.open.forEach((stream) => (pick % 2 ? stream.cut() : stream.end()))],
  join: [2, (page) => page.site.join(SYSTEM)],
  leave: [1, (page) => page.site.leave(SYSTEM)],
  hubSees: [2, ({ site }) => site.notice()],
  away: [1, (page) => (page.site.away = true)],
  back: [3, (page) => (page.site.away = false)],
  blocked: [2, (page, pick) => (page.site.blocked = ["refused", "held"][pick % 2])],
  unblocked: [2, (page) => (page.site.blocked = null)],
  network: [1, (page) => page.client.reconnect()],
  resync: [1, (page) => page.hears("resync", { position: page.site.position }, page.site.position)],
};

/** Write a row that Ably did not take to the standby streams of who may see it. */
function standby({ site, streams }, row) {
  const open = streams.open.filter(({ lane, grant }) => lane === "standby" && grant?.[row.channel] < row.seq);
  open.forEach((stream) => stream.event("notification", row));
}

function becomes(link, pick) {
  if (pick % 2) link.attach();
  else link.connection.become(["disconnected", "suspended", "failed"][pick % 3]);
}

/** Refuse each new stream on the way, or let nothing of it through. */
function blockable({ site, streams }) {
  streams.admit = (stream) => {
    if (site.blocked === "refused") return refusal(502);
    if (site.blocked !== "held") site.admit(stream);
  };
}

/** Take the site away: the API does not answer. */
function fallible(site) {
  for (const call of ["session", "after", "inbox", "receipts"]) {
    const answer = site[call].bind(site);
    site[call] = async (...asked) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (site.away) throw new ApiError(0);
      return answer(...asked);
    };
  }
}

const kinds = Object.entries(HAPPENINGS).map(([name, [weight]]) => ({ weight, arbitrary: fc.constant(name) }));
const happening = fc.tuple(fc.oneof(...kinds), fc.nat(1_000), fc.constantFrom(0, 20, 300, 2_000));
const day = fc.array(happening, { maxLength: 30, size: "max" });

it("ends with everything shown, once, and the page complete", () =>
  fc.assert(
    fc.asyncProperty(fc.constantFrom("ably", "sse"), day, async (transport, happenings) => {
      const page = new Page({ transport });
      fallible(page.site);
      blockable(page);
      await page.start();
      await pass(100);
      for (const [name, pick, ms] of happenings) {
        await HAPPENINGS[name][1](page, pick);
        await pass(ms);
      }
      page.site.away = false;
      page.site.notice();
      await pass(60_000); // a page that polls asks for its channels every half minute
      page.site.tail();
      page.site.tick();
      await pass(5_000);
      page.client.stop();
      const due = page.site.permitted(0).map(({ seq }) => seq);
      expect(due.filter((seq) => !page.list.includes(seq))).toEqual([]);
      expect(new Set(page.list).size).toBe(page.list.length);
      expect(Number(page.client.safeCursor.split(".")[1])).toBeGreaterThanOrEqual(due.at(-1) ?? 0);
    }),
    { numRuns: 60 },
  ));
