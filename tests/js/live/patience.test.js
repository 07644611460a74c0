import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../../../notificacao/static/notificacao/live/api.js";
import { untilAnswered } from "../../../notificacao/static/notificacao/live/patience.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Ask something that fails with `errors`, one after the other, then answers. */
function asking(errors, { isOver = () => false } = {}) {
  const ask = vi.fn(async () => {
    if (errors.length) throw errors.shift();
    return "answer";
  });
  const onFinal = vi.fn();
  return { ask, onFinal, answer: untilAnswered(ask, { isOver, onFinal }) };
}

it("asks again, one to three seconds later, then twice that, until there is an answer", async () => {
  vi.spyOn(Math, "random").mockReturnValueOnce(0).mockReturnValueOnce(0.999);
  const { ask, answer } = asking([new ApiError(0), new ApiError(500)]);
  await vi.advanceTimersByTimeAsync(999);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(ask).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(5990);
  expect(ask).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(10);
  expect(await answer).toBe("answer");
});

it("waits as long as the server asks it to", async () => {
  const { ask, answer } = asking([new ApiError(429, {}, 20_000)]);
  await vi.advanceTimersByTimeAsync(19_999);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(await answer).toBe("answer");
});

it.each([401, 410])("does not ask again after %i, and says so", async (status) => {
  const { ask, onFinal, answer } = asking([new ApiError(status)]);
  expect(await answer).toBe(null);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ask).toHaveBeenCalledOnce();
  expect(onFinal).toHaveBeenCalledExactlyOnceWith(status);
});

it("gives no answer to whoever is gone by then", async () => {
  let over = false;
  const { answer } = asking([], { isOver: () => over });
  over = true;
  expect(await answer).toBe(null);
});

it("does not hide a fault of ours", async () => {
  await expect(asking([new TypeError("a bug")]).answer).rejects.toThrow("a bug");
});
