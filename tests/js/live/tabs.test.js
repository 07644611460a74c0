/** Test which tab leads, and how the others notice; the client's tests have what tabs tell each other. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Tabs } from "../../../notificacao/static/notificacao/live/tabs.js";
import { Browser, giveTimersToTabs } from "../browser.js";
import { pass } from "../page.js";

let browser, told;

beforeEach(() => {
  vi.useFakeTimers();
  giveTimersToTabs();
  browser = new Browser();
  told = [];
});
afterEach(() => void vi.useRealTimers());

/** Make a tab of that name which records what happens to it, and answers where it is asked. */
async function join(name, change = () => {}) {
  const tab = browser.tab();
  change(tab);
  tab.tabs = tab.run(
    () =>
      new Tabs({
        name: "notificacoes:ana:1",
        browser: tab.browser,
        on: {
          lead: () => told.push(`${name} leads`),
          follow: () => told.push(`${name} follows`),
          asked: () => tab.tabs.post({ kind: "state" }),
          hear: ({ kind }) => kind === "state" || told.push(`${name} hears ${kind}`),
        },
      }),
  );
  tab.run(() => tab.tabs.join());
  await pass(0);
  return tab;
}

const trio = async () => [await join("a"), await join("b"), await join("c")];
const since = () => told.splice(0);

it("lets the first one lead, and no other as long as that one answers", async () => {
  await trio();
  await pass(600_000);
  expect(told).toEqual(["a leads"]);
});

it("lets the next one lead at once when the leader leaves or crashes", async () => {
  const [a, b] = await trio();
  a.run(() => a.tabs.leave());
  await pass(0);
  b.die();
  await pass(0);
  expect(told).toEqual(["a leads", "b leads", "c leads"]);
});

it("takes the lead from a leader that does not answer, within 1.4 seconds, and one alone has it then", async () => {
  const [a] = await trio();
  a.freeze();
  await pass(1400);
  const [taken] = since().slice(1);
  expect(taken).toMatch(/^[bc] leads$/);
  await pass(60_000);
  a.thaw();
  await pass(60_000);
  expect(told).toEqual(["a follows"]);
});

it("takes it no sooner than 1.1 seconds after the leader was heard last", async () => {
  const [a] = await trio();
  a.run(() => a.tabs.post({ kind: "state" }));
  a.freeze();
  await pass(1099);
  expect(told).toEqual(["a leads"]);
});

it("takes more time where nobody looks at the tab", async () => {
  const [a] = [await join("a"), await join("b", (tab) => (tab.hidden = true))];
  a.freeze();
  await pass(5400);
  expect(told).toEqual(["a leads"]);
  await pass(1500);
  expect(told).toEqual(["a leads", "b leads"]);
});

it("does not take the lead when it was frozen itself and only now hears what it was told", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  const [a, b] = [await join("a"), await join("b")];
  a.freeze();
  await pass(700); // b has asked
  b.freeze();
  a.thaw();
  await pass(60_000);
  b.thaw();
  await pass(60_000);
  expect(told).toEqual(["a leads"]);
});

it("takes it from a leader that has been hidden for a minute, if it is seen itself", async () => {
  const [a, b] = [await join("a"), await join("b")];
  for (const tab of [a, b]) {
    tab.hidden = true;
    tab.run(() => tab.tabs.look());
  }
  await pass(120_000);
  expect(told).toEqual(["a leads"]);
  b.hidden = false;
  b.run(() => b.tabs.look());
  await pass(0);
  expect(told).toEqual(["a leads", "a follows", "b leads"]);
});

it("lets a robbed leader wait for its turn again", async () => {
  const [a, b] = [await join("a"), await join("b")];
  a.freeze();
  await pass(2000);
  a.thaw();
  await pass(0);
  b.die();
  await pass(0);
  expect(told).toEqual(["a leads", "b leads", "a follows", "a leads"]);
});

it("brings a word to all others, in order, and to none that has left", async () => {
  const [a, b, c] = await trio();
  b.run(() => b.tabs.leave());
  a.run(() => ["one", "two"].forEach((kind) => a.tabs.post({ kind })));
  await pass(0);
  expect(told).toEqual(["a leads", "c hears one", "c hears two"]);
});

describe("a tab that has left", () => {
  it("leads no more, waits for nothing, and can come back", async () => {
    const [a, b] = [await join("a"), await join("b")];
    b.run(() => b.tabs.leave());
    a.run(() => a.tabs.leave());
    await pass(60_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(told).toEqual(["a leads"]);
    b.run(() => b.tabs.join());
    await pass(0);
    expect(told).toEqual(["a leads", "b leads"]);
  });

  it("does not lead when its turn comes in the same moment", async () => {
    const [a, b] = [await join("a"), await join("b")];
    a.run(() => a.tabs.leave()); // which gives b the lock
    b.run(() => b.tabs.leave());
    const c = await join("c");
    expect(told).toEqual(["a leads", "c leads"]);
    expect(browser.locks.holder("notificacoes:ana:1")).toBe(c);
  });
});

it.each(["locks", "Channel"])("leads at once where the browser has no %s", async (what) => {
  await join("a", (tab) => (tab.browser[what] = undefined));
  await join("b", (tab) => (tab.browser[what] = undefined));
  expect(told).toEqual(["a leads", "b leads"]);
  expect(vi.getTimerCount()).toBe(0);
});
