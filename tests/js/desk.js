/** Drive Ana's browser with several tabs on one site, and check what must be true of them at any time. */

import { Browser, giveTimersToTabs } from "./browser.js";
import { Site } from "./fakes.js";
import { Page, pass } from "./page.js";

export class Desk {
  constructor({ transport = "sse" } = {}) {
    giveTimersToTabs();
    this.site = new Site({ transport });
    this.browser = new Browser();
    this.pages = []; // those that are open
  }

  /** Open a tab on the inbox; Ably attaches it as soon as it connects. */
  async open() {
    const page = new Page({ site: this.site, tab: this.browser.tab() });
    this.pages.push(page);
    await page.start();
    await pass(100);
    await this.ablyAttaches();
    return page;
  }

  async openMany(count) {
    for (let n = 0; n < count; n += 1) await this.open();
    return this.pages;
  }

  get leader() {
    return this.pages.find(({ client }) => client.connection);
  }

  get followers() {
    return this.pages.filter((page) => page !== this.leader);
  }

  /** Return the streams that the site has open, of all tabs. */
  get streams() {
    return this.pages.flatMap(({ streams }) => streams.open);
  }

  get links() {
    return this.pages.flatMap(({ ably }) => ably.links).filter(({ closed }) => !closed);
  }

  async ablyAttaches() {
    for (const link of this.links) if (link.connection.state !== "connected") this.#inTab(link, () => link.attach());
    await pass(0);
  }

  /** Write a row to the log; the hub writes it to the streams; with `byAbly` Ably delivers it. */
  async notify(channel, { byAbly = false } = {}) {
    const row = this.site.notify(channel);
    this.site.tail();
    if (byAbly) for (const link of this.links) this.#inTab(link, () => link.deliver(row));
    await pass(0);
    return row;
  }

  /** Close a tab as a browser does: the page is told that it goes. */
  close(page) {
    page.tab.run(() => page.client.suspend());
    this.crash(page);
  }

  crash(page) {
    this.pages = this.pages.filter((other) => other !== page);
    page.tab.die();
    page.streams.open.forEach((stream) => stream.cut());
    page.ably.links.forEach((link) => link.close());
  }

  #inTab(link, work) {
    const { tab } = this.pages.find(({ ably }) => ably.links.includes(link));
    tab.whenAwake(() => tab.run(work));
  }
}
