/** Make an item of the list from the page's own template, and show it as read or not, archived or not. */

import { part } from "./part.js";

const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/; // as in texts.py
const HOST = /^([a-z0-9.-]+|\[[a-f0-9]*:[a-f0-9.:]+\])(?::[0-9]+)?$/; // as in Django's split_domain_port

/** Tell whether `host`, perhaps with a port, is one of `hosts`, as Django reads ALLOWED_HOSTS (texts.is_our_host). */
function isOurs(/** @type {string} */ host, /** @type {string[]} */ hosts) {
  const name = HOST.exec(host.toLowerCase())?.[1].replace(/\.$/, "");
  if (!name) return false;
  return hosts
    .map((pattern) => pattern.toLowerCase())
    .some((pattern) =>
      pattern.startsWith(".") ? `.${name}`.endsWith(pattern) : pattern === "*" || pattern === name,
    );
}

/** Tell whether `link` is a path of this site, or https on one of its `hosts`: the server's own rule (texts.link). */
export function isSafe(/** @type {string} */ link, /** @type {string[]} */ hosts) {
  if (CONTROL.test(link)) return false;
  const host = /^https:\/\/([^/?#@\\]+)(?:[/?#]|$)/.exec(link);
  return host ? isOurs(host[1], hosts) : /^\/(?![/\\])/.test(link);
}

export class Items {
  /**
   * @param {{
   *   template: HTMLTemplateElement, // made by the server, as each item of the first paint is
   *   page: any, // what the server says of kinds, priorities, places and addresses
   *   dates: import("./dates.js").Dates,
   *   words: {unread: string},
   * }} options
   */
  constructor({ template, page, dates, words }) {
    this.template = template;
    this.page = page;
    this.dates = dates;
    this.words = words;
  }

  /** Make the element of `row`, as the API or a stream has it. */
  render(/** @type {import("../live/types.js").News} */ row) {
    /** @type {HTMLElement} */
    const item = part(this.template.content, ".item").cloneNode(true);
    const its = (/** @type {string} */ selector) => part(item, selector);
    const { page } = this;
    item.id = `n-${row.id}`;
    const { id, event_id: eventId, seq, kind, priority, channel } = row;
    Object.assign(item.dataset, { id, eventId, seq, kind, priority, channel });
    its(".kind").textContent = page.kinds[kind] ?? kind;
    its(".place").textContent = page.places[channel] ?? "";
    its(".priority").textContent = page.priorities[priority] ?? priority;
    its("time").dateTime = row.created_at;
    its("time").title = this.dates.exact(new Date(row.created_at));
    its(".title").textContent = row.title;
    its(".title").href = page.notification.replace("00000000-0000-0000-0000-000000000000", id);
    its(".message").textContent = row.message;
    const link = row.link ?? "";
    its(".link").hidden = !isSafe(link, page.hosts);
    if (isSafe(link, page.hosts)) its(".link").href = link;
    this.#nameAll(item, row.title);
    this.showRead(item, row.read ?? false);
    this.showArchived(item, row.archived ?? false);
    this.showAge(item);
    return item;
  }

  /** Add the title to the name of each control: a list of thirty «Arquivar» tells nobody which is which. */
  #nameAll(/** @type {HTMLElement} */ item, /** @type {string} */ title) {
    for (const control of item.querySelectorAll("[aria-label]")) {
      control.setAttribute("aria-label", `${control.getAttribute("aria-label")}: ${title}`);
    }
  }

  showRead(/** @type {HTMLElement} */ item, /** @type {boolean} */ read) {
    item.classList.toggle("unread", !read);
    part(item, ".state").textContent = read ? "" : this.words.unread;
    part(item, "[data-action=read]").hidden = read;
    part(item, "[data-action=unread]").hidden = !read;
  }

  showArchived(/** @type {HTMLElement} */ item, /** @type {boolean} */ archived) {
    part(item, "[data-action=archive]").hidden = archived;
    part(item, "[data-action=unarchive]").hidden = !archived;
  }

  showAge(/** @type {HTMLElement} */ item, heading = when(item), now = new Date()) {
    const text = this.dates.under(heading, when(item), now);
    const time = part(item, "time");
    if (time.textContent !== text) time.textContent = text;
  }
}

export function when(/** @type {HTMLElement} */ item) {
  return new Date(part(item, "time").dateTime);
}

export function isArchived(/** @type {HTMLElement} */ item) {
  return part(item, "[data-action=archive]").hidden;
}

export function isRead(/** @type {HTMLElement} */ item) {
  return !item.classList.contains("unread");
}
