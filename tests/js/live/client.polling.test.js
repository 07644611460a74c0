/** Test the client where no stream comes through. */

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { Desk } from "../desk.js";
import { refusal, UNIT } from "../fakes.js";
import { Page, pass } from "../page.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const asked = ({ site }, call) => site.asked.filter((name) => name === call).length;

/** Make a page of somebody on SSE whose streams are refused from the start, and which polls. */
async function polling() {
  const page = new Page({ transport: "sse" });
  page.streams.admit = () => refusal(502);
  await page.start();
  await pass(15_000);
  return page;
}

it("after three streams in a row were refused it asks every five seconds, and says so", async () => {
  const page = await polling();
  expect(page.status).toBe("polling");
  const before = asked(page, "after");
  await pass(60_000);
  expect(asked(page, "after") - before).toBeGreaterThanOrEqual(9);
  expect(asked(page, "after") - before).toBeLessThanOrEqual(16);
});

it("shows what comes once, with the count, and gives a receipt for it", async () => {
  const page = await polling();
  page.site.notify(UNIT);
  page.site.notify(UNIT);
  await pass(6500);
  expect(page.shown).toEqual([1, 2]);
  expect(page.unread).toBe(2);
  await pass(20_000);
  expect(page.shown).toEqual([1, 2]);
  expect(page.site.receipted.map(({ id, transport }) => [id, transport])).toEqual([
    ["row-1", "rest"],
    ["row-2", "rest"],
  ]);
});

it("does not begin because of two refusals, nor of many that lie apart", async () => {
  const page = new Page({ transport: "sse" });
  let refusals = 2;
  page.streams.admit = (stream) => (refusals-- > 0 ? refusal(502) : page.site.admit(stream));
  await page.start();
  for (let n = 0; n < 5; n += 1) {
    await pass(10_000);
    refusals = 2;
    page.streams.open.forEach((stream) => stream.cut());
  }
  await pass(10_000);
  expect(page.statuses).not.toContain("polling");
  expect(asked(page, "after")).toBe(0);
});

it("begins within fifteen seconds where a stream opens and nothing of it comes through", async () => {
  const page = new Page({ transport: "sse" });
  page.streams.admit = () => {};
  await page.start();
  await pass(9_999);
  expect(asked(page, "after")).toBe(0);
  await pass(5_100);
  expect(page.status).toBe("polling");
});

it("asks for the session every half minute, which is not why it tries the stream again sooner", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  const page = await polling();
  await pass(60_000);
  const [sessions, streams] = [asked(page, "session"), page.streams.all.length];
  await pass(120_000);
  expect(asked(page, "session") - sessions).toBe(4);
  expect(page.streams.all.length - streams).toBe(8); // every 15 s, half of the longest wait
});

it("stops when a stream is there, from where it is complete", async () => {
  const page = await polling();
  await pass(5000);
  page.site.notify(UNIT);
  await pass(6500);
  page.streams.admit = (stream) => page.site.admit(stream);
  await pass(31_000);
  expect(page.status).toBe("sse");
  expect(page.streams.last.cursor).toBe("e1.1");
  const before = asked(page, "after");
  await pass(30_000);
  expect(asked(page, "after")).toBe(before);
});

it("polls beside streams that fall silent after their opening, until one is heard again after that", async () => {
  const page = await new Page({ transport: "sse" }).start();
  await pass(82_000 + 5_000);
  expect(page.status).toBe("polling");
  expect(page.lanes).toEqual(["live"]);
  page.site.notify(UNIT);
  await pass(6500);
  expect(page.shown).toEqual([1]);
  page.site.tick();
  await pass(0);
  expect(page.status).toBe("sse");
});

it("does not say that it is served while the site does not answer, and does again", async () => {
  const page = await polling();
  const after = vi.spyOn(page.site, "after").mockRejectedValue(new ApiError(0));
  await pass(20_000);
  expect(page.status).toBe("connecting");
  after.mockRestore();
  await pass(35_000);
  expect(page.status).toBe("polling");
});

it("leaves a proxy's 403 in peace", async () => {
  const page = new Page({ transport: "sse" });
  page.streams.admit = () => refusal(403);
  await page.start();
  await pass(120_000);
  expect(page.status).toBe("polling");
  expect(page.streams.all.length).toBeLessThan(12);
});

it("asks while the site sends it away for a minute, as it does with the streams beyond its limit", async () => {
  const page = await new Page({ transport: "sse" }).start();
  await page.hears("bye", { reason: "limit", after_ms: 60_000 });
  page.streams.last.end();
  page.site.notify(UNIT);
  await pass(6500);
  expect(page.shown).toEqual([1]);
  expect(page.status).toBe("polling");
  await pass(55_000);
  expect(page.status).toBe("sse");
  const before = asked(page, "after");
  await pass(14_000);
  expect(asked(page, "after")).toBe(before);
});

it("is done by one tab for all of them, and by the next one when that crashes", async () => {
  const desk = new Desk();
  desk.site.admit = () => refusal(502);
  await desk.openMany(3);
  await pass(20_000);
  expect(desk.pages.map(({ status }) => status)).toEqual(["polling", "polling", "polling"]);
  desk.site.notify(UNIT);
  const before = desk.site.asked.filter((call) => call === "after").length;
  await pass(12_500);
  expect(desk.site.asked.filter((call) => call === "after").length - before).toBeLessThanOrEqual(4);
  expect(desk.pages.map(({ shown }) => shown)).toEqual([[1], [1], [1]]);
  desk.crash(desk.leader);
  desk.site.notify(UNIT);
  await pass(25_000);
  expect(desk.pages.map(({ shown }) => shown)).toEqual([
    [1, 2],
    [1, 2],
  ]);
  desk.pages.forEach(({ client }) => client.stop());
});

it("ends with the page", async () => {
  const page = await polling();
  page.client.stop();
  const before = page.site.asked.length;
  await pass(120_000);
  expect(page.site.asked.length).toBe(before);
});
