/** Test when the client asks for the session, what it makes of the answer, and how it ends when there is none. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { refusal, SYSTEM, UNIT } from "../fakes.js";
import { Page, pass } from "../page.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the session", () => {
  it("is asked for again within half a second when the stream says so, once for many such words", async () => {
    const page = await new Page().onAbly();
    page.site.asked.length = 0;
    for (let n = 0; n < 5; n += 1) await page.hears("session");
    await pass(500);
    expect(page.site.asked).toEqual(["session"]);
    expect(page.lanes).toEqual(["standby"]);
  });

  it("is asked for at the start until there is an answer", async () => {
    const page = new Page({ transport: "sse" });
    vi.spyOn(page.site, "session").mockRejectedValueOnce(new ApiError(0)).mockRejectedValueOnce(new ApiError(503));
    await page.start();
    expect(page.status).toBe("connecting");
    await pass(10_000);
    expect(page.status).toBe("sse");
  });

  it("that was asked for earlier is not applied over a later one", async () => {
    const page = await new Page({ transport: "sse" }).start();
    const late = await page.site.session();
    let answerLate;
    vi.spyOn(page.site, "session").mockImplementationOnce(() => new Promise((resolve) => (answerLate = resolve)));
    await page.hears("session");
    await pass(500);
    await page.flag("ably");
    await pass(500);
    answerLate(late);
    await pass(500);
    await page.attach();
    await pass(2000);
    expect(page.status).toBe("ably");
  });

  it("is not asked for when the stream says that the page is to leave Ably", async () => {
    const page = await new Page().onAbly();
    page.site.asked.length = 0;
    await page.flag("sse");
    await pass(20);
    expect(page.status).toBe("sse");
    expect(page.lanes).toEqual(["live"]);
    await pass(2_000);
    expect(page.site.asked).toEqual([]);
  });

  it("is asked for again where it was being answered with Ably while the page was told to leave it", async () => {
    const page = await new Page().onAbly();
    const before = await page.site.session();
    let answer;
    vi.spyOn(page.site, "session").mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    await page.hears("session");
    await pass(500);
    await page.flag("sse");
    answer(before);
    await pass(2_000);
    expect(page.lanes).toEqual(["live"]);
    expect(page.ably.link.closed).toBe(true);
  });

  it("tells of the unread count, and so does the stream", async () => {
    const page = new Page();
    page.site.notify(UNIT);
    await page.start();
    expect(page.unread).toBe(1);
    await page.hears("counts", { unread: 7 });
    expect(page.unread).toBe(7);
  });

  it("is asked for when a lane is refused, and tells which to open", async () => {
    const page = await new Page().onAbly();
    page.streams.admit = (connection) =>
      connection.lane === "standby" ? refusal(403) : page.site.admit(connection);
    page.site.transport = "sse";
    page.streams.last.cut();
    await pass(2000);
    expect(page.lanes).toEqual(["live"]);
  });

  it.each(["live", "standby"])("with a channel that was joined reopens the %s stream, from the joining on", async (lane) => {
    const page = await new Page({ transport: lane === "live" ? "sse" : "ably" }).start();
    if (lane === "standby") await page.attach();
    await page.notify(UNIT);
    page.site.tick();
    page.site.join(SYSTEM);
    await page.notify(SYSTEM);
    page.site.notice();
    await pass(2500);
    expect(page.streams.all).toMatchObject([{ lane }, { lane }]);
    expect(page.shown).toEqual([1, 2]);
    expect(page.client.safeCursor).toBe("e1.2");
  });

  it("is asked for when a stream opens that names a channel which the page does not know", async () => {
    const page = await new Page().onAbly();
    page.site.join(SYSTEM);
    page.streams.last.cut();
    await pass(2000);
    expect(page.site.asked).toEqual(["session", "session"]);
    expect(page.ably.link.channels.get(SYSTEM).listener).toBeDefined();
  });

  it("is asked for when a stream opens that does not name a channel of the page", async () => {
    const page = await new Page({ transport: "sse" }).start();
    page.site.leave(UNIT);
    page.streams.last.cut();
    await pass(2000);
    await page.notify(SYSTEM);
    page.site.tick();
    await pass(0);
    expect(page.client.safeCursor).toBe("e1.1");
  });
});

describe("signed out", () => {
  const refused = new ApiError(401);
  const ways = {
    "the session is refused": (page) => {
      vi.spyOn(page.site, "session").mockRejectedValue(refused);
      return page.hears("session");
    },
    "the stream is refused": (page) => {
      page.streams.admit = () => refusal(401);
      page.streams.last.cut();
    },
    "the stream says goodbye so": (page) => {
      page.streams.last.event("bye", { reason: "signed_out", after_ms: 0 });
      page.streams.last.end();
    },
    "a token is refused": (page) => {
      vi.spyOn(page.site, "ablyToken").mockRejectedValue(refused);
      return Promise.all([page.ably.link.askToken(), page.ably.link.askToken()]);
    },
    "catch-up is refused": (page) => {
      vi.spyOn(page.site, "after").mockRejectedValue(refused);
      return page.hears("heads", { position: "e1.1", channels: { [UNIT]: 1 } });
    },
  };

  it.each(Object.entries(ways))("is told once, and everything ends, when %s", async (_, happens) => {
    const page = await new Page().onAbly();
    await happens(page);
    await pass(5000);
    expect(page.signedOut).toBe(1);
    page.client.reconnect();
    await pass(180_000);
    expect(page.streams.open).toEqual([]);
    expect(page.ably.link).toMatchObject({ closed: true, hurried: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });
});
