/**
 * Keep the list: newest first by seq, each event once, under its day. An item that stays is never moved.
 *
 * What comes is painted once a frame, and at most MOST rows stay: beyond that the oldest leave, or, where the person
 * reads on into older ones, the newest. What is ticked or has the focus stays.
 */

import { when } from "./item.js";
import { part } from "./part.js";

/** @typedef {import("../live/types.js").News} News */

const MOST = 200; // rows
const HIDDEN_FRAME = 1_000; // ms; a page out of sight has no frames

export class List {
  /**
   * @param {{
   *   element: HTMLElement,
   *   items: import("./item.js").Items,
   *   dates: import("./dates.js").Dates,
   *   onChange: () => void, // after something came or went
   *   onCut: (seq: number) => void, // the oldest left; the list is complete down to `seq`
   * }} options
   */
  constructor({ element, items, dates, onChange, onCut }) {
    this.element = element;
    this.makes = items;
    this.dates = dates;
    this.onChange = onChange;
    this.onCut = onCut;
    /** @type {Map<string, News>} rows that the next frame paints */
    this.coming = new Map();
    /** Whether the newest left: what comes belongs above what is shown. */
    this.isBelowNewest = false;
  }

  /** Return all items, of what has come as well. */
  get items() {
    this.#paint();
    return this.#shown;
  }

  get #shown() {
    /** @type {NodeListOf<HTMLElement>} */
    const items = this.element.querySelectorAll(":scope > .item");
    return [...items];
  }

  find(/** @type {string} */ eventId) {
    if (this.coming.has(eventId)) this.#paint();
    return this.#find(eventId);
  }

  #find(/** @type {string} */ eventId) {
    /** @type {HTMLElement?} */
    const found = this.element.querySelector(`:scope > .item[data-event-id="${CSS.escape(eventId)}"]`);
    return found ?? undefined;
  }

  /** Show `row`, which has just come, where it belongs in the next frame, unless its event is there already. */
  place(/** @type {News} */ row) {
    if (this.coming.has(row.event_id) || this.#find(row.event_id)) return;
    if (!this.coming.size) inNextFrame(() => this.#paint());
    this.coming.set(row.event_id, row);
    if (this.coming.size >= MOST) this.#paint();
  }

  /** Show `rows`, which are older than what is shown. */
  append(/** @type {News[]} */ rows) {
    this.#paint();
    this.#insert(rows.filter((row) => !this.#find(row.event_id)));
    if (this.#cut(this.#shown.slice(0, -MOST))) this.isBelowNewest = true;
    this.#changed();
  }

  placeItem(/** @type {HTMLElement} */ item) {
    if (this.find(String(item.dataset.eventId))) return;
    const older = this.#shown.find(({ dataset }) => Number(dataset.seq) < Number(item.dataset.seq));
    this.element.insertBefore(item, older ?? null);
    this.#changed();
  }

  #paint() {
    const rows = [...this.coming.values()];
    if (!rows.length) return;
    this.coming.clear();
    this.#insert(rows);
    const complete = this.#shown[MOST - 1];
    if (this.#cut(this.#shown.slice(MOST))) this.onCut(Number(complete.dataset.seq));
    this.#changed();
  }

  /** Put `rows` in, in one walk down the list. */
  #insert(/** @type {News[]} */ rows) {
    const shown = this.#shown;
    const sorted = [...rows].sort((one, other) => other.seq - one.seq);
    let at = 0;
    for (const row of sorted) {
      while (at < shown.length && Number(shown[at].dataset.seq) > row.seq) at += 1;
      this.element.insertBefore(this.makes.render(row), shown[at] ?? null);
    }
  }

  /** Take those of `items` out that nobody holds; tell whether there were any. */
  #cut(/** @type {HTMLElement[]} */ items) {
    const loose = items.filter((item) => !part(item, ".select").checked && !item.contains(document.activeElement));
    loose.forEach((item) => item.remove());
    return loose.length > 0;
  }

  /** Take `item` out. Its neighbour gets the focus where it had it. */
  remove(/** @type {HTMLElement} */ item) {
    const hadFocus = item.contains(document.activeElement);
    const { items } = this;
    const at = items.indexOf(item);
    const neighbour = items[at + 1] ?? items[at - 1];
    item.remove();
    if (hadFocus) neighbour?.focus();
    this.#changed();
  }

  /** Return the item to which the focus goes on from `items`: the next one, or the one before; undefined for none. */
  next(/** @type {HTMLElement[]} */ items) {
    const all = this.items;
    const others = (/** @type {HTMLElement[]} */ some) => some.filter((item) => !items.includes(item));
    const last = all.indexOf(/** @type {HTMLElement} */ (items.at(-1)));
    return others(all.slice(last + 1))[0] ?? others(all.slice(0, last + 1)).at(-1);
  }

  /** Show `rows` in place of all that was shown. */
  replace(/** @type {News[]} */ rows) {
    this.coming.clear();
    this.isBelowNewest = false;
    this.element.replaceChildren(...rows.map((row) => this.makes.render(row)));
    this.#changed();
  }

  /** Renew ages and headings of days, which change with time. */
  age(now = new Date()) {
    this.#group(now);
  }

  #changed() {
    this.#group(new Date());
    this.onChange();
  }

  /** Put a heading before the first item of each day, and nowhere else; show ages as the headings want them. */
  #group(/** @type {Date} */ now) {
    let day = "";
    /** @type {Element?} */
    let heading = null; // a heading that stands right before the current node
    const days = this.dates.standing(this.items.map(when));
    for (const node of /** @type {HTMLElement[]} */ ([...this.element.children])) {
      if (!node.classList.contains("item")) {
        heading?.remove();
        heading = node;
        continue;
      }
      const on = /** @type {Date} */ (days.shift());
      this.makes.showAge(node, on, now);
      const its = this.dates.day(on, now);
      if (its === day) heading?.remove();
      else this.#head(node, heading, its);
      [day, heading] = [its, null];
    }
    heading?.remove();
  }

  #head(/** @type {HTMLElement} */ item, /** @type {Element?} */ heading, /** @type {string} */ day) {
    const title = heading?.querySelector("h2") ?? document.createElement("h2");
    if (title.textContent !== day) title.textContent = day;
    if (heading) return;
    title.className = "day";
    const line = document.createElement("li");
    line.className = "heading";
    line.append(title);
    item.before(line);
  }
}

/** Run `work` once in the next frame; soon where the page is out of sight, and nothing is painted. */
function inNextFrame(/** @type {() => void} */ work) {
  if (document.hidden) setTimeout(work, HIDDEN_FRAME);
  else requestAnimationFrame(() => work());
}
