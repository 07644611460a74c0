/** Act on many notifications at once: say how many, ask above ASK_ABOVE, offer to undo it. */

import { gettext, ngettext } from "../words.js";
import { OPPOSITE } from "./acts.js";
import { narrows } from "./filters.js";
import { isArchived, isRead } from "./item.js";
import { part } from "./part.js";

const ASK_ABOVE = 50; // as pages/acts.py has it
const COUNT_EVERY = 1_000; // ms between two questions how many are unread in a list that is narrowed

/** @type {Record<string, (count: number) => string>} */
const ASK = {
  read: (count) => ngettext("Marcar {count} notificação como lida?", "Marcar {count} notificações como lidas?", count),
  unread: (count) =>
    ngettext("Marcar {count} notificação como não lida?", "Marcar {count} notificações como não lidas?", count),
  archive: (count) => ngettext("Arquivar {count} notificação?", "Arquivar {count} notificações?", count),
  unarchive: (count) => ngettext("Desarquivar {count} notificação?", "Desarquivar {count} notificações?", count),
};
/** @type {Record<string, (count: number) => string>} */
const DONE = {
  read: (count) => ngettext("{count} marcada como lida.", "{count} marcadas como lidas.", count),
  unread: (count) => ngettext("{count} marcada como não lida.", "{count} marcadas como não lidas.", count),
  archive: (count) => ngettext("{count} arquivada.", "{count} arquivadas.", count),
  unarchive: (count) => ngettext("{count} de volta à caixa.", "{count} de volta à caixa.", count),
};
/** Say what was done to one. @type {Record<string, (title: string) => string>} */
const TOLD = {
  read: (title) => gettext("Marcada como lida: {title}", { title }),
  unread: (title) => gettext("Marcada como não lida: {title}", { title }),
};
/** Tell of each act which items it changes. @type {Record<string, (item: HTMLElement) => boolean>} */
const CHANGES = {
  read: (item) => !isRead(item),
  unread: isRead,
  archive: (item) => !isArchived(item),
  unarchive: isArchived,
};

export class Bulk {
  /**
   * @param {{
   *   acts: import("./acts.js").Acts,
   *   api: import("../live/api.js").Api,
   *   toasts: import("./toasts.js").Toasts,
   *   button: HTMLButtonElement, // that reads the whole list
   *   dialog: HTMLDialogElement, // that asks
   *   start: (act: string, items: HTMLElement[]) => void, // before something is done
   *   unread: number, // in the whole inbox, as the page was made
   *   query: () => URLSearchParams, // of the list that is shown
   *   upTo: () => string, // the page's safe cursor
   * }} options
   */
  constructor({ acts, api, toasts, button, dialog, start, unread, query, upTo }) {
    this.acts = acts;
    this.api = api;
    this.toasts = toasts;
    this.button = button;
    this.dialog = dialog;
    this.start = start;
    this.query = query;
    this.upTo = upTo;
    this.unread = unread;
    this.asked = 0; // how often the server was asked how many there are
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    button.addEventListener("click", (event) => {
      event.preventDefault();
      this.readAll();
    });
  }

  /** Do `act` to `items`, one after the other; resolve to those of which the server took it. */
  async do(/** @type {string} */ act, /** @type {HTMLElement[]} */ items) {
    const chosen = items.filter(CHANGES[act]);
    if (chosen.length > ASK_ABOVE && !(await this.#mayDo(act, chosen.length))) return [];
    this.start(act, chosen);
    /** @type {HTMLElement[]} */
    const done = [];
    for (const item of chosen) if (await this.acts.do(act, item)) done.push(item);
    if (done.length === 1 && !act.endsWith("archive")) this.toasts.say(TOLD[act](part(done[0], ".title").textContent));
    else if (done.length) this.#offer(act, done.length, () => this.#undo(act, done));
    return done;
  }

  /** Mark as read what the list shows, on all of its pages, once it is known how many that are. */
  async readAll() {
    const [query, upTo] = [this.#list(), this.upTo()];
    const count = await this.#count(query, upTo);
    if (!count || !(await this.#mayDo("read", count))) return;
    const marked = await this.acts.readAll(upTo, query);
    if (marked?.marked) this.#offer("read", marked.marked, marked.undo);
  }

  /** Show how many the button would mark; `unread` is the whole inbox's, where that has changed. */
  show(unread = this.unread) {
    this.unread = unread;
    if (!this.#isNarrowed()) return this.#label(unread);
    this.waiting ??= setTimeout(() => this.#countAnew(), COUNT_EVERY);
  }

  /** Show the button of another list. */
  begin() {
    clearTimeout(this.waiting);
    if (this.#isNarrowed()) this.#countAnew();
    else this.show();
  }

  async #countAnew() {
    this.waiting = undefined;
    const number = ++this.asked;
    const count = await this.#count(this.#list(), this.upTo());
    if (count !== null && number === this.asked && this.#isNarrowed()) this.#label(count);
  }

  async #count(/** @type {URLSearchParams} */ query, /** @type {string} */ upTo) {
    try {
      return (await this.api.countUnread(upTo, query)).count;
    } catch (error) {
      this.acts.complain(error);
      return null;
    }
  }

  #label(/** @type {number} */ count) {
    this.button.hidden = count === 0;
    this.button.textContent = ngettext("Marcar esta como lida", "Marcar estas {count} como lidas", count);
  }

  /** Return what the list is narrowed to; which page of it is shown makes no difference. */
  #list() {
    const query = this.query();
    query.delete("page");
    return query;
  }

  #isNarrowed() {
    const query = this.query();
    return narrows(query) || query.get("archived") === "true";
  }

  async #undo(/** @type {string} */ act, /** @type {HTMLElement[]} */ items) {
    for (const item of items) await this.acts.do(OPPOSITE[act], item);
  }

  #offer(/** @type {string} */ act, /** @type {number} */ count, /** @type {() => void} */ undo) {
    this.toasts.offer(DONE[act](count), gettext("Desfazer"), undo);
  }

  /** Ask where it is about more than ASK_ABOVE; resolve to whether it is to be done. */
  #mayDo(/** @type {string} */ act, /** @type {number} */ count) {
    if (count <= ASK_ABOVE) return Promise.resolve(true);
    const { dialog } = this;
    part(dialog, "h2").textContent = ASK[act](count);
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((/** @type {(may: boolean) => void} */ resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }
}
