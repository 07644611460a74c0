/** Receipts: the page's word on what was delivered to it, in batches, each spread in time. */

const AT_MOST = 200; // in one call
const KEPT = 2_000; // while the server is away
const WAIT = 1_000; // ms, and as much again by chance

export class Receipts {
  /** @param {{send: (deliveries: object[]) => Promise<unknown>, now?: () => number}} options `now` in ms, monotonic */
  constructor({ send, now = () => performance.now() }) {
    this.send = send;
    this.now = now;
    this.kept = [];
    this.timer = null;
  }

  add(/** @type {string} */ id, /** @type {"ably" | "sse" | "standby" | "rest"} */ transport) {
    this.kept.push({ id, transport, at: this.now() });
    this.#schedule();
  }

  /** Send what is kept now; what does not arrive is kept for the next time. */
  async flush() {
    clearTimeout(this.timer);
    this.timer = null;
    const batch = this.kept.splice(0, AT_MOST);
    if (!batch.length) return;
    const now = this.now();
    try {
      await this.send(batch.map(({ id, transport, at }) => ({ id, transport, held_ms: Math.round(now - at) })));
    } catch (error) {
      if (error.status === 0 || error.status >= 429) this.kept = [...batch, ...this.kept].slice(-KEPT);
    }
    if (this.kept.length) this.#schedule();
  }

  #schedule() {
    this.timer ??= setTimeout(() => this.flush(), WAIT + Math.random() * WAIT);
  }
}
