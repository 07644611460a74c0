/** Act on notifications: show each act at once, undo it where the server refuses, tell the person's other tabs. */

import { isRead } from "./item.js";

/** @type {Record<string, string>} */
export const OPPOSITE = { read: "unread", unread: "read", archive: "unarchive", unarchive: "archive" };

export class Acts {
  /** @type {Set<Promise<any>>} what the server has not answered yet */
  #underWay = new Set();
  #begun = 0; // acts, here and in other tabs

  /**
   * @param {{
   *   api: import("../live/api.js").Api,
   *   list: import("./list.js").List,
   *   showsArchive: () => boolean,
   *   showCount: (unread: number) => void,
   *   complain: (error: any) => void,
   *   reload: () => void, // fetch the list anew
   *   tabs: BroadcastChannel, // this person's pages
   * }} options
   */
  constructor({ api, list, showsArchive, showCount, complain, reload, tabs }) {
    this.api = api;
    this.list = list;
    this.showsArchive = showsArchive;
    this.showCount = showCount;
    this.complain = complain;
    this.reload = reload;
    this.tabs = tabs;
    tabs.addEventListener("message", ({ data: { act, eventIds } }) => this.#followOthers(act, eventIds));
  }

  /** Tell whether there was any act. */
  get any() {
    return this.#begun > 0;
  }

  /**
   * Have `ask` fetch a list until no act overlapped it: what was read before an act, and shown after it, would take it
   * back for the eye. Resolve to null once the list is not `wanted` any more.
   */
  async undisturbed(
    /** @type {() => Promise<import("../live/types.js").Inbox>} */ ask,
    /** @type {() => boolean} */ wanted,
  ) {
    for (;;) {
      while (this.#underWay.size) {
        await Promise.allSettled(this.#underWay);
        await new Promise((done) => setTimeout(done)); // of several acts the next begins
      }
      if (!wanted()) return null;
      const begun = this.#begun;
      const inbox = await ask();
      if (begun === this.#begun) return inbox;
    }
  }

  async #send(/** @type {Promise<any>} */ sent) {
    this.#begun += 1;
    this.#underWay.add(sent);
    try {
      return await sent;
    } finally {
      this.#underWay.delete(sent);
    }
  }

  /** Send the act; resolve to whether the server took it. */
  async do(/** @type {string} */ act, /** @type {HTMLElement} */ item) {
    const undo = this.#show(act, item);
    try {
      this.showCount((await this.#send(this.api.act(String(item.dataset.id), act))).unread);
      this.tabs.postMessage({ act, eventIds: [String(item.dataset.eventId)] });
      return true;
    } catch (error) {
      undo();
      this.complain(error);
      return false;
    }
  }

  /**
   * Mark the list of `query` as read up to `upTo`, the page's safe cursor: what the page has not shown stays unread.
   * Resolve to how many that were and what undoes it, or to null where the server refuses.
   */
  async readAll(/** @type {string} */ upTo, /** @type {URLSearchParams} */ query) {
    const seq = Number(upTo.split(".")[1]);
    const items = this.list.items.filter((item) => Number(item.dataset.seq) <= seq && !isRead(item));
    try {
      const { unread, marked, undo } = await this.#send(this.api.readAll(upTo, query));
      this.#showAll("read", items, unread);
      return { marked, undo: () => this.#undoReadAll(undo, items) };
    } catch (error) {
      this.complain(error);
      return null;
    }
  }

  async #undoReadAll(/** @type {string} */ undo, /** @type {HTMLElement[]} */ items) {
    try {
      this.#showAll("unread", items, (await this.#send(this.api.undoReadAll(undo))).unread);
    } catch (error) {
      this.complain(error);
    }
  }

  #showAll(/** @type {string} */ act, /** @type {HTMLElement[]} */ items, /** @type {number} */ unread) {
    this.showCount(unread);
    items.forEach((item) => this.#show(act, item));
    this.tabs.postMessage({ act, eventIds: items.map(({ dataset }) => dataset.eventId) });
  }

  /** Show the page as after `act`; return a function that undoes it. */
  #show(/** @type {string} */ act, /** @type {HTMLElement} */ item) {
    const { list } = this;
    if (act === "read" || act === "unread") {
      const before = isRead(item);
      list.makes.showRead(item, act === "read");
      return () => list.makes.showRead(item, before);
    }
    const wasHere = item.isConnected;
    const place = (/** @type {boolean} */ archived, /** @type {boolean} */ isHere) => {
      list.makes.showArchived(item, archived);
      if (isHere) list.placeItem(item);
      else list.remove(item);
    };
    place(act === "archive", (act === "archive") === this.showsArchive());
    return () => place(act !== "archive", wasHere);
  }

  #followOthers(/** @type {string} */ act, /** @type {string[]} */ eventIds) {
    this.#begun += 1;
    const known = eventIds.map((id) => this.list.find(id)).filter((item) => item !== undefined);
    known.forEach((item) => this.#show(act, item));
    if (known.length < eventIds.length && act.endsWith("archive")) this.reload(); // an item came into this list
  }
}
