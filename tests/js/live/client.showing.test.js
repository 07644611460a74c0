/** Test what the client shows, each event once, and how it finds what it lacks. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { ANA, Site, SYSTEM, UNIT } from "../fakes.js";
import { Page, pass } from "../page.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("an event", () => {
  it("is shown once by whatever paths it comes", async () => {
    const page = await new Page().onAbly();
    const row = await page.notify(UNIT, { byAbly: true });
    page.ably.link.deliver(row);
    await page.hears("notification", row);
    await page.flag("sse");
    await pass(500);
    await page.hears("notification", row, "e1.1");
    expect(page.shown).toEqual([1]);
  });

  it("that was in the page's list is not shown again", async () => {
    const site = new Site();
    site.notify(UNIT);
    const page = await new Page({ site, position: "e1.0" }).start();
    await pass(5000);
    expect(site.asked).toContain("after");
    expect(page.shown).toEqual([]);
  });

  it("of several channels is shown once, and a receipt given for each of its rows", async () => {
    const page = await new Page({ transport: "sse" }).start();
    await page.notify(ANA, { event_id: "one" });
    await page.notify(UNIT, { event_id: "one" });
    await pass(2000);
    expect(page.shown).toEqual([1]);
    expect(page.site.receipted.map(({ id }) => id)).toEqual(["row-1", "row-2"]);
  });

  it("whose time is over is not shown", async () => {
    const page = await new Page({ transport: "sse" }).start();
    await page.notify(UNIT, { expires_at: new Date(Date.now() - 1).toISOString() });
    await page.notify(UNIT, { expires_at: new Date(Date.now() + 1000).toISOString() });
    expect(page.shown).toEqual([2]);
  });
});

it("gives one receipt for each row, with the path that brought it first", async () => {
  const page = await new Page().onAbly();
  const [first, second, third] = [UNIT, UNIT, UNIT].map((channel) => page.site.notify(channel));
  page.ably.link.deliver(first);
  page.ably.link.deliver(first);
  await pass(0);
  await page.hears("notification", first);
  await page.hears("notification", second);
  await page.hears("heads", { position: "e1.3", channels: { [UNIT]: 3 } });
  await pass(1300);
  await page.flag("sse");
  await pass(500);
  const fourth = await page.notify(UNIT);
  await pass(2000);
  const receipts = page.site.receipted.map(({ id, transport }) => [id, transport]);
  expect(receipts).toEqual([
    [first.id, "ably"],
    [second.id, "standby"],
    [third.id, "rest"],
    [fourth.id, "sse"],
  ]);
});

describe("what is lacking", () => {
  beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));

  it("by a head is fetched after a second", async () => {
    const page = await new Page().onAbly();
    await page.notify(UNIT);
    page.site.tick();
    await pass(999);
    expect(page.shown).toEqual([]);
    await pass(1);
    expect(page.shown).toEqual([1]);
    expect(page.client.safeCursor).toBe("e1.1");
  });

  it("by a gap on Ably is fetched after 300 ms", async () => {
    const page = await new Page().onAbly();
    await page.notify(UNIT);
    await page.notify(UNIT, { byAbly: true });
    await pass(299);
    expect(page.shown).toEqual([2]);
    await pass(1);
    expect(page.shown).toEqual([2, 1]);
    expect(page.client.safeCursor).toBe("e1.0"); // ana's own channel is not known to be complete beyond that
    page.site.tick();
    await pass(0);
    expect(page.client.safeCursor).toBe("e1.2");
  });

  it("is not fetched when it comes by itself in time", async () => {
    const page = await new Page().onAbly();
    const rows = [await page.notify(UNIT), await page.notify(UNIT, { byAbly: true })];
    await pass(200);
    page.ably.link.deliver(rows[0]);
    await pass(5000);
    expect(page.shown).toEqual([2, 1]);
    expect(page.site.asked).not.toContain("after");
  });

  it("when the page opens is fetched", async () => {
    const page = new Page();
    page.site.notify(UNIT);
    await page.onAbly();
    await pass(1000);
    expect(page.shown).toEqual([1]);
  });

  it("when the page opens is fetched even where no stream does", async () => {
    const page = new Page();
    page.streams.admit = () => new Promise(() => {});
    page.site.notify(UNIT);
    await page.start();
    await pass(1000);
    expect(page.shown).toEqual([1]);
  });

  it("is fetched when the API is back", async () => {
    const page = await new Page().onAbly();
    vi.spyOn(page.site, "after").mockRejectedValueOnce(new ApiError(0)).mockRejectedValueOnce(new ApiError(503));
    await page.notify(UNIT);
    page.site.tick();
    await pass(12_000);
    expect(page.shown).toEqual([1]);
  });
});

describe("beginning again", () => {
  /** Begin a new epoch of the log, in which two rows were there before. */
  function restore(page) {
    Object.assign(page.site, { epoch: "e2", rows: [] });
    page.site.notify(UNIT);
    page.site.notify(UNIT);
    page.site.asked.length = 0;
  }

  const ways = {
    "the stream says resync": (page) => page.hears("resync", { position: "e2.2" }, "e2.2"),
    "heads are of another epoch": (page) => page.hears("heads", { position: "e2.2", channels: {} }),
    "the session is of another epoch": (page) => page.hears("session"),
    "catch-up cannot answer from the cursor": (page) => {
      vi.spyOn(page.site, "after").mockRejectedValue(new ApiError(410));
      return page.hears("heads", { position: "e1.9", channels: { [UNIT]: 9 } });
    },
  };

  it.each(Object.entries(ways))("reads the position, then the list, when %s", async (_, happens) => {
    const page = await new Page().onAbly();
    restore(page);
    await happens(page);
    await pass(2000);
    expect(page.site.asked.filter((call, n, asked) => call !== asked[n - 1])).toEqual(["session", "inbox"]);
    expect(page.did).toEqual(["list of 2"]);
    expect(page.streams.last.cursor).toBe("e2.2");
    expect(page.client.safeCursor).toBe("e2.2");
    expect(page.status).toBe("ably");
  });

  it("shows what came meanwhile after the new list, and what was stamped between position and list once", async () => {
    const page = await new Page().onAbly();
    const listed = vi.spyOn(page.site, "inbox").mockImplementationOnce(async () => {
      page.ably.link.deliver(page.site.notify(UNIT));
      const list = { results: [...page.site.rows], next: null };
      page.ably.link.deliver(page.site.notify(UNIT));
      return list;
    });
    await page.hears("resync", { position: "e1.0" }, "e1.0");
    expect(page.did).toEqual(["list of 1", "show 2"]);
    await pass(5000);
    expect(listed).toHaveBeenCalledOnce();
    expect(page.did).toEqual(["list of 1", "show 2"]);
    expect(page.client.safeCursor).toBe("e1.2");
  });

  it("shows nothing that came meanwhile of the log that was before", async () => {
    const page = await new Page().onAbly();
    restore(page);
    vi.spyOn(page.site, "inbox").mockImplementationOnce(async () => {
      const row = { ...page.site.rows[0], id: "of e1", event_id: "of e1" };
      page.ably.link.deliver(row, { epoch: "e1" });
      return { results: [...page.site.rows], next: null };
    });
    await page.hears("heads", { position: "e2.2", channels: {} });
    await pass(5000);
    expect(page.did).toEqual(["list of 2"]);
    expect(page.client.safeCursor).toBe("e2.2");
  });

  it("opens and fetches nothing before it has the list, whatever session is answered meanwhile", async () => {
    const page = await new Page().onAbly();
    let list;
    vi.spyOn(page.site, "inbox").mockImplementationOnce(() => new Promise((resolve) => (list = resolve)));
    await page.hears("heads", { position: "e1.1", channels: { [UNIT]: 1 } });
    await page.hears("session");
    await page.hears("resync", { position: "e1.1" }, "e1.1");
    page.site.transport = "sse"; // the next session says so too, after the one with which the tab began again
    await pass(5000);
    expect(page.streams.open).toEqual([]);
    expect(page.site.asked).not.toContain("after");
    list({ results: [], next: null });
    await pass(1000);
    expect(page.status).toBe("sse");
  });

  it("is not undone by the answer to an older question", async () => {
    const page = await new Page().onAbly();
    const late = await page.site.session();
    let answerLate;
    vi.spyOn(page.site, "session").mockImplementationOnce(() => new Promise((resolve) => (answerLate = resolve)));
    await page.hears("session");
    await pass(500);
    page.site.transport = "sse";
    await page.hears("resync", { position: "e1.0" }, "e1.0");
    await pass(500);
    answerLate(late);
    await pass(1000);
    expect(page.status).toBe("sse");
    expect(page.ably.link.closed).toBe(true);
  });
});

it("loses nothing of a channel that is heard of while a catch-up is on its way", async () => {
  const page = await new Page().onAbly();
  page.site.join(SYSTEM);
  await page.notify(SYSTEM);
  await page.hears("heads", { position: "e1.1", channels: { [UNIT]: 0 } }); // the hub has not seen the new membership yet
  await page.notify(UNIT);
  await page.notify(ANA);
  page.site.tick();
  let answer;
  const found = await page.site.after("e1.1");
  vi.spyOn(page.site, "after").mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
  await pass(1300);
  await page.hears("session");
  await pass(500);
  answer(found);
  await pass(5000);
  expect(page.shown.sort()).toEqual([1, 2, 3]);
});
