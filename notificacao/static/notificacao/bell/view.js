/** Show the bell: the button with its count and its dot, the panel, and a link to the login for who is signed out. */

import { styleSheet } from "./style.js";

const BELL =
  "M12 22a2.2 2.2 0 0 0 2.2-2H9.8A2.2 2.2 0 0 0 12 22Zm7-6v-5a7 7 0 0 0-5.5-6.8V3.5a1.5 1.5 0 0 0-3 0v.7A7 7 0 0 0 5 11v5l-2 2v1h18v-1Z";
const MOST = 99; // that fit beside the bell

/** @typedef {import("../live/types.js").Row & {read?: boolean}} Row */

export class View {
  /**
   * @param {{
   *   root: ShadowRoot, words: import("./words.js").Words, language: string,
   *   inbox: string, login: string, // addresses
   *   signal: AbortSignal, // the end of this view
   * }} options
   */
  constructor({ root, words, language, inbox, login, signal }) {
    this.root = root;
    this.words = words;
    this.inbox = inbox;
    this.dates = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" });
    this.count = make("span", { className: "count", ariaHidden: "true", hidden: true });
    this.dot = make("span", { className: "dot" });
    this.bell = make("button", { className: "bell", type: "button" }, drawing(), this.count, this.dot);
    this.bell.setAttribute("aria-controls", "panel");
    this.list = make("ul");
    this.empty = make("p", { className: "empty", textContent: words.empty, hidden: true });
    this.state = make("span", { className: "state" });
    const foot = make("div", { className: "foot" }, make("a", { href: inbox, textContent: words.all }), this.state);
    this.panel = make("div", { id: "panel", className: "panel", role: "region" }, this.list, this.empty, foot);
    this.panel.ariaLabel = words.panel;
    this.enter = make("a", { href: login, textContent: words.enter, hidden: true });
    this.announcer = make("span", { className: "aside", role: "status" });
    root.adoptedStyleSheets = [styleSheet()];
    root.replaceChildren(this.bell, this.panel, this.enter, this.announcer);
    this.showCount(0);
    this.#open(false);
    this.#listen(signal);
  }

  showCount(/** @type {number} */ unread) {
    this.count.textContent = unread > MOST ? `${MOST}+` : String(unread);
    this.count.hidden = unread === 0;
    this.bell.ariaLabel = this.words.bell(unread);
  }

  showStatus(/** @type {import("./words.js").BellStatus} */ status) {
    this.dot.dataset.status = status;
    this.dot.title = this.state.textContent = this.words.status[status];
    const isOut = status === "signed-out";
    this.enter.hidden = !isOut;
    this.bell.hidden = isOut;
    if (isOut) this.close();
  }

  /** Show the rows, newest first. The item that has the focus keeps it. */
  showRows(/** @type {Row[]} */ rows) {
    const { id } = /** @type {HTMLElement?} */ (this.root.activeElement?.closest("li")) ?? {};
    this.list.replaceChildren(...rows.map((row) => this.#item(row)));
    this.empty.hidden = rows.length > 0;
    if (id) (this.root.getElementById(id)?.querySelector("a") ?? this.bell).focus();
  }

  announce(/** @type {string} */ title) {
    this.announcer.textContent = this.words.arrived(title);
  }

  close() {
    const hadFocus = this.panel.contains(this.root.activeElement);
    this.#open(false);
    if (hadFocus) this.bell.focus();
  }

  #open(/** @type {boolean} */ isOpen) {
    this.panel.hidden = !isOpen;
    this.bell.ariaExpanded = String(isOpen);
    if (isOpen) this.panel.querySelector("a")?.focus();
  }

  #listen(/** @type {AbortSignal} */ signal) {
    const { host } = this.root;
    this.bell.onclick = () => (this.panel.hidden ? this.#open(true) : this.close());
    this.panel.onkeydown = this.bell.onkeydown = (event) => {
      if (event.key !== "Escape" || this.panel.hidden) return;
      event.stopPropagation(); // the page must not act on it as well
      this.close();
    };
    this.panel.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && relatedTarget !== this.bell && !this.panel.contains(/** @type {Node} */ (relatedTarget))) {
        this.#open(false);
      }
    });
    const isOutside = (/** @type {Event} */ event) => !event.composedPath().includes(host);
    document.addEventListener("pointerdown", (event) => isOutside(event) && this.#open(false), { signal });
  }

  #item(/** @type {Row} */ { id, event_id, title, created_at, read }) {
    const when = make("time", { className: "when", dateTime: created_at });
    when.textContent = this.dates.format(new Date(created_at));
    const link = make("a", { href: `${this.inbox}${id}/` }, make("span", { className: "title", textContent: title }), when);
    if (!read) link.append(make("span", { className: "when", textContent: ` · ${this.words.unread}` }));
    return make("li", { id: `item-${event_id}`, className: read ? "" : "unread" }, link);
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Partial<HTMLElementTagNameMap[Name]>} properties
 * @param {Node[]} children
 */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function drawing() {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", BELL);
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}
