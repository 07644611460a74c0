/** Test several tabs of one login: one holds the connection, all show each event once. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { Desk } from "../desk.js";
import { ANA, SYSTEM, UNIT } from "../fakes.js";
import { Page, pass } from "../page.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const shown = (pages) => pages.map(({ shown }) => shown);

describe("seven tabs", () => {
  it("have one stream, and each shows what comes once", async () => {
    const desk = new Desk();
    await desk.openMany(7);
    await desk.notify(UNIT);
    await desk.notify(ANA);
    await pass(5000);
    expect(desk.streams).toHaveLength(1);
    expect(shown(desk.pages)).toEqual(Array(7).fill([1, 2]));
    expect(desk.pages.map(({ client }) => client.safeCursor)).toEqual(Array(7).fill("e1.2"));
    expect(desk.site.asked).not.toContain("after");
  });

  it("have one link to Ably, and say so in each", async () => {
    const desk = new Desk({ transport: "ably" });
    await desk.openMany(7);
    await desk.notify(UNIT, { byAbly: true });
    await pass(1000);
    expect(desk.links).toHaveLength(1);
    expect(desk.streams.map(({ lane }) => lane)).toEqual(["standby"]);
    expect(shown(desk.pages)).toEqual(Array(7).fill([1]));
    expect(desk.pages.map(({ status }) => status)).toEqual(Array(7).fill("ably"));
  });

  it("give one receipt for a row, by the path on which it came", async () => {
    const desk = new Desk({ transport: "ably" });
    await desk.openMany(7);
    await desk.notify(UNIT, { byAbly: true });
    await pass(3000);
    expect(desk.site.receipted).toMatchObject([{ id: "row-1", transport: "ably" }]);
  });

  it("show the count that the server tells, and a page's own newer one is not overwritten by an old one", async () => {
    const desk = new Desk();
    await desk.openMany(7);
    await desk.leader.hears("counts", { unread: 7 });
    expect(desk.pages.map(({ unread }) => unread)).toEqual(Array(7).fill(7));
    desk.followers[0].unread = 6; // it has marked one as read, and got the new count
    await pass(3000);
    expect(desk.followers[0].unread).toBe(6);
    await desk.leader.hears("counts", { unread: 6 });
    await desk.leader.hears("counts", { unread: 7 });
    expect(desk.followers[0].unread).toBe(7);
  });

  it("all leave when one of them finds the login gone", async () => {
    const desk = new Desk();
    await desk.openMany(7);
    const { last } = desk.leader.streams;
    last.event("bye", { reason: "signed_out", after_ms: 0 });
    last.end();
    await pass(10_000);
    expect(desk.pages.map(({ signedOut }) => signedOut)).toEqual(Array(7).fill(1));
    expect(desk.streams).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("the leader", () => {
  const ends = {
    "is closed": (desk, page) => desk.close(page),
    crashes: (desk, page) => desk.crash(page),
    "is frozen": (_, page) => page.tab.freeze(),
    "goes into the browser's cache": (_, page) => page.tab.run(() => page.client.suspend()),
  };

  it.each(Object.entries(ends))("that %s is followed by another within two seconds, and nothing is lost", async (_, end) => {
    const desk = new Desk();
    await desk.openMany(4);
    await desk.notify(UNIT);
    const first = desk.leader;
    end(desk, first);
    const others = desk.pages.filter((page) => page !== first);
    await desk.notify(UNIT);
    await pass(1900);
    await desk.notify(UNIT);
    await pass(0);
    expect(shown(others)).toEqual(Array(3).fill([1, 2, 3]));
    expect(others.flatMap(({ streams }) => streams.open)).toHaveLength(1);
  });

  it("that wakes up again follows, and has what it missed", async () => {
    const desk = new Desk();
    await desk.openMany(3);
    const first = desk.leader;
    first.tab.freeze();
    await desk.notify(UNIT);
    await pass(60_000);
    await desk.notify(UNIT);
    first.tab.thaw();
    await pass(3000);
    expect(first.client.connection).toBe(null);
    expect(shown(desk.pages)).toEqual(Array(3).fill([1, 2]));
    expect(desk.streams).toHaveLength(1);
  });

  it("that is hidden for a minute is followed by the tab that is looked at", async () => {
    const desk = new Desk();
    const [first, second] = await desk.openMany(3);
    const show = (page, hidden) => {
      page.tab.hidden = hidden;
      page.tab.run(() => page.client.look());
    };
    show(first, true);
    show(desk.pages[2], true);
    await pass(59_000);
    expect(desk.leader).toBe(first);
    await pass(3000);
    expect(desk.leader).toBe(second);
    await desk.notify(UNIT);
    expect(shown(desk.pages)).toEqual(Array(3).fill([1]));
  });

  it("is hurried by any tab that finds that the machine has slept", async () => {
    const desk = new Desk();
    await desk.openMany(3);
    await pass(2000);
    desk.followers.forEach((page) => page.tab.run(() => page.client.reconnect()));
    await pass(100);
    expect(desk.leader.streams.all.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });
});

describe("a tab", () => {
  it("that is opened later lacks nothing, wherever its own list ends", async () => {
    const desk = new Desk();
    await desk.openMany(2);
    await desk.notify(UNIT);
    const late = new Page({ site: desk.site, tab: desk.browser.tab(), position: "e1.1" });
    desk.pages.push(late);
    await desk.notify(UNIT);
    await late.start();
    await pass(1000);
    expect(late.shown).toEqual([2]);
    expect(late.client.safeCursor).toBe("e1.2");
    expect(late.status).toBe("sse");
    expect(desk.streams).toHaveLength(1);
  });

  it("that fetches by itself in a browser that cannot verify says so in its receipts", async () => {
    const desk = new Desk();
    desk.site.reason = "cannot_verify";
    const [, cached] = await desk.openMany(3);
    cached.tab.run(() => cached.client.suspend());
    await desk.notify(UNIT);
    await pass(60_000);
    desk.site.receipted.length = 0;
    cached.tab.run(() => cached.client.resume());
    await pass(3_000);
    expect(desk.site.receipted).toMatchObject([{ id: "row-1", transport: "unable" }]);
  });

  it("that is opened later in such a browser does too, for what it lacks", async () => {
    const desk = new Desk();
    desk.site.reason = "cannot_verify";
    await desk.openMany(2);
    await desk.notify(UNIT);
    await pass(3_000);
    desk.site.receipted.length = 0;
    const late = new Page({ site: desk.site, tab: desk.browser.tab(), position: "e1.0" });
    desk.pages.push(late);
    await late.start();
    await pass(5_000);
    expect(desk.site.receipted).toMatchObject([{ id: "row-1", transport: "unable" }]);
  });

  it("that was in the browser's cache fetches what it missed, at once", async () => {
    const desk = new Desk();
    const [, cached] = await desk.openMany(3);
    cached.tab.run(() => cached.client.suspend());
    await desk.notify(UNIT);
    await pass(60_000);
    expect(cached.shown).toEqual([]);
    cached.tab.run(() => cached.client.resume());
    await pass(200);
    expect(cached.shown).toEqual([1]);
    expect(desk.streams).toHaveLength(1);
  });

  it("that was frozen while the person joined a unit has its rows from the joining on", async () => {
    const desk = new Desk();
    const [, cached] = await desk.openMany(2);
    await desk.notify(UNIT);
    desk.site.join(SYSTEM);
    await desk.notify(SYSTEM);
    await desk.notify(UNIT);
    desk.site.tick();
    await pass(1000);
    cached.tab.run(() => cached.client.suspend());
    desk.site.notice();
    await pass(5000);
    cached.tab.run(() => cached.client.resume());
    await pass(1000);
    expect(cached.shown.toSorted()).toEqual([1, 2, 3]);
  });

  it("that knows no channel yet shows nothing of a log that is over", async () => {
    const desk = new Desk();
    Object.assign(desk.site, { epoch: "e2", session: () => new Promise(() => {}) });
    const page = await desk.open();
    const leader = desk.browser.tab();
    const channel = new leader.browser.Channel(`notificacoes:ana:${desk.site.login}`);
    const row = { seq: 1, prev_seq: 0, channel: UNIT };
    for (const epoch of ["e2", "e1"]) {
      const of = { id: `of ${epoch}`, event_id: `of ${epoch}` };
      channel.postMessage({ kind: "row", row: { ...row, ...of }, position: `${epoch}.1`, leads: true, hiddenFor: 0 });
    }
    await pass(100);
    expect(page.did).toEqual(["show 1"]);
  });

  it("of a login that is over hears nothing of the next person's, and leaves", async () => {
    const desk = new Desk();
    const page = await desk.open();
    page.tab.run(() => page.client.suspend());
    desk.site.login = "a login of bia's";
    desk.site.notify(UNIT);
    page.tab.run(() => page.client.resume());
    await pass(5000);
    expect(page.signedOut).toBe(1);
    expect(page.shown).toEqual([]);
  });

  it("that is refused as not logged in takes all along, leader or not", async () => {
    const desk = new Desk();
    await desk.openMany(3);
    const [follower] = desk.followers;
    vi.spyOn(desk.site, "after").mockRejectedValue(new ApiError(401));
    follower.tab.run(() => follower.client.incoming.told({ channel: UNIT, seq: 9 }, 0));
    await pass(1000);
    expect(desk.pages.map(({ signedOut }) => signedOut)).toEqual([1, 1, 1]);
  });
});

it("each tab is for itself where the browser has no locks", async () => {
  const desk = new Desk();
  const pages = await desk.openMany(0);
  for (let n = 0; n < 2; n += 1) {
    const tab = desk.browser.tab();
    tab.browser.locks = undefined;
    pages.push(await new Page({ site: desk.site, tab }).start());
  }
  await desk.notify(UNIT);
  expect(desk.streams).toHaveLength(2);
  expect(shown(pages)).toEqual([[1], [1]]);
});

describe("a browser without a secure context", () => {
  it("runs the page: each tab by itself, with the ids that such a browser can make", async () => {
    const page = new Page({ transport: "sse" });
    vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
    await page.start();
    await page.notify(UNIT);
    expect([page.shown, page.status, page.unread]).toEqual([[1], "sse", 0]);
    page.client.stop();
  });

  it("says so to the stream", async () => {
    const page = new Page({ transport: "sse" });
    page.site.context = { ed25519: "false" };
    await page.start();
    expect(page.streams.last.address).toContain("&ed25519=false");
    page.client.stop();
  });
});
