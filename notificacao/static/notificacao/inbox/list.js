/** Keep the list: newest first by seq, each event once, under its day. An item that stays is never moved. */

import { when } from "./item.js";

/** @typedef {import("../live/types.js").News} News */

export class List {
  /**
   * @param {{
   *   element: HTMLElement,
   *   items: import("./item.js").Items,
   *   dates: import("./dates.js").Dates,
   *   onChange: () => void, // after something came or went
   * }} options
   */
  constructor({ element, items, dates, onChange }) {
    this.element = element;
    this.makes = items;
    this.dates = dates;
    this.onChange = onChange;
  }

  get items() {
    /** @type {NodeListOf<HTMLElement>} */
    const items = this.element.querySelectorAll(":scope > .item");
    return [...items];
  }

  find(/** @type {string} */ eventId) {
    return this.items.find(({ dataset }) => dataset.eventId === eventId);
  }

  /** Show `row`, or an item that was here, where it belongs; do nothing where its event is there already. */
  place(/** @type {News} */ row) {
    if (!this.find(row.event_id)) this.placeItem(this.makes.render(row));
  }

  placeItem(/** @type {HTMLElement} */ item) {
    if (this.find(String(item.dataset.eventId))) return;
    const older = this.items.find(({ dataset }) => Number(dataset.seq) < Number(item.dataset.seq));
    this.element.insertBefore(item, older ?? null);
    this.#changed();
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

  /** Show `rows` in place of all that was shown. */
  replace(/** @type {News[]} */ rows) {
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
