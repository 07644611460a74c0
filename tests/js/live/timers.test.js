import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Timers } from "../../../notificacao/static/notificacao/live/timers.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("runs each name's work once, after its time", () => {
  const timers = new Timers();
  const work = vi.fn();
  timers.after("one", 100, work);
  vi.advanceTimersByTime(99);
  expect(work).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  expect(work).toHaveBeenCalledOnce();
});

it("puts a later one in the place of the one that waits, unless it is to stand", () => {
  const timers = new Timers();
  const ran = [];
  timers.after("moved", 100, () => ran.push("moved, first"));
  timers.after("moved", 200, () => ran.push("moved, second"));
  timers.after("stands", 100, () => ran.push("stands, first"));
  timers.after("stands", 50, () => ran.push("stands, second"), { again: false });
  vi.advanceTimersByTime(1000);
  expect(ran).toEqual(["stands, first", "moved, second"]);
});

it("takes a name again from within its own work", () => {
  const timers = new Timers();
  const ran = [];
  const again = { again: false };
  timers.after("one", 100, () => timers.after("one", 100, () => ran.push("second"), again), again);
  vi.advanceTimersByTime(200);
  expect(ran).toEqual(["second"]);
});

it("runs nothing any more once it was closed", () => {
  const timers = new Timers();
  const work = vi.fn();
  timers.after("one", 100, work);
  timers.close();
  timers.after("two", 100, work);
  vi.advanceTimersByTime(1000);
  expect(work).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});
