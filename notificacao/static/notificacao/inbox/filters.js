/** Keep form, address and history the same filter, and tell which live row belongs in the list. */

import { fold } from "./fold.js";
import { part } from "./part.js";

const TYPING = 300; // ms of silence after which what was typed is searched for
const LINKS = "#views a, #everything, #newer, #outside a";

/** Tell whether a row that has just come belongs in the list that `query` asks for: it is unread, and not archived. */
export function fits(/** @type {Record<string, any>} */ row, /** @type {URLSearchParams} */ query) {
  const isOneOf = (/** @type {string} */ name) => {
    const wanted = query.getAll(name).filter(Boolean);
    return !wanted.length || wanted.includes(row[name]);
  };
  if (query.has("page") || query.get("archived") === "true") return false;
  if (!isOneOf("kind") || !isOneOf("priority")) return false;
  if (query.get("channel") && query.get("channel") !== row.channel) return false;
  const text = fold(`${row.title}\n${row.message}`);
  return fold(query.get("q") ?? "").split(/\s+/).every((word) => text.includes(word));
}

/** Tell whether `query` leaves out something of the inbox, or of the archive. */
export function narrows(/** @type {URLSearchParams} */ query) {
  return ["q", "kind", "priority", "channel", "unread"].some((name) => query.get(name));
}

export class Filters {
  /** @param {{form: HTMLFormElement, show: () => void}} options `show` what the address asks for now */
  constructor({ form, show }) {
    this.form = form;
    this.show = show;
    /** @type {any} */
    this.fields = form.elements;
    this.typing = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    form.addEventListener("submit", (event) => this.#submitted(event));
    form.addEventListener("change", ({ target }) => target !== this.fields.q && this.go(this.#chosen()));
    this.fields.q.addEventListener("input", () => this.#typed());
    addEventListener("popstate", () => this.#follow(null));
    document.addEventListener("click", (event) => this.#clicked(event));
  }

  get query() {
    return new URLSearchParams(location.search);
  }

  /** Go to the list that `query` asks for; `again`: in place of the address that is shown. */
  go(/** @type {URLSearchParams} */ query, again = false) {
    clearTimeout(this.waiting);
    if (String(query) === String(this.query)) return;
    const address = location.pathname + (String(query) && `?${query}`);
    if (again) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.typing = false;
    this.#follow(document.activeElement);
  }

  /** Make form and page say what the address says; leave `used`, the field in which somebody writes, alone. */
  #follow(/** @type {Element?} */ used) {
    const { query, form, fields } = this;
    for (const name of ["q", "kind", "priority", "channel"]) {
      if (fields[name] !== used) fields[name].value = query.get(name) ?? "";
    }
    fields.unread.checked = query.get("unread") === "true";
    const archived = query.get("archived") === "true";
    const everything = part(form, "#everything");
    everything.hidden = !narrows(query);
    everything.search = archived ? "?archived=true" : "";
    /** @type {NodeListOf<HTMLAnchorElement>} */
    const views = document.querySelectorAll("#views a");
    views.forEach((link) => {
      if (link.search.includes("archived") === archived) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    this.show();
  }

  /** Return what the form says as an address; an address within the archive stays there. */
  #chosen() {
    const { query, form } = this;
    const chosen = [...new FormData(form)].filter(([name, value]) => name !== "archived" && String(value).trim());
    if (query.get("archived") === "true") chosen.push(["archived", "true"]);
    return new URLSearchParams(chosen.map(([name, value]) => [name, String(value).trim()]));
  }

  #submitted(/** @type {Event} */ event) {
    event.preventDefault();
    this.go(this.#chosen());
  }

  /** Make one entry of the history for all that is typed in one go. */
  #typed() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const again = this.typing;
      this.go(this.#chosen(), again);
      this.typing = true;
    }, TYPING);
  }

  #clicked(/** @type {MouseEvent} */ event) {
    const link = /** @type {any} */ (event.target).closest?.(LINKS);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.go(new URLSearchParams(link.search));
  }
}
