/** Asks the API until it answers. */

import { ApiError } from "./api.js";

const RETRY = 2_000; // ms, give or take half by chance
const FINAL = [401, 410]; // signed out; the log cannot answer from that cursor

/**
 * What `ask` answers, however long it takes. Null once `isOver()` says so, and after `onFinal(status)` for 401 and 410.
 * What is not an ApiError is thrown: it is a fault of ours.
 */
export async function untilAnswered(
  /** @type {() => Promise<any>} */ ask,
  /** @type {{isOver: () => boolean, onFinal: (status: number) => void}} */ { isOver, onFinal },
) {
  while (!isOver()) {
    try {
      const answer = await ask();
      return isOver() ? null : answer;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (FINAL.includes(error.status)) {
        onFinal(error.status);
        return null;
      }
      await new Promise((resolve) => setTimeout(resolve, error.retryAfter ?? RETRY * (0.5 + Math.random())));
    }
  }
  return null;
}
