/** Send receipts of what was delivered to the page, in batches, each at a random moment. */

const AT_MOST = 200; // in one call
const KEPT = 2_000; // while the server is away
const WAIT = 1_000; // ms, and as much again by chance; it doubles while the server is away
const LONGEST = 30_000; // ms

export class Receipts {
  /**
   * @param {{
   *   send: (deliveries: import("./types.js").Delivery[]) => Promise<unknown>,
   *   now?: () => number, // in ms, monotonic
   * }} options
   */
  constructor({ send, now = () => performance.now() }) {
    this.send = send;
    this.now = now;
    /** @type {{id: string, transport: import("./types.js").Path, at: number}[]} */
    this.kept = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.notBefore = -Infinity; // the server asked for that
    this.failures = 0;
  }

  add(/** @type {string} */ id, /** @type {import("./types.js").Path} */ transport) {
    this.kept.push({ id, transport, at: this.now() });
    this.#schedule();
  }

  /** Send what is kept now; what does not arrive is kept for the next time. */
  async flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const batch = this.kept.splice(0, AT_MOST);
    if (!batch.length) return;
    const now = this.now();
    try {
      await this.send(batch.map(({ id, transport, at }) => ({ id, transport, held_ms: Math.round(now - at) })));
      this.failures = 0;
    } catch (error) {
      this.#keep(batch, /** @type {import("./api.js").ApiError} */ (error));
    }
    if (this.kept.length) this.#schedule();
  }

  /** Send one batch; drop what the server refuses for good. */
  #keep(/** @type {typeof this.kept} */ batch, /** @type {import("./api.js").ApiError} */ { status, retryAfter }) {
    if (status > 0 && status < 429) return;
    this.kept = [...batch, ...this.kept].slice(-KEPT);
    this.failures += 1;
    this.notBefore = this.now() + (retryAfter ?? 0);
  }

  #schedule() {
    const wait = Math.min(WAIT * 2 ** this.failures, LONGEST);
    const asked = Math.max(0, this.notBefore - this.now());
    this.timer ??= setTimeout(() => this.flush(), asked + wait + Math.random() * wait);
  }
}
