/** Keep one stream open, in the lane that is wanted, through refusals, ends and silence. */

import { readStream } from "./stream.js";
import { ApiError } from "./api.js";

const SILENCE = 40_000; // ms; the server sends a heartbeat every 15 s
const FIRST_EVENT = 10_000; // ms in which a stream begins to speak
const FIRST_WAIT = 1_000; // ms
const LONGEST_WAIT = 30_000; // ms
const LONG_WAIT = 5_000; // ms; a page that is sent away for longer asks for itself meanwhile
const SPREAD = 500; // ms, by chance, on top of what the server asks to wait

/**
 * @typedef {import("./types.js").LaneName} LaneName
 * @typedef {"late" | "failed" | "silent" | "away"} Trouble no event yet, though it waits on; an end without one; open,
 *   then mute; sent away for long
 */

export class Lane {
  /**
   * @param {{
   *   address: (lane: LaneName) => string, // asked anew for each attempt
   *   onEvent: (event: import("./stream.js").StreamEvent, lane: LaneName) => void,
   *   onOpen: (lane: LaneName) => void, // at the first event of each stream
   *   onClose: () => void,
   *   onTrouble: (trouble: Trouble) => void,
   *   onRefused: (status: number) => void, // 401 and 403: this lane does not try again by itself
   *   fetch?: typeof globalThis.fetch,
   * }} options
   */
  constructor({ address, onEvent, onOpen, onClose, onTrouble, onRefused, fetch = globalThis.fetch.bind(globalThis) }) {
    this.address = address;
    this.onEvent = onEvent;
    this.onOpen = onOpen;
    this.onClose = onClose;
    this.onTrouble = onTrouble;
    this.onRefused = onRefused;
    this.fetch = fetch;
    /** @type {LaneName?} */
    this.wanted = null;
    this.isOpen = false;
  }

  /** Open `lane` afresh, in place of whatever is open. */
  open(/** @type {LaneName} */ lane) {
    this.close();
    this.wanted = lane;
    this.controller = new AbortController();
    this.#keepOpen(lane, this.controller.signal);
  }

  close() {
    this.controller?.abort();
    this.wanted = null;
    this.#closed();
  }

  async #keepOpen(/** @type {LaneName} */ lane, /** @type {AbortSignal} */ signal) {
    for (let failures = 0; !signal.aborted; failures += 1) {
      const ending = await this.#readOnce(lane, signal);
      if (signal.aborted) return;
      if (ending.wasOpen) failures = 0;
      this.#closed();
      if (ending.trouble) this.onTrouble(ending.trouble);
      if (ending.after && ending.after > LONG_WAIT) this.onTrouble("away");
      if (ending.refused) {
        this.wanted = null;
        this.onRefused(ending.refused);
        return;
      }
      await pause(ending.after === null ? backOff(failures) : ending.after + Math.random() * SPREAD, signal);
    }
  }

  /** Handle how one stream ended; `after` in ms. */
  async #readOnce(/** @type {LaneName} */ lane, /** @type {AbortSignal} */ signal) {
    /** @type {{wasOpen: boolean, refused: number?, after: number?, trouble: Trouble?}} */
    const ending = { wasOpen: false, refused: null, after: null, trouble: null };
    const late = setTimeout(() => !ending.wasOpen && this.onTrouble("late"), FIRST_EVENT);
    const onEvent = (/** @type {import("./stream.js").StreamEvent} */ event) => {
      if (signal.aborted) return;
      if (!ending.wasOpen) this.#opened(lane);
      ending.wasOpen = true;
      if (event.name === "bye") Object.assign(ending, afterBye(event.data));
      else this.onEvent(event, lane);
    };
    try {
      await readStream(this.address(lane), { fetch: this.fetch, signal, silence: SILENCE, onEvent });
    } catch (error) {
      if (error instanceof ApiError) {
        if ([401, 403].includes(error.status)) ending.refused = error.status;
        ending.after = error.retryAfter;
      } else if (/** @type {Error} */ (error)?.name === "TimeoutError" && ending.wasOpen) ending.trouble = "silent";
    } finally {
      clearTimeout(late);
    }
    if (!ending.wasOpen && ending.refused !== 401) ending.trouble = "failed";
    return ending;
  }

  #opened(/** @type {LaneName} */ lane) {
    this.isOpen = true;
    this.onOpen(lane);
  }

  #closed() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onClose();
  }
}

function afterBye(/** @type {{reason: string, after_ms: number}} */ { reason, after_ms }) {
  return reason === "signed_out" ? { refused: 401 } : { after: after_ms };
}

/** Return a pause by full jitter: anywhere up to a limit that doubles. */
function backOff(/** @type {number} */ failures) {
  return Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures);
}

function pause(/** @type {number} */ ms, /** @type {AbortSignal} */ signal) {
  return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener("abort", over);
  });
}

/** Make 22 characters of A-Z a-z 0-9 _ - by chance. Beyond a secure context there is no crypto.randomUUID. */
export function randomId() {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return Array.from(crypto.getRandomValues(new Uint8Array(22)), (byte) => alphabet[byte % 64]).join("");
}
