/**
 * Define `<semtas-sino>`, the bell that any page of the site embeds with one tag. docs/client.md has its attributes and
 * events.
 *
 * A bell is one more page of its login: all of them, tabs with the inbox too, share one connection.
 */

import { loadSdk } from "./live/ably.js";
import { Api } from "./live/api.js";
import { SharedClient } from "./live/client.js";
import { untilAnswered } from "./live/patience.js";
import { CSRF_COOKIE, SITE } from "./live/site.js";
import { View } from "./bell/view.js";
import { wordsOf } from "./bell/words.js";

const SHOWN = 5;
const SDK = new URL("../ably/ably.min.js", import.meta.url).href;

/**
 * @typedef {import("./bell/view.js").Row} Row
 * @typedef {import("./bell/words.js").BellStatus} BellStatus
 */

class Bell extends HTMLElement {
  /** Aborted when the element leaves the page: no answer to an earlier request is shown after. */
  #life = new AbortController();
  /** @type {View?} */
  #view = null;
  /** @type {SharedClient?} */
  #client = null;
  /** @type {Row[]} the newest, newest first */
  #rows = [];
  #unread = 0;
  /** @type {BellStatus} */
  #status = "connecting";

  connectedCallback() {
    const language = this.lang || "pt-BR";
    this.#life = new AbortController();
    this.#view = new View({
      root: this.shadowRoot ?? this.attachShadow({ mode: "open" }),
      words: wordsOf(language),
      language,
      inbox: this.#inbox,
      login: `${this.getAttribute("login") ?? `${SITE}/entrar/`}?${new URLSearchParams({ next: location.pathname })}`,
      signal: this.#life.signal,
    });
    this.#showStatus("connecting");
    document.addEventListener("visibilitychange", () => this.#lookAgain(), { signal: this.#life.signal });
    this.#begin();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#client?.stop();
    this.#client = null;
  }

  /** Return how many are unread, by the server's count. */
  get unread() {
    return this.#unread;
  }

  /** Return ably, sse, standby, polling, connecting, offline or signed-out. */
  get status() {
    return this.#status;
  }

  get #inbox() {
    return this.getAttribute("inbox") ?? `${SITE}/notificacoes/`;
  }

  get #limit() {
    return Number(this.getAttribute("limit")) || SHOWN;
  }

  // --- The client

  /** Fetch the session first, for its position; then the list. */
  async #begin() {
    const { signal } = this.#life;
    const api = new Api({ csrfToken });
    const ask = { isOver: () => signal.aborted, onFinal: () => signal.aborted || this.#signedOut() };
    const session = await untilAnswered(() => api.session(), ask);
    if (!session) return;
    api.login = session.login;
    const inbox = await untilAnswered(() => api.inbox(), ask);
    if (!inbox) return;
    this.#show(inbox.results);
    this.#count(session.unread);
    this.#follow(session.person, api, signal);
    this.#client = this.#newClient(session, inbox.results, api);
    this.#client.start();
  }

  #newClient(
    /** @type {import("./live/types.js").Session} */ { person, login, position },
    /** @type {Row[]} */ shown,
    /** @type {Api} */ api,
  ) {
    return new SharedClient({
      person,
      login,
      position,
      shown,
      api,
      sdk: () => loadSdk(this.getAttribute("sdk") ?? SDK),
      on: {
        notification: (row) => this.#take(row),
        counts: (unread) => this.#count(unread),
        status: (status) => this.#showStatus(status),
        reset: ({ results }) => this.#show(results),
        signedOut: () => this.#signedOut(),
      },
    });
  }

  /** Follow what the person does in a list elsewhere. */
  #follow(/** @type {string} */ person, /** @type {Api} */ api, /** @type {AbortSignal} */ signal) {
    const tabs = new BroadcastChannel(`notificacoes:${person}`);
    signal.addEventListener("abort", () => tabs.close());
    tabs.addEventListener("message", async ({ data: { act, eventIds } }) => {
      if (act === "read" || act === "unread") {
        const chosen = (/** @type {Row} */ row) => eventIds.includes(row.event_id);
        this.#show(this.#rows.map((row) => (chosen(row) ? { ...row, read: act === "read" } : row)));
      } else {
        const inbox = await api.inbox().catch(() => null);
        if (inbox && !signal.aborted) this.#show(inbox.results);
      }
    });
  }

  #signedOut() {
    this.#client?.stop();
    this.#client = null;
    this.#show([]);
    this.#count(0);
    this.#showStatus("signed-out");
  }

  /** Start again where the person is signed out here: they may have logged in elsewhere meanwhile. */
  #lookAgain() {
    if (document.hidden || this.#status !== "signed-out") return;
    this.#life.abort();
    this.connectedCallback();
  }

  // --- What is shown, and told to the page

  #take(/** @type {Row} */ row) {
    this.#show([row, ...this.#rows]);
    if (!this.hasAttribute("quiet")) this.#view?.announce(row.title);
    this.#tell("semtas-notificacao", row);
  }

  #show(/** @type {Row[]} */ rows) {
    this.#rows = [...rows].sort((one, other) => other.seq - one.seq).slice(0, this.#limit);
    this.#view?.showRows(this.#rows);
  }

  #count(/** @type {number} */ unread) {
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#view?.showCount(unread);
    this.#tellState();
  }

  #showStatus(/** @type {BellStatus} */ status) {
    this.#status = status;
    this.#view?.showStatus(status);
    this.#tellState();
  }

  #tellState() {
    this.#tell("semtas-estado", { status: this.#status, unread: this.#unread });
  }

  #tell(/** @type {string} */ name, /** @type {object} */ detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** Read the CSRF token, at each call: a login in another tab makes a new one. */
function csrfToken() {
  return new RegExp(`(?:^|; )${CSRF_COOKIE}=([^;]*)`).exec(document.cookie)?.[1] ?? "";
}

if (!customElements.get("semtas-sino")) customElements.define("semtas-sino", Bell);
