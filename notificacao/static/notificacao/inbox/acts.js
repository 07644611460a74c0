/** Act on notifications: show each act at once, undo it where the server refuses, tell the person's other tabs. */

import { isRead } from "./item.js";

/** @type {Record<string, string>} */
export const OPPOSITE = { read: "unread", unread: "read", archive: "unarchive", unarchive: "archive" };

export class Acts {
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

  /** Send the act; resolve to whether the server took it. */
  async do(/** @type {string} */ act, /** @type {HTMLElement} */ item) {
    const undo = this.#show(act, item);
    try {
      this.showCount((await this.api.act(String(item.dataset.id), act)).unread);
      this.tabs.postMessage({ act, eventIds: [String(item.dataset.eventId)] });
      return true;
    } catch (error) {
      undo();
      this.complain(error);
      return false;
    }
  }

  /** Mark everything up to `upTo`, the page's safe cursor, as read: what the page has not shown stays unread. */
  async readAll(/** @type {string} */ upTo) {
    const seq = Number(upTo.split(".")[1]);
    try {
      this.showCount((await this.api.readAll(upTo)).unread);
      const read = this.list.items.filter(({ dataset }) => Number(dataset.seq) <= seq);
      read.forEach((item) => this.#show("read", item));
      this.tabs.postMessage({ act: "read", eventIds: read.map(({ dataset }) => dataset.eventId) });
    } catch (error) {
      this.complain(error);
    }
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
    const known = eventIds.map((id) => this.list.find(id)).filter((item) => item !== undefined);
    known.forEach((item) => this.#show(act, item));
    if (known.length < eventIds.length && act.endsWith("archive")) this.reload(); // an item came into this list
  }
}
