import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { readStream } from "../../../notificacao/static/notificacao/live/stream.js";
import { refusal, Streams } from "../fakes.js";

let streams, heard, controller;

beforeEach(() => {
  vi.useFakeTimers();
  streams = new Streams();
  heard = [];
  controller = new AbortController();
});
afterEach(() => void vi.useRealTimers());

const settled = () => vi.advanceTimersByTimeAsync(0);

/** Open a stream; `ending` will be how it ended. */
async function read() {
  const onEvent = (event) => heard.push(event);
  const options = { fetch: streams.fetch, signal: controller.signal, silence: 40_000, onEvent };
  const stream = readStream("/api/v1/stream/?lane=live", options);
  const ending = stream.then(
    () => "ended",
    (error) => error,
  );
  await settled();
  return { ending };
}

it("gives each event its name, its data and its own id", async () => {
  const { ending } = await read();
  streams.last.event("notification", { id: "a" }, "e1.7");
  streams.last.event("counts", { unread: 3 });
  streams.last.end();
  expect(await ending).toBe("ended");
  expect(heard).toEqual([
    { name: "notification", data: { id: "a" }, id: "e1.7" },
    { name: "counts", data: { unread: 3 }, id: null },
  ]);
});

it("hears a heartbeat, and no other comment, as the place that the stream has reached", async () => {
  await read();
  streams.last.write("retry: 3000\n\n");
  streams.last.write(":\n\n: keep-alive\n\n");
  streams.last.heartbeat("e1.9");
  await settled();
  expect(heard).toEqual([{ name: "heartbeat", data: null, id: "e1.9" }]);
});

it("reads an event that comes in pieces, a letter cut in two among them", async () => {
  await read();
  const bytes = new TextEncoder().encode('event: notification\ndata: {"title":"Solicitação"}\n\n');
  for (const byte of bytes) streams.last.out.enqueue(new Uint8Array([byte]));
  await settled();
  expect(heard).toEqual([{ name: "notification", data: { title: "Solicitação" }, id: null }]);
});

it("fails with the refusal", async () => {
  streams.admit = () => refusal(503, { "Retry-After": "2" });
  const { ending } = await read();
  expect(await ending).toMatchObject({ status: 503, retryAfter: 2000 });
});

it("gives up on a stream that says nothing for too long, and lets go of the connection", async () => {
  const { ending } = await read();
  await vi.advanceTimersByTimeAsync(39_000);
  streams.last.heartbeat("e1.9");
  await vi.advanceTimersByTimeAsync(39_999);
  expect(streams.last.isOpen).toBe(true);
  await vi.advanceTimersByTimeAsync(1);
  expect(await ending).toMatchObject({ name: "TimeoutError" });
  expect(streams.last.isOpen).toBe(false);
});

it("ends when it is told to, with nothing left running", async () => {
  const { ending } = await read();
  controller.abort();
  expect(await ending).toMatchObject({ name: "AbortError" });
  expect(streams.open).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

it("lets go of the connection when what it reads is not what it should be", async () => {
  const { ending } = await read();
  streams.last.write("event: counts\ndata: no JSON\n\n");
  expect(await ending).toBeInstanceOf(SyntaxError);
  expect(streams.open).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
