import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { Receipts } from "../../../notificacao/static/notificacao/live/receipts.js";

let sent, refuse, receipts;

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  refuse = null;
  receipts = new Receipts({
    send: async (batch) => {
      if (refuse !== null) throw new ApiError(refuse);
      sent.push(batch);
    },
    now: () => Date.now(),
  });
});
afterEach(() => void vi.useRealTimers());

it("sends what came within one to two seconds as one batch, with the time that each was held", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  receipts.add("a", "ably");
  await vi.advanceTimersByTimeAsync(500);
  receipts.add("b", "sse");
  await vi.advanceTimersByTimeAsync(999);
  expect(sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toEqual([
    [
      { id: "a", transport: "ably", held_ms: 1500 },
      { id: "b", transport: "sse", held_ms: 1000 },
    ],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

it("spreads the batches of many pages by chance", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  receipts.add("a", "ably");
  await vi.advanceTimersByTimeAsync(1000);
  expect(sent).toHaveLength(1);
});

it("sends at most 200 at a time, and the rest next", async () => {
  for (let n = 0; n < 450; n += 1) receipts.add(`row-${n}`, "rest");
  await vi.advanceTimersByTimeAsync(6000);
  expect(sent.map((batch) => batch.length)).toEqual([200, 200, 50]);
  expect(new Set(sent.flat().map(({ id }) => id)).size).toBe(450);
});

it.each([0, 429, 503])("keeps what a server that answers %i did not take, in order, and counts on", async (status) => {
  refuse = status;
  receipts.add("a", "sse");
  await vi.advanceTimersByTimeAsync(2000);
  receipts.add("b", "sse");
  refuse = null;
  await vi.advanceTimersByTimeAsync(4000);
  expect(sent.flat().map(({ id }) => id)).toEqual(["a", "b"]);
  expect(sent[0][0].held_ms).toBeGreaterThan(1000);
});

it.each([400, 401, 403])("drops what a server refuses for good with %i", async (status) => {
  refuse = status;
  receipts.add("a", "sse");
  await vi.advanceTimersByTimeAsync(2000);
  refuse = null;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toEqual([]);
});

it("keeps no more than the last 2,000 while the server is away", async () => {
  refuse = 0;
  for (let n = 0; n < 2100; n += 1) receipts.add(`row-${n}`, "sse");
  await vi.advanceTimersByTimeAsync(2000);
  refuse = null;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent.flat()).toHaveLength(2000);
  expect(sent.at(-1).at(-1).id).toBe("row-2099");
});

it("sends at once when the page is closing", async () => {
  receipts.add("a", "sse");
  await receipts.flush();
  expect(sent.flat().map(({ id }) => id)).toEqual(["a"]);
  await receipts.flush();
  expect(sent).toHaveLength(1);
});
