import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { watchPage } from "../../../notificacao/static/notificacao/live/lifecycle.js";

let page, did, unwatch;

beforeEach(() => {
  vi.useFakeTimers();
  did = [];
  page = { window: new EventTarget(), document: Object.assign(new EventTarget(), { hidden: false }) };
  const client = Object.fromEntries(
    ["reconnect", "offline", "suspend", "resume", "look"].map((name) => [name, () => did.push(name)]),
  );
  unwatch = watchPage(client, page);
});
afterEach(() => {
  unwatch();
  vi.useRealTimers();
});

/** Let the machine sleep: no timer runs, and the clock goes on. */
const sleep = (ms) => vi.setSystemTime(Date.now() + ms);

it.each([
  ["window", "online", {}, ["reconnect"]],
  ["window", "offline", {}, ["offline"]],
  ["window", "pagehide", { persisted: false }, ["suspend"]],
  ["window", "pageshow", { persisted: true }, ["resume"]],
  ["window", "pageshow", { persisted: false }, []],
  ["document", "freeze", {}, ["suspend"]],
  ["document", "resume", {}, ["resume"]],
  ["document", "visibilitychange", {}, ["look"]],
])("at the %s's %s (%o) calls %o", (target, name, fields, calls) => {
  page[target].dispatchEvent(Object.assign(new Event(name), fields));
  expect(did).toEqual(calls);
});

it("finds that the machine has slept for more than ten seconds", () => {
  vi.advanceTimersByTime(60_000);
  sleep(9_000);
  vi.advanceTimersByTime(60_000);
  expect(did).toEqual([]);
  sleep(11_000);
  vi.advanceTimersByTime(60_000);
  expect(did).toEqual(["reconnect"]);
});

it("does not take a hidden page's slow timers for sleep, nor the first after it is seen again", () => {
  page.document.hidden = true;
  vi.advanceTimersByTime(5_000);
  for (let minutes = 0; minutes < 5; minutes += 1) {
    sleep(55_000);
    vi.advanceTimersByTime(5_000);
  }
  sleep(55_000);
  page.document.hidden = false;
  vi.advanceTimersByTime(5_000);
  expect(did).toEqual([]);
  page.document.hidden = true;
  vi.advanceTimersByTime(5_000);
  sleep(80_000);
  vi.advanceTimersByTime(5_000);
  expect(did).toEqual(["reconnect"]);
});

it("is quiet once it is not watched any more", () => {
  unwatch();
  page.window.dispatchEvent(new Event("online"));
  expect(did).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

it("watches nothing where there is no page", () => {
  expect(watchPage({}, null)).toBeTypeOf("function");
});
