import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CatchUp } from "../../../notificacao/static/notificacao/live/catchup.js";
import * as completeness from "../../../notificacao/static/notificacao/live/completeness.js";
import { Timers } from "../../../notificacao/static/notificacao/live/timers.js";
import { ANA, Site, UNIT } from "../fakes.js";

let site, state, asked, brought, catchUp;

beforeEach(() => {
  vi.useFakeTimers();
  site = new Site();
  state = completeness.begin("e1.0", [
    { name: ANA, since: 0 },
    { name: UNIT, since: 0 },
  ]);
  asked = [];
  brought = [];
  catchUp = new CatchUp({
    state: () => state,
    ask: (after, only) => {
      asked.push([after, only]);
      return site.after(after, only, 3);
    },
    onPage: (rows, from, to, only) => {
      brought.push(...rows.map(({ seq }) => seq));
      state = completeness.caughtUp(state, from, to, only);
    },
    timers: new Timers(),
  });
});
afterEach(() => void vi.useRealTimers());

const pass = (ms) => vi.advanceTimersByTimeAsync(ms);

/** Tell the page how far the log's channels reach. */
function told() {
  state = completeness.reach(state, { epoch: "e1", seq: 0 }, { [ANA]: site.headOf(ANA), [UNIT]: site.headOf(UNIT) });
}

it("leaves a head a second in which its row may come by itself, and up to a third more by chance", async () => {
  vi.spyOn(Math, "random").mockReturnValueOnce(0).mockReturnValueOnce(0.999);
  for (const [wait, pages] of [
    [1000, 1],
    [1299, 2],
  ]) {
    site.notify();
    told();
    catchUp.ifLacking();
    await pass(wait - 1);
    expect(asked).toHaveLength(pages - 1);
    await pass(1);
    expect(asked).toHaveLength(pages);
  }
});

it("asks nothing where the row came in time, or nothing was lacking", async () => {
  catchUp.ifLacking();
  const row = site.notify();
  told();
  catchUp.ifLacking();
  await pass(500);
  state = completeness.shown(state, row);
  await pass(10_000);
  expect(asked).toEqual([]);
});

it("does not begin to wait anew with each head", async () => {
  for (let n = 0; n < 4; n += 1) {
    site.notify();
    told();
    catchUp.ifLacking();
    await pass(500);
  }
  expect(asked).not.toEqual([]);
});

it("heals a gap sooner, even while a head waits", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  site.notify();
  told();
  catchUp.ifLacking();
  catchUp.ifLacking(300);
  await pass(300);
  expect(asked).toHaveLength(1);
});

it("asks for the one channel that lacks something, from where that one is complete", async () => {
  state = completeness.caughtUp(state, { epoch: "e1", seq: 0 }, { epoch: "e1", seq: 5 }, ANA);
  for (let n = 0; n < 6; n += 1) site.notify(ANA);
  told();
  catchUp.ifLacking();
  await pass(1300);
  expect(asked).toEqual([["e1.5", ANA]]);
  expect(brought).toEqual([6]);
});

it("pages from the safe cursor where several lack something, until none does", async () => {
  for (let n = 0; n < 4; n += 1) [ANA, UNIT].forEach((name) => site.notify(name));
  told();
  catchUp.ifLacking();
  await pass(1300);
  expect(asked.slice(0, 2)).toEqual([
    ["e1.0", null],
    ["e1.3", null],
  ]);
  expect(new Set(brought)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
  expect(completeness.lacking(state)).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

it("runs once at a time, however often it is asked to while the API does not answer", async () => {
  let answer;
  vi.spyOn(site, "after").mockImplementation(() => new Promise((resolve) => (answer = resolve)));
  site.notify();
  told();
  for (let seconds = 0; seconds < 20; seconds += 1) {
    catchUp.ifLacking();
    await pass(1000);
  }
  expect(asked).toHaveLength(1);
  answer({ results: site.rows, complete_to: "e1.1", more: false });
  await pass(10_000);
  expect(asked).toHaveLength(1);
  expect(brought).toEqual([1]);
});

it("asks about once a second, not without a pause, for a head that the log does not have yet", async () => {
  state = completeness.reach(state, { epoch: "e1", seq: 0 }, { [UNIT]: 1 });
  catchUp.ifLacking();
  await pass(10_000);
  expect(asked.length).toBeGreaterThan(6);
  expect(asked.length).toBeLessThan(11);
  site.notify(UNIT);
  await pass(1300);
  expect(brought).toEqual([1]);
});

it("takes nothing from an answer of another life of the log", async () => {
  site.notify();
  told();
  vi.spyOn(site, "after").mockResolvedValue({ results: site.rows, complete_to: "e2.1", more: false });
  catchUp.ifLacking();
  await pass(1300);
  expect(asked).toHaveLength(1);
  expect(brought).toEqual([]);
});
