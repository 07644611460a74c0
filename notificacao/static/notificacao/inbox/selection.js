/** Keep which items are ticked, and the bar that says how many and what can be done with them. */

import { ngettext } from "../words.js";
import { part } from "./part.js";

export class Selection {
  /**
   * @param {{
   *   list: import("./list.js").List,
   *   bar: HTMLElement, // with an output and a button for each act
   *   act: (name: string, items: HTMLElement[]) => void,
   *   showsArchive: () => boolean,
   * }} options
   */
  constructor({ list, bar, act, showsArchive }) {
    this.list = list;
    this.bar = bar;
    this.showsArchive = showsArchive;
    list.element.addEventListener("change", () => this.show());
    bar.addEventListener("click", (/** @type {any} */ { target }) => {
      const name = target.closest("button")?.dataset.all;
      if (name) act(name, this.items);
      else if (target.closest(".clear")) this.clear();
    });
  }

  get items() {
    return this.list.items.filter((item) => part(item, ".select").checked);
  }

  toggle(/** @type {HTMLElement} */ item) {
    const box = part(item, ".select");
    box.checked = !box.checked;
    this.show();
  }

  clear() {
    this.items.forEach((item) => (part(item, ".select").checked = false));
    this.show();
  }

  /** Show the selection; also called when items came or went. */
  show() {
    const { length } = this.items;
    this.bar.hidden = length === 0;
    part(this.bar, "[data-all=archive]").hidden = this.showsArchive();
    part(this.bar, "[data-all=unarchive]").hidden = !this.showsArchive();
    part(this.bar, "output").textContent = ngettext("{count} selecionada", "{count} selecionadas", length);
  }
}
