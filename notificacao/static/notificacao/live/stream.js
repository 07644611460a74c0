/** Read one stream of server-sent events with fetch: EventSource shows no status and takes no cursor. */

import { createParser } from "../../eventsource-parser/index.js";
import { errorOf } from "./api.js";

/** @typedef {{name: string, data: any, id: string?}} StreamEvent */

const CURSOR = /^[0-9a-f]+\.\d+$/;

/**
 * Read `address` until it ends. Resolve at a clean end; reject with ApiError for a refusal, and with whatever broke
 * the connection: AbortError where `signal` did, a TimeoutError after `silence` ms without a byte.
 *
 * `onEvent({name, data, id})`: data parsed, `id` the `epoch.seq` of this event or null. A heartbeat is the event
 * `heartbeat` without data; any other comment is ignored.
 */
export async function readStream(
  /** @type {string} */ address,
  /** @type {{
   *   fetch: typeof globalThis.fetch, signal: AbortSignal, silence: number, onEvent: (event: StreamEvent) => void,
   * }} */ { fetch, signal, silence, onEvent },
) {
  const watch = new Watch(silence, signal);
  try {
    const response = await fetch(address, { headers: { Accept: "text/event-stream" }, signal: watch.signal });
    if (!response.ok) throw await errorOf(response);
    const reader = /** @type {ReadableStream<BufferSource>} */ (response.body).pipeThrough(new TextDecoderStream()).getReader();
    const parser = newParser(onEvent);
    for (;;) {
      watch.renew();
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(value);
    }
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : error;
  } finally {
    watch.end();
  }
}

function newParser(/** @type {(event: StreamEvent) => void} */ onEvent) {
  return createParser({
    onEvent: ({ event, data, id }) => onEvent({ name: event ?? "message", data: JSON.parse(data), id: id ?? null }),
    onComment: (text) => CURSOR.test(text) && onEvent({ name: "heartbeat", data: null, id: text }),
  });
}

/** Abort when nothing came for `silence` ms, when `outer` aborts, and at the end, so that no connection stays. */
class Watch {
  constructor(/** @type {number} */ silence, /** @type {AbortSignal} */ outer) {
    this.controller = new AbortController();
    this.silence = silence;
    this.signal = AbortSignal.any([this.controller.signal, outer]);
    this.renew();
  }

  renew() {
    clearTimeout(this.timer);
    const reason = new DOMException("nothing was heard", "TimeoutError");
    this.timer = setTimeout(() => this.controller.abort(reason), this.silence);
  }

  end() {
    clearTimeout(this.timer);
    this.controller.abort();
  }
}
