/** Test the choice of transport and lane. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { ANA, SYSTEM, UNIT } from "../fakes.js";
import { Page, pass } from "../page.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a page of somebody on Ably", () => {
  it("opens in standby, from the page's position, and is on Ably once that is attached", async () => {
    const page = new Page();
    page.site.notify(UNIT);
    await page.start();
    expect(page.streams.last).toMatchObject({ lane: "standby", cursor: "e1.0" });
    expect(page.status).toBe("connecting");
    await page.attach();
    await pass(30_000);
    expect(page.status).toBe("ably");
    expect(page.streams.all).toHaveLength(1);
  });

  it("is served by the live lane when Ably is not attached within three seconds", async () => {
    const page = await new Page().start();
    await pass(2999);
    expect(page.lanes).toEqual(["standby"]);
    await pass(1);
    expect(page.lanes).toEqual(["live"]);
    expect(page.status).toBe("sse");
  });

  it("stays in standby when Ably was attached in time, and is lost and tried again within the three seconds", async () => {
    const page = await new Page().onAbly();
    page.ably.link.connection.become("disconnected");
    await pass(30_000);
    expect(page.lanes).toEqual(["standby"]);
    expect(page.status).toBe("standby");
  });

  it("is served by the live lane when the SDK does not load", async () => {
    const page = new Page();
    page.sdk.mockRejectedValue(new Error("blocked"));
    await page.start();
    expect(page.lanes).toEqual(["live"]);
  });

  it.each(["suspended", "failed"])("goes over to the live lane when Ably is %s", async (state) => {
    const page = await new Page().onAbly();
    page.ably.link.connection.become(state);
    await pass(0);
    expect(page.lanes).toEqual(["live"]);
    expect(page.status).toBe("sse");
  });

  it("says at once that it is served by SSE where the site stopped using Ably, and stays where it is", async () => {
    const page = await new Page().onAbly();
    await page.hears("ably", { in_use: false });
    expect([page.lanes, page.status]).toEqual([["standby"], "standby"]);
    await page.hears("ably", { in_use: true });
    expect([page.lanes, page.status]).toEqual([["standby"], "ably"]);
  });

  it("believes of each new stream that Ably is in use until it is told otherwise", async () => {
    const page = await new Page().onAbly();
    await page.hears("ably", { in_use: false });
    page.streams.last.end();
    await pass(10_000);
    expect([page.lanes, page.status]).toEqual([["standby"], "ably"]);
  });

  it("goes back to standby, some time within two seconds, when Ably is attached again", async () => {
    const page = await new Page().onAbly();
    page.ably.link.connection.become("suspended");
    await pass(10_000);
    await page.attach();
    await pass(199);
    expect(page.lanes).toEqual(["live"]);
    await pass(1600);
    expect(page.lanes).toEqual(["standby"]);
    expect(page.status).toBe("ably");
  });

  it("does not go back to standby as long as something is lacking", async () => {
    const page = await new Page().onAbly();
    page.ably.link.connection.become("suspended");
    await pass(0);
    let answer;
    vi.spyOn(page.site, "after").mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    await page.hears("heads", { position: "e1.3", channels: { [UNIT]: 3 } });
    await page.attach();
    await pass(20_000);
    expect(page.lanes).toEqual(["live"]);
    answer({ results: [], complete_to: "e1.3", more: false });
    await pass(2000);
    expect(page.lanes).toEqual(["standby"]);
  });

  it("makes a new link one or two minutes after the SDK gave up, and gives it its time to attach", async () => {
    const page = await new Page().onAbly();
    page.ably.link.connection.become("failed");
    await pass(59_000);
    expect(page.ably.links).toHaveLength(1);
    await pass(61_000);
    expect(page.ably.links).toHaveLength(2);
    expect(page.ably.links[0].closed).toBe(true);
    expect(page.lanes).toEqual(["live"]);
    await page.attach();
    await pass(2000);
    expect(page.lanes).toEqual(["standby"]);
  });

  it("leaves a link alone that failed and was attached again", async () => {
    const page = await new Page().onAbly();
    page.ably.link.channels.get(UNIT).become("failed");
    await pass(1000);
    await page.attach();
    await pass(180_000);
    expect(page.ably.links).toHaveLength(1);
    expect(page.status).toBe("ably");
  });

  it("asks for the session when it is refused a token, and follows it to the live lane", async () => {
    const page = await new Page().onAbly();
    vi.spyOn(page.site, "ablyToken").mockRejectedValue(new ApiError(409));
    page.site.transport = "sse";
    const [error] = await page.ably.link.askToken();
    expect(error.statusCode).toBe(409);
    await pass(500);
    expect(page.lanes).toEqual(["live"]);
    expect(page.ably.link.closed).toBe(true);
  });
});

describe("a page of somebody on SSE", () => {
  it("opens the live lane from the page's position, and never loads the SDK", async () => {
    const page = await new Page({ transport: "sse" }).start();
    await pass(10_000);
    expect(page.streams.all).toMatchObject([{ lane: "live", cursor: "e1.0" }]);
    expect(page.status).toBe("sse");
    expect(page.sdk).not.toHaveBeenCalled();
  });

  it("comes back to a stream that broke from where it is complete", async () => {
    const page = await new Page({ transport: "sse" }).start();
    await page.notify(UNIT);
    page.streams.last.cut();
    await pass(1000);
    expect(page.streams.all.map(({ cursor }) => cursor)).toEqual(["e1.0", "e1.1"]);
    expect(page.statuses.slice(-3)).toEqual(["sse", "connecting", "sse"]);
  });

  it("comes back from where its last heartbeat was", async () => {
    const page = await new Page({ transport: "sse" }).start();
    await page.notify(SYSTEM);
    page.site.tick();
    await pass(0);
    page.streams.last.cut();
    await pass(1000);
    expect(page.streams.last.cursor).toBe("e1.1");
  });
});

describe("the flag", () => {
  /** Check that at every moment a stream is open or Ably is attached. */
  function watch(page) {
    const bare = [];
    const isServed = () => page.streams.open.length || page.client.connection.link?.attached;
    return async (ms) => {
      for (let past = 0; past < ms; past += 10) {
        await pass(10);
        if (!isServed()) bare.push(Date.now());
      }
      expect(bare).toEqual([]);
    };
  }

  it("flipped both ways takes the page from lane to lane, and never leaves it without one", async () => {
    const page = await new Page({ transport: "sse" }).start();
    const watched = watch(page);
    for (let n = 0; n < 3; n += 1) {
      await page.flag("ably");
      await watched(600);
      expect(page.lanes).toEqual(["live"]);
      await page.attach();
      await watched(2000);
      expect(page.status).toBe("ably");
      await page.notify(UNIT, { byAbly: true });
      await page.flag("sse");
      await watched(600);
      expect(page.status).toBe("sse");
      expect(page.client.connection.link).toBe(null);
      await page.notify(UNIT);
    }
    expect(page.shown).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("taken back leaves Ably only once the live stream is there", async () => {
    const page = await new Page().onAbly();
    let open;
    page.streams.admit = (connection) => new Promise((resolve) => (open = () => resolve(page.site.admit(connection))));
    await page.flag("sse");
    await pass(2000);
    expect(page.ably.link.closed).toBe(false);
    await page.notify(UNIT, { byAbly: true });
    expect(page.shown).toEqual([1]);
    open();
    await pass(0);
    expect(page.ably.link.closed).toBe(true);
    expect(page.status).toBe("sse");
  });

  it("taken back does not let Ably, attached at that moment, draw the page into standby", async () => {
    const page = await new Page().start();
    await pass(3000);
    page.streams.admit = () => new Promise(() => {});
    page.streams.last.cut();
    vi.spyOn(Math, "random").mockReturnValue(0.9); // the stream moves to standby later than the session is asked for
    await page.attach();
    page.site.transport = "sse";
    page.ably.link.deliver(page.site.notify(UNIT), { key: "another" }); // which makes the page ask for the session
    await pass(5000);
    expect(page.streams.all.slice(2).map(({ lane }) => lane)).not.toContain("standby");
    expect(page.ably.link.closed).toBe(false);
  });

  it("taken back while the page is in the live lane already leaves Ably at once", async () => {
    const page = await new Page().start();
    await pass(3000);
    await page.flag("sse");
    await pass(500);
    expect(page.streams.all.map(({ lane }) => lane)).toEqual(["standby", "live"]);
    expect(page.ably.link.closed).toBe(true);
  });
});

