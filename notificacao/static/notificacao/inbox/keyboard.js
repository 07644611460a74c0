/** The keyboard, as Gmail and GitHub have it. One letter each; none while somebody writes, or in a dialog. */

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
  constructor(options) {
    Object.assign(this, options);
    this.keys = {
      j: () => this.#move(1),
      k: () => this.#move(-1),
      o: () => this.#open(),
      Enter: () => this.#open(),
      e: () => this.#act(this.showsArchive() ? "unarchive" : "archive"),
      u: () => this.#act("unread"),
      I: () => this.#act("read"),
      x: () => this.current && this.selection.toggle(this.current),
      "/": () => this.search.focus(),
      "?": () => this.help.showModal(),
      Escape: () => this.selection.clear(),
      "g i": () => this.go(""),
      "g a": () => this.go("archived=true"),
    };
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** The item that has the focus, or in which something has it. */
  get current() {
    return document.activeElement?.closest(".item");
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target === this.search && event.key === "Escape") return target.blur();
    if (target.matches("input:not([type=checkbox]), select, textarea")) return;
    if (event.key === "Enter" && !target.matches(".item")) return; // a button's or a link's own
    const work = this.keys[this.#chord(event.key)];
    if (!work) return;
    event.preventDefault();
    work();
  }

  /** `key`, or `g key` soon after a `g`. */
  #chord(/** @type {string} */ key) {
    const afterG = this.g && Date.now() - this.g < CHORD;
    this.g = key === "g" ? Date.now() : 0;
    return afterG ? `g ${key}` : key;
  }

  #move(/** @type {number} */ step) {
    const { items } = this.list;
    const at = items.indexOf(this.current);
    const next = items[at < 0 ? 0 : Math.min(Math.max(at + step, 0), items.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  #open() {
    this.current?.querySelector(".title").click();
  }

  #act(/** @type {string} */ name) {
    const items = this.selection.items.length ? this.selection.items : [this.current].filter(Boolean);
    if (items.length) this.act(name, items);
  }
}
