/** Ask the API until it answers. */

import { ApiError } from "./api.js";

const RETRY = 2_000; // ms, give or take half by chance; it doubles
const LONGEST = 30_000; // ms
const FINAL = [401, 410]; // signed out; the log cannot answer from that cursor

/** Resolve after `ms`, at once where that is past. */
export async function pause(/** @type {number} */ ms) {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Resolve to what `ask` answers, however long it takes; to null once `isOver()` says so, and after `onFinal(status)`
 * for 401 and 410. An error that is no ApiError is thrown: it is a fault of ours.
 *
 * @template Answer
 * @param {() => Promise<Answer>} ask
 * @param {{isOver: () => boolean, onFinal: (status: number) => void}} options
 * @returns {Promise<Answer?>}
 */
export async function untilAnswered(ask, { isOver, onFinal }) {
  for (let retry = RETRY; !isOver(); retry = Math.min(2 * retry, LONGEST)) {
    try {
      const answer = await ask();
      return isOver() ? null : answer;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (FINAL.includes(error.status)) {
        onFinal(error.status);
        return null;
      }
      await pause(error.retryAfter ?? retry * (0.5 + Math.random()));
    }
  }
  return null;
}