it("fetches at once what Ably only tells of, several rows with one request", async () => {
  const page = await new Page().onAbly();
  await pass(2000);
  const before = page.site.asked.filter((call) => call === "after").length;
  for (const row of [page.site.notify(UNIT), page.site.notify(ANA)])
    page.ably.link.deliver(row, { data: { id: row.id, seq: row.seq } });
  await pass(100);
  expect(page.shown).toEqual([1, 2]);
  expect(page.site.asked.filter((call) => call === "after").length).toBe(before + 1);
});

it("does not begin again for a row of another log: Ably may send again what was published before a restore", async () => {
  const page = await new Page().onAbly();
  page.ably.link.deliver(page.site.notify(UNIT), { epoch: "e0" });
  await pass(5_000);
  expect(page.site.asked).not.toContain("inbox");
  expect(page.shown).toEqual([]);
});

it("tells by its receipts that its browser cannot verify, where that is why the server has it on SSE", async () => {
  const page = new Page({ transport: "sse" });
  page.site.reason = "cannot_verify";
  await page.start();
  await page.notify(UNIT);
  await pass(2_000);
  expect(page.site.receipted.map(({ transport }) => transport)).toEqual(["unable"]);
});

it("asks once more for a key that its person, who has just joined, did not have yet", async () => {
  const page = new Page({ transport: "ably" });
  const sessions = () => page.site.asked.filter((call) => call === "session").length;
  page.site.keyOf = () => null;
  await page.start();
  const before = sessions();
  page.site.keyOf = (channel) => `key of ${channel}`;
  await pass(3_000);
  expect(sessions()).toBe(before + 1);
  await pass(20_000);
  expect(sessions()).toBe(before + 1);
});

it("opens nothing when it was stopped while the session was on its way", async () => {
  const page = new Page();
  page.client.start();
  page.client.stop();
  await pass(10_000);
  expect(page.streams.all).toEqual([]);
  expect(page.ably.links).toEqual([]);
});

describe("the network", () => {
  it("gone is what the page says, and back, it opens its stream anew and hurries Ably", async () => {
    const page = await new Page().onAbly();
    vi.stubGlobal("navigator", { onLine: false });
    page.client.offline();
    expect(page.status).toBe("offline");
    vi.stubGlobal("navigator", { onLine: true });
    page.client.reconnect();
    await pass(0);
    expect(page.status).toBe("ably");
    expect(page.streams.all.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    expect(page.ably.link.hurried).toBe(1);
  });
});
