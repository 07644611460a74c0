/** Show toasts beside the list: rows of alta and urgente as they come, what was refused, what can be undone. */

import { gettext, ngettext } from "../words.js";
import { part } from "./part.js";

/** @typedef {import("../live/types.js").News} News */

const EACH = 3; // of one priority are shown one by one; more become one
const STAYS = 10_000; // ms; urgente stays until it is closed
const LOUD = ["alta", "urgente"];
const GATHER = 1_000; // ms in which quiet ones are announced as one

export class Toasts {
  /**
   * @param {{
   *   polite: HTMLElement, assertive: HTMLElement, // live regions in which toasts are shown
   *   announcer: HTMLElement, // a live region for screen readers alone
   *   addressOf: (id: string) => string,
   * }} options
   */
  constructor({ polite, assertive, announcer, addressOf }) {
    this.polite = polite;
    this.assertive = assertive;
    this.announcer = announcer;
    this.addressOf = addressOf;
    /** @type {Record<string, {count: number, toasts: HTMLElement[]}>} */
    this.loud = Object.fromEntries(LOUD.map((priority) => [priority, { count: 0, toasts: [] }]));
    /** @type {News[]} */
    this.quiet = [];
  }

  /** Tell of a row that has just come. */
  tell(/** @type {News} */ row) {
    if (LOUD.includes(row.priority)) this.#tellLoudly(row);
    else this.#announce(row);
  }

  /** Say why something could not be done. */
  complain(/** @type {{status?: number, message: string}} */ error) {
    const offline = gettext("Sem conexão: tente de novo quando a rede voltar.");
    this.#add(this.assertive, "refused", error.status ? error.message : offline);
  }

  /** Say that something was done, and offer to undo it. */
  offer(/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ act) {
    this.polite.querySelectorAll(".offer").forEach((toast) => toast.remove());
    const toast = this.#add(this.polite, "offer", text);
    const button = document.createElement("button");
    button.textContent = label;
    button.addEventListener("click", () => {
      toast.remove();
      act();
    });
    part(toast, ".close").before(button);
  }

  /** Show up to EACH rows one by one; then replace what still stands of that priority by one toast with the count. */
  #tellLoudly(/** @type {News} */ row) {
    const loud = this.loud[row.priority];
    loud.toasts = loud.toasts.filter((toast) => toast.isConnected);
    loud.count = loud.toasts.length ? loud.count + 1 : 1;
    if (loud.count <= EACH) {
      loud.toasts.push(this.#add(this.#regionOf(row), row.priority, row.title, this.addressOf(row.id)));
      return;
    }
    const text =
      row.priority === "urgente"
        ? ngettext("{count} nova notificação urgente", "{count} novas notificações urgentes", loud.count)
        : ngettext(
            "{count} nova notificação de prioridade alta",
            "{count} novas notificações de prioridade alta",
            loud.count,
          );
    loud.toasts.splice(0).forEach((toast) => toast.remove());
    loud.toasts.push(this.#add(this.#regionOf(row), row.priority, text));
  }

  #regionOf(/** @type {News} */ row) {
    return row.priority === "urgente" ? this.assertive : this.polite;
  }

  #add(
    /** @type {HTMLElement} */ region,
    /** @type {string} */ kind,
    /** @type {string} */ text,
    address = "",
  ) {
    const toast = document.createElement("div");
    toast.className = `toast ${kind}`;
    const words = document.createElement(address ? "a" : "span");
    words.textContent = text;
    if (address) words.setAttribute("href", address);
    const close = document.createElement("button");
    close.className = "close";
    close.setAttribute("aria-label", gettext("Fechar"));
    close.textContent = "×";
    close.addEventListener("click", () => toast.remove());
    toast.append(words, close);
    region.append(toast);
    if (kind !== "urgente") this.#leave(toast);
    return toast;
  }

  /** Remove the toast after a while, but not while the pointer or the focus is on it. */
  #leave(/** @type {HTMLElement} */ toast) {
    setTimeout(() => (toast.matches(":hover, :focus-within") ? this.#leave(toast) : toast.remove()), STAYS);
  }

  #announce(/** @type {News} */ row) {
    this.quiet.push(row);
    if (this.quiet.length > 1) return;
    setTimeout(() => {
      const rows = this.quiet.splice(0);
      this.announcer.textContent =
        rows.length === 1
          ? gettext("Nova notificação: {title}", { title: rows[0].title })
          : ngettext("{count} nova notificação", "{count} novas notificações", rows.length);
    }, GATHER);
  }
}
