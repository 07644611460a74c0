/** Test any history: rows in any order, doubled and lost, by every path; channels that join and leave; heads at any time. */

import fc from "fast-check";
import { expect, it } from "vitest";
import * as completeness from "../../../notificacao/static/notificacao/live/completeness.js";
import { ANA, Site, UNIT } from "../fakes.js";

const BENEFIT = "private:benefit:funeral:notifications";

/** Imitate a page that does with completeness.js what client.js does, one small step at a time. */
class Page {
  constructor(site, session) {
    this.site = site;
    this.start = site.head;
    this.state = completeness.begin(session.position, session.channels);
    this.shown = new Set();
    this.outbox = []; // what the stream has sent and the page has not read
    this.asked = null; // the catch-up that is under way
  }

  async hearSession() {
    this.state = completeness.hear(this.state, (await this.site.session()).channels);
  }

  open(lane) {
    this.close();
    const cursor = completeness.safeCursor(this.state);
    const send = (name, data, id = null) => this.outbox.push({ name, data, id });
    this.opening = completeness.parseCursor(cursor);
    this.site.admit({ lane, cursor, event: send, heartbeat: (position) => send("heartbeat", null, position) });
  }

  close() {
    this.site.streams = [];
    this.outbox = [];
    this.state = completeness.closeStream(this.state);
  }

  async receive(count) {
    for (let event; count > 0 && (event = this.outbox.shift()); count -= 1) {
      const { name, data, id } = event;
      if (name === "notification") this.show(data);
      if (id) this.state = completeness.sentTo(this.state, completeness.parseCursor(id).seq);
      if (name === "heads") this.hearHeads(data);
      if (name === "session") await this.hearSession();
    }
  }

  hearHeads({ position, channels }) {
    if (this.opening) this.state = completeness.openStream(this.state, this.opening, Object.keys(channels));
    this.opening = null;
    this.state = completeness.reach(this.state, completeness.parseCursor(position), channels);
  }

  show(row) {
    this.shown.add(row.seq);
    this.state = completeness.shown(this.state, row);
  }

  /** Deliver by Ably, or in standby: any row, at any time, as often as it likes, the late ones more often. */
  arrives(pick) {
    const rows = this.site.permitted(0);
    if (rows.length) this.show(rows.at(-1 - (pick % Math.min(rows.length, 4))));
  }

  async ask() {
    const names = completeness.lacking(this.state);
    if (this.asked || !names.length) return;
    const only = names.length === 1 ? names[0] : null;
    const from = completeness.safeCursor(this.state, only ? names : undefined);
    this.asked = { from, only, page: await this.site.after(from, only, 2) };
  }

  takeAnswer() {
    if (!this.asked) return;
    const { from, only, page } = this.asked;
    page.results.forEach((row) => this.show(row));
    const [after, to] = [from, page.complete_to].map(completeness.parseCursor);
    this.state = completeness.caughtUp(this.state, after, to, only);
    this.asked = null;
  }

  /** Return rows that lie where the page tells others that there are none. Of a channel that ana left none are hers. */
  denied() {
    const current = completeness.facts(this.state).filter(({ name, since }) => this.site.heard[name] === since);
    const lies = ({ name, head, at }) => this.site.rows.filter((row) => row.channel === name && head < row.seq && row.seq <= at);
    return current.flatMap(lies);
  }

  /** Return what ana may see, was not in the list, and was not shown; up to where `within` says for its channel. */
  missing(within) {
    const due = this.site.permitted(this.start).filter((row) => row.seq <= within(row.channel));
    return due.filter((row) => !this.shown.has(row.seq));
  }
}

/** List the steps, each with how often it comes: a new beginning is rare, so that what is under way can go wrong. */
const STEPS = {
  notify: [8, ({ site }, pick) => site.notify([ANA, UNIT, BENEFIT][pick % 3])],
  row: [4, (page, pick) => page.arrives(pick)],
  hubLooks: [8, ({ site }) => site.tail()],
  hubSpeaks: [4, ({ site }) => site.tick()],
  receive: [8, (page, pick) => page.receive(1 + (pick % 4))],
  ask: [4, (page) => page.ask()],
  answer: [4, (page) => page.takeAnswer()],
  session: [4, (page) => page.hearSession()],
  join: [4, ({ site }, pick) => site.join([BENEFIT, UNIT][pick % 2])],
  leave: [1, ({ site }, pick) => site.leave([BENEFIT, UNIT][pick % 2])],
  hubSeesMembership: [1, ({ site }) => site.notice()],
  openLive: [1, (page) => page.open("live")],
  openStandby: [1, (page) => page.open("standby")],
  lose: [1, (page) => page.close()],
};
const kinds = Object.entries(STEPS).map(([name, [weight]]) => ({ weight, arbitrary: fc.constant(name) }));
const history = fc.array(fc.tuple(fc.oneof(...kinds), fc.nat(1_000)), { maxLength: 40, size: "max" });

async function live(steps, look) {
  const site = new Site();
  site.notify(UNIT);
  const page = new Page(site, await site.session());
  for (const [name, pick] of steps) {
    await STEPS[name][1](page, pick);
    look(page);
  }
  return page;
}

it("never puts the safe cursor beyond a row that was not shown", () =>
  fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const lost = [];
      await live(steps, (page) => lost.push(...page.missing((name) => page.state.channels[name]?.complete ?? 0)));
      expect(lost).toEqual([]);
    }),
    { numRuns: 2000 },
  ));

it("tells other pages only what is true of the log", () =>
  fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const denied = [];
      await live(steps, (page) => denied.push(...page.denied()));
      expect(denied).toEqual([]);
    }),
    { numRuns: 1000 },
  ));

it("lacks nothing, and is at the head, once heads and a catch-up have come", () =>
  fc.assert(
    fc.asyncProperty(history, fc.constantFrom("live", "standby"), async (steps, lane) => {
      const page = await live(steps, () => {});
      page.takeAnswer();
      await page.hearSession();
      page.open(lane);
      await page.receive(1);
      for (let pages = 0; completeness.lacking(page.state).length && pages < 100; pages += 1) {
        await page.ask();
        page.takeAnswer();
      }
      expect(completeness.lacking(page.state)).toEqual([]);
      expect(completeness.safeCursor(page.state)).toBe(page.site.position);
      expect(page.missing(() => Infinity)).toEqual([]);
    }),
    { numRuns: 500 },
  ));
