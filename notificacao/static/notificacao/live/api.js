/** Call the API with the site's session. */

import { canVerify } from "./signature.js";
import { SITE } from "./site.js";

/** Hold an answer that is an error; `status` 0 means no answer at all. `retryAfter` is milliseconds, or null. */
export class ApiError extends Error {
  constructor(
    /** @type {number} */ status,
    /** @type {{detail?: string, code?: string}} */ problem = {},
    /** @type {number?} */ retryAfter = null,
  ) {
    super(problem.detail ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** Return the error that `response` is. */
export async function errorOf(/** @type {Response} */ response) {
  const problem = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return new ApiError(response.status, problem, Number.isFinite(seconds) ? seconds * 1000 : null);
}

const API = `${SITE}/api/v1`;
const READ_ALL = `${API}/notifications/read-all/`;

function search(/** @type {URLSearchParams} */ query) {
  return String(query) && `?${query}`;
}

export class Api {
  /**
   * @param {{
   *   csrfToken: () => string,
   *   login?: string, // the session's word; to a page of another login the site answers 401
   *   fetch?: typeof globalThis.fetch,
   *   timeout?: number, // ms
   * }} options
   */
  constructor({
    csrfToken,
    login = "",
    fetch = globalThis.fetch.bind(globalThis),
    timeout = 10_000,
  }) {
    this.login = login;
    /** @type {typeof globalThis.fetch} */
    this.fetch = (address, options) => fetch(address, this.#withLogin(options));
    this.csrfToken = csrfToken;
    this.canVerify = true; // what is signed; else the site keeps the page on SSE
    this.timeout = timeout;
  }

  /** Return what a page that cannot verify adds to its stream's address. @returns {Record<string, string>} */
  get context() {
    return this.canVerify ? {} : { ed25519: "false" };
  }

  /** @returns {Promise<import("./types.js").Session>} */
  async session() {
    this.canVerify = await canVerify();
    return this.#call("GET", `${API}/session/?ed25519=${this.canVerify}`);
  }

  /** @returns {Promise<string>} */
  async ablyToken() {
    return (await this.#call("POST", `${API}/ably/token/`)).token;
  }

  /** Tell that messages came by Ably which the server may not have sent. */
  unverified(/** @type {import("./signature.js").Doubt} */ reason, /** @type {number} */ count) {
    return this.#call("POST", `${API}/ably/unverified/`, { reason, count });
  }

  /**
   * Fetch what lies after `cursor`, ascending; with `channel`, of that channel alone.
   *
   * @returns {Promise<import("./types.js").Page>}
   */
  after(/** @type {string} */ cursor, /** @type {string?} */ channel = null, limit = 200) {
    const query = new URLSearchParams({ after: cursor, limit: String(limit), ...(channel && { channel }) });
    return this.#call("GET", `${API}/notifications/?${query}`);
  }

  /**
   * Fetch a page of the inbox; `address` is the `next` of the page before.
   *
   * @returns {Promise<import("./types.js").Inbox>}
   */
  inbox(address = `${API}/notifications/`) {
    return this.#call("GET", address);
  }

  /**
   * Change one notification; `action`: read, unread, archive, unarchive or acknowledge.
   *
   * @returns {Promise<import("./types.js").Counts>}
   */
  act(/** @type {string} */ id, /** @type {string} */ action) {
    return this.#call("POST", `${API}/notifications/${id}/${action}/`);
  }

  /**
   * Mark as read what the list of `query` has up to `upTo`.
   *
   * @returns {Promise<import("./types.js").Marked>}
   */
  readAll(/** @type {string} */ upTo, query = new URLSearchParams()) {
    return this.#call("POST", `${READ_ALL}${search(query)}`, { up_to: upTo });
  }

  /** Ask how many `readAll` would mark. @returns {Promise<{count: number}>} */
  countUnread(/** @type {string} */ upTo, query = new URLSearchParams()) {
    return this.#call("GET", `${READ_ALL}${search(new URLSearchParams([...query, ["up_to", upTo]]))}`);
  }

  /** Make unread again what one `readAll` marked. @returns {Promise<import("./types.js").Counts>} */
  undoReadAll(/** @type {string} */ undo) {
    return this.#call("POST", `${READ_ALL}undo/`, { undo });
  }

  /** Send receipts, even when the page is closing. */
  receipts(/** @type {import("./types.js").Delivery[]} */ deliveries) {
    return this.#call("POST", `${API}/receipts/`, deliveries, true);
  }

  #withLogin(/** @type {RequestInit} */ options = {}) {
    return this.login ? { ...options, headers: { ...options.headers, "X-Login": this.login } } : options;
  }

  /** @returns {Promise<any>} */
  async #call(
    /** @type {string} */ method,
    /** @type {string} */ address,
    /** @type {object | undefined} */ body = undefined,
    keepalive = false,
  ) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = this.csrfToken();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const signal = AbortSignal.timeout(this.timeout);
    let response;
    try {
      const json = body && JSON.stringify(body);
      response = await this.fetch(address, { method, headers, body: json, keepalive, signal });
      if (response.ok) return await response.json();
    } catch (error) {
      throw new ApiError(0, { detail: String(error) }); // also where the answer was cut off within its body
    }
    throw await errorOf(response);
  }
}
