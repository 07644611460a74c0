/** Show toasts beside the list: rows of alta and urgente as they come, what was refused, what can be undone. */

import { gettext, ngettext } from "../words.js";
import { part } from "./part.js";

/** @typedef {import("../live/types.js").News} News */

const EACH = 3; // of one priority are shown one by one; more become one
const STAYS = 10_000; // ms; urgente stays until it is closed
const LOUD = ["alta", "urgente"];
const GATHER = 1_000; // ms of silence after which what came is announced as one
const LONGEST = 10_000; // ms; a storm that goes on is announced so often
const TOGETHER = 300; // ms in which loud ones become one storm

export class Toasts {
  /**
   * @param {{
   *   polite: HTMLElement, assertive: HTMLElement, // live regions in which toasts are shown
   *   storm: HTMLElement, // where toasts that count are shown; the announcer says what they do
   *   announcer: HTMLElement, // a live region for screen readers alone
   *   addressOf: (id: string) => string,
   * }} options
   */
  constructor({ polite, assertive, storm, announcer, addressOf }) {
    this.polite = polite;
    this.assertive = assertive;
    this.storm = storm;
    this.announcer = announcer;
    this.addressOf = addressOf;
    /** @type {Record<string, {count: number, toasts: HTMLElement[], came: News[]}>} */
    this.loud = Object.fromEntries(LOUD.map((priority) => [priority, { count: 0, toasts: [], came: [] }]));
    /** @type {News[]} what is yet to be announced */
    this.unsaid = [];
    this.saidAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.saying = undefined;
  }

  /** Tell of a row that has just come. */
  tell(/** @type {News} */ row) {
    if (!LOUD.includes(row.priority)) return this.#announce(row);
    const { came } = this.loud[row.priority];
    came.push(row);
    if (came.length === 1) setTimeout(() => this.#tellLoudly(row.priority), TOGETHER);
  }

  /** Say `text` to screen readers alone. */
  say(/** @type {string} */ text) {
    this.announcer.textContent = text;
  }

  /** Say why something could not be done. */
  complain(/** @type {{status?: number, message: string}} */ error) {
    const offline = gettext("O servidor não respondeu. Nada foi alterado; tente de novo.");
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

  /** Show up to EACH rows one by one; then one toast with the count, which is announced politely with all that comes. */
  #tellLoudly(/** @type {string} */ priority) {
    const loud = this.loud[priority];
    const came = loud.came.splice(0);
    loud.toasts = loud.toasts.filter((toast) => toast.isConnected);
    loud.count = (loud.toasts.length ? loud.count : 0) + came.length;
    if (loud.count <= EACH) {
      came.forEach((row) => loud.toasts.push(this.#add(this.#regionOf(row), priority, row.title, this.addressOf(row.id))));
      return;
    }
    const text =
      priority === "urgente"
        ? ngettext("{count} nova notificação urgente", "{count} novas notificações urgentes", loud.count)
        : ngettext(
            "{count} nova notificação de prioridade alta",
            "{count} novas notificações de prioridade alta",
            loud.count,
          );
    const [summary, ...others] = loud.toasts;
    others.forEach((toast) => toast.remove());
    if (summary?.parentElement === this.storm) part(summary, "span").textContent = text;
    else {
      summary?.remove();
      loud.toasts = [this.#add(this.storm, priority, text)];
    }
    loud.toasts.length = 1;
    came.forEach((row) => this.#announce(row));
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

  /** Announce what came once nothing more comes; of a storm that goes on, how many that were so far. */
  #announce(/** @type {News} */ row) {
    if (!this.unsaid.length) this.saidAt = Date.now();
    this.unsaid.push(row);
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.#sayAll(), Math.min(GATHER, this.saidAt + LONGEST - Date.now()));
  }

  #sayAll() {
    const rows = this.unsaid.splice(0);
    const only = rows.length === 1 ? rows[0] : null;
    this.say(
      only
        ? gettext("Nova notificação: {title}", { title: only.title })
        : ngettext("{count} nova notificação", "{count} novas notificações", rows.length),
    );
  }
}
