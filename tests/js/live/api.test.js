import { expect, it, vi } from "vitest";
import { Api, ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { refusal } from "../fakes.js";

function apiThat(answer, options = {}) {
  const fetch = vi.fn(async (...call) => (answer instanceof Function ? answer(...call) : answer));
  return [new Api({ csrfToken: () => "csrf", fetch, ...options }), fetch];
}

const ok = (body) => new Response(JSON.stringify(body));

it("asks for what lies after a cursor, of all channels or of one", async () => {
  const [api, fetch] = apiThat(() => ok({ results: [] }));
  await api.after("e1.5");
  await api.after("e1.5", "private:unit:norte:notifications", 10);
  expect(fetch.mock.calls.map(([address]) => address)).toEqual([
    "/api/v1/notifications/?after=e1.5&limit=200",
    "/api/v1/notifications/?after=e1.5&limit=10&channel=private%3Aunit%3Anorte%3Anotifications",
  ]);
});

it("tells the session, and later the stream, whether the browser can verify", async () => {
  const [able, heard] = apiThat(() => ok({}));
  await able.session();
  expect(heard.mock.calls[0][0]).toBe("/api/v1/session/?ed25519=true");
  expect(able.context).toEqual({});
  vi.stubGlobal("crypto", {}); // as by plain HTTP
  vi.resetModules();
  const api = await import("../../../notificacao/static/notificacao/live/api.js");
  const fetch = vi.fn(async () => ok({}));
  const unable = new api.Api({ csrfToken: () => "csrf", fetch });
  await unable.session();
  expect(fetch.mock.calls[0][0]).toBe("/api/v1/session/?ed25519=false");
  expect(unable.context).toEqual({ ed25519: "false" });
});

it("sends the CSRF token with what changes something, and with nothing else", async () => {
  const [api, fetch] = apiThat(() => ok({}));
  await api.session();
  await api.act("an-id", "read");
  const [[, read], [address, write]] = fetch.mock.calls;
  expect(read.headers).not.toHaveProperty("X-CSRFToken");
  expect(address).toBe("/api/v1/notifications/an-id/read/");
  expect(write).toMatchObject({ method: "POST", headers: { "X-CSRFToken": "csrf" } });
});

it("tells with each call, and each stream, of which login it is", async () => {
  const [api, fetch] = apiThat(() => ok({}), { login: "a login of ana's" });
  await api.session();
  await api.act("an-id", "read");
  await api.fetch("/api/v1/stream/", { headers: { Accept: "text/event-stream" } });
  for (const [, { headers }] of fetch.mock.calls) expect(headers).toMatchObject({ "X-Login": "a login of ana's" });
  expect(fetch.mock.calls[2][1].headers.Accept).toBe("text/event-stream");
});

it("sends receipts in a way that outlives the page", async () => {
  const [api, fetch] = apiThat(() => ok({}));
  await api.receipts([{ id: "a", transport: "sse", held_ms: 5 }]);
  const [, options] = fetch.mock.calls[0];
  expect(options.keepalive).toBe(true);
  expect(options.headers["Content-Type"]).toBe("application/json");
  expect(JSON.parse(options.body)).toEqual([{ id: "a", transport: "sse", held_ms: 5 }]);
});

it("marks as read up to the cursor that the page gives, and no further", async () => {
  const [api, fetch] = apiThat(() => ok({ unread: 0 }));
  await api.readAll("e1.7");
  expect(JSON.parse(fetch.mock.calls[0][1].body)).toEqual({ up_to: "e1.7" });
});

it("follows the inbox to the page that it names", async () => {
  const [api, fetch] = apiThat(() => ok({ results: [] }));
  await api.inbox();
  await api.inbox("/api/v1/notifications/?page=abc");
  expect(fetch.mock.calls.map(([address]) => address)).toEqual([
    "/api/v1/notifications/",
    "/api/v1/notifications/?page=abc",
  ]);
});

it("gives the token alone", async () => {
  const [api] = apiThat(ok({ token: "a.b.c", expires_at: "…", capability: {} }));
  expect(await api.ablyToken()).toBe("a.b.c");
});

it("makes an error of a refusal, with its status, its sentence, and how long to wait in milliseconds", async () => {
  const [api] = apiThat(refusal(503, { "Retry-After": "7" }));
  await expect(api.session()).rejects.toMatchObject({ status: 503, message: "refused with 503", retryAfter: 7000 });
});

it("does not invent a wait where none was named, or where it is not a number of seconds", async () => {
  for (const headers of [{}, { "Retry-After": "Wed, 25 Nov 2026 12:00:00 GMT" }]) {
    const [api] = apiThat(refusal(429, headers));
    await expect(api.session()).rejects.toMatchObject({ status: 429, retryAfter: null });
  }
});

it("makes an error with the status of a refusal that is no JSON", async () => {
  const [api] = apiThat(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await expect(api.session()).rejects.toMatchObject({ status: 502, message: "HTTP 502" });
});

it("takes for no answer, status 0, whatever leaves none", async () => {
  const cutOff = new ReadableStream({
    start(out) {
      out.enqueue(new TextEncoder().encode('{"transport": "sse", '));
      out.error(new TypeError("terminated"));
    },
  });
  const nothing = () => Promise.reject(new TypeError("network error"));
  for (const answer of [nothing, new Response(cutOff), new Response("<h1>Log in to this Wi-Fi</h1>")]) {
    const [api] = apiThat(answer);
    const error = await api.session().catch((error) => error);
    expect(error).toBeInstanceOf(ApiError);
    expect(error.status).toBe(0);
  }
});

it("gives up on an answer that does not come in time", async () => {
  const never = (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const [api] = apiThat(never, { timeout: 10 });
  await expect(api.session()).rejects.toMatchObject({ status: 0 });
});
