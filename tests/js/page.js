/** A page of ana's: the real client on the fakes, and what it did to the page. Use it with fake timers. */

import { vi } from "vitest";
import { NotificationClient } from "../../notificacao/static/notificacao/client.js";
import { Ably, Site, Streams } from "./fakes.js";

export const pass = (ms) => vi.advanceTimersByTimeAsync(ms);

export class Page {
  /** Its list holds what ana may see of `site`; `position` was read before it. */
  constructor({ transport = "ably", site = new Site({ transport }), position = site.position } = {}) {
    this.site = site;
    this.streams = new Streams((connection) => site.admit(connection));
    this.ably = new Ably();
    this.sdk = vi.fn(async () => this.ably);
    this.shown = []; // seqs, in the order of their showing
    this.statuses = [];
    this.did = []; // the same, with the lists that were fetched
    this.list = []; // what the page's list holds
    this.signedOut = 0;
    site.fetch = this.streams.fetch;
    this.client = new NotificationClient({
      position,
      shown: site.permitted(0),
      api: site,
      sdk: this.sdk,
      on: {
        notification: ({ seq }) => {
          this.shown.push(seq);
          this.did.push(`show ${seq}`);
          this.list.push(seq);
        },
        counts: (unread) => (this.unread = unread),
        status: (status) => status !== this.status && this.statuses.push(status),
        reset: ({ results }) => {
          this.did.push(`list of ${results.length}`);
          this.list = results.map(({ seq }) => seq);
        },
        signedOut: () => (this.signedOut += 1),
      },
    });
  }

  async start() {
    this.client.start();
    await pass(0);
    return this;
  }

  /** Started, and on Ably with standby. */
  async onAbly() {
    await this.start();
    await this.attach();
    return this;
  }

  /** Ably takes the page in. */
  async attach() {
    this.ably.link.attach();
    await pass(0);
  }

  get status() {
    return this.statuses.at(-1);
  }

  /** The lanes that are open. */
  get lanes() {
    return this.streams.open.map(({ lane }) => lane);
  }

  /** The server has an event for each of the page's streams. */
  async hears(name, data = {}, id = null) {
    this.streams.open.forEach((stream) => stream.event(name, data, id));
    await pass(0);
  }

  /** A row is in the log, and the hub has looked; `byAbly`: Ably delivered it. */
  async notify(channel, { byAbly = false, ...fields } = {}) {
    const row = this.site.notify(channel, fields);
    this.site.tail();
    if (byAbly) this.ably.link.deliver(row);
    await pass(0);
    return row;
  }

  /** The flag puts ana on `transport`; the hub tells her page. */
  async flag(transport) {
    this.site.transport = transport;
    await this.hears("session");
  }
}
