/** Handle the keyboard as Gmail and GitHub do: one letter each, none while somebody writes or in a dialog. */

import { part } from "./part.js";

const CHORD = 1_000; // ms in which `g` waits for its second letter

export class Keyboard {
  /**
   * @param {{
   *   list: import("./list.js").List,
   *   act: (name: string, items: HTMLElement[]) => void,
   *   selection: import("./selection.js").Selection,
   *   showsArchive: () => boolean,
   *   go: (query: string) => void,
   *   search: HTMLInputElement,
   *   help: HTMLDialogElement,
   * }} options
   */
  constructor({ list, act, selection, showsArchive, go, search, help }) {
    this.list = list;
    this.act = act;
    this.selection = selection;
    this.search = search;
    this.g = 0; // when it was pressed
    /** @type {Record<string, () => void>} */
    this.keys = {
      j: () => this.#move(1),
      k: () => this.#move(-1),
      o: () => this.#open(),
      Enter: () => this.#open(),
      e: () => this.#act(showsArchive() ? "unarchive" : "archive"),
      u: () => this.#act("unread"),
      I: () => this.#act("read"),
      x: () => this.current && selection.toggle(this.current),
      "/": () => search.focus(),
      "?": () => help.showModal(),
      Escape: () => selection.clear(),
      "g i": () => go(""),
      "g a": () => go("archived=true"),
    };
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Return the item that has the focus, or in which something has it. */
  get current() {
    return /** @type {HTMLElement | null | undefined} */ (document.activeElement?.closest(".item"));
  }

  #pressed(/** @type {KeyboardEvent} */ event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = /** @type {Element} */ (event.target);
    if (target === this.search && event.key === "Escape") return this.search.blur();
    if (target.matches("input:not([type=checkbox]), select, textarea")) return;
    if (event.key === "Enter" && !target.matches(".item")) return; // buttons and links handle it themselves
    const work = this.keys[this.#chord(event.key)];
    if (!work) return;
    event.preventDefault();
    work();
  }

  /** Return `key`, or `g key` soon after a `g`. */
  #chord(/** @type {string} */ key) {
    const afterG = this.g && Date.now() - this.g < CHORD;
    this.g = key === "g" ? Date.now() : 0;
    return afterG ? `g ${key}` : key;
  }

  #move(/** @type {number} */ step) {
    const { items } = this.list;
    const at = this.current ? items.indexOf(this.current) : -1;
    const next = items[at < 0 ? 0 : Math.min(Math.max(at + step, 0), items.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  #open() {
    if (this.current) part(this.current, ".title").click();
  }

  #act(/** @type {string} */ name) {
    const items = this.selection.items.length ? this.selection.items : [this.current].filter((item) => item != null);
    if (items.length) this.act(name, items);
  }
}
