/** Make a page of ana's: the real client on the fakes, and a record of what it did. Use it with fake timers. */

import { vi } from "vitest";
import { SharedClient } from "../../notificacao/static/notificacao/live/client.js";
import { Ably, Site, Streams } from "./fakes.js";

export const pass = (ms) => vi.advanceTimersByTimeAsync(ms);

export class Page {
  /** Make the list of what ana may see of `site`; `position` was read before it. In `tab`, or a browser without locks. */
  constructor({ transport = "ably", site = new Site({ transport }), position = site.position, tab = null } = {}) {
    this.site = site;
    this.tab = tab ?? { browser: { isHidden: () => false }, run: (work) => work(), awake: async () => {} };
    this.streams = new Streams((connection) => site.admit(connection));
    this.ably = new Ably();
    this.sdk = vi.fn(async () => this.ably);
    this.shown = []; // seqs, in the order of their showing
    this.rows = []; // the same, whole
    this.statuses = [];
    this.did = []; // the same, with the lists that were fetched
    this.list = site.permitted(0).map(({ seq }) => seq); // what the page's list holds
    this.signedOut = 0;
    site.fetch = this.streams.fetch;
    this.client = this.tab.run(() => this.#newClient(position, tab ? answeredTo(tab, site, this.streams.fetch) : site));
  }

  #newClient(position, api) {
    const { site, sdk } = this;
    return new SharedClient({
      person: "ana",
      login: site.login,
      position,
      shown: site.permitted(0),
      api,
      sdk,
      browser: this.tab.browser,
      on: {
        notification: (row) => {
          const { seq } = row;
          this.rows.push(row);
          this.shown.push(seq);
          this.did.push(`show ${seq}`);
          this.list.push(seq);
        },
        counts: (unread) => (this.unread = unread),
        status: (status) => this.statuses.push(status),
        reset: ({ results }) => {
          this.did.push(`list of ${results.length}`);
          this.list = results.map(({ seq }) => seq);
        },
        signedOut: () => (this.signedOut += 1),
      },
    });
  }

  async start() {
    this.tab.run(() => this.client.start());
    await pass(0);
    return this;
  }

  /** Start the page, and bring it to Ably with standby. */
  async onAbly() {
    await this.start();
    await this.attach();
    return this;
  }

  /** Let Ably attach the page. */
  async attach() {
    this.ably.link.attach();
    await pass(0);
  }

  get status() {
    return this.statuses.at(-1);
  }

  /** Return the lanes that are open. */
  get lanes() {
    return this.streams.open.map(({ lane }) => lane);
  }

  /** Send an event to each of the page's streams. */
  async hears(name, data = {}, id = null) {
    this.streams.open.forEach((stream) => stream.event(name, data, id));
    await pass(0);
  }

  /** Write a row to the log, and let the hub look; `byAbly`: Ably delivered it. */
  async notify(channel, { byAbly = false, ...fields } = {}) {
    const row = this.site.notify(channel, fields);
    this.site.tail();
    if (byAbly) this.ably.link.deliver(row);
    await pass(0);
    return row;
  }

  /** Put ana on `transport` by the flag; the hub tells her page. */
  async flag(transport) {
    this.site.transport = transport;
    await this.hears("session", transport === "sse" ? { transport } : {});
  }
}

/** Give a tab that may be frozen the site's API and streams: it gets the answer when it is awake. */
function answeredTo(tab, site, fetch) {
  const calls = ["session", "ablyToken", "after", "inbox", "receipts", "unverified"].map((name) => {
    const call = async (...asked) => {
      const answer = await site[name](...asked).catch((error) => error);
      await tab.awake();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return [name, call];
  });
  const hold = async (chunk, out) => {
    await tab.awake();
    out.enqueue(chunk);
  };
  const streams = async (address, options) => {
    const response = await fetch(address, options);
    await tab.awake();
    return new Response(response.body.pipeThrough(new TransformStream({ transform: hold })), response);
  };
  return { ...Object.fromEntries(calls), fetch: streams };
}
