/** Calls of the API with the site's session. */

/** An answer that is an error; `status` 0 is no answer at all. `retryAfter` is milliseconds, or null. */
export class ApiError extends Error {
  constructor(status, problem = {}, retryAfter = null) {
    super(problem.detail ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** The error that `response` is. */
export async function errorOf(response) {
  const problem = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return new ApiError(response.status, problem, Number.isFinite(seconds) ? seconds * 1000 : null);
}

export class Api {
  /** @param {{csrfToken: () => string, fetch?: typeof fetch, timeout?: number}} options `timeout` in milliseconds */
  constructor({ csrfToken, fetch = globalThis.fetch.bind(globalThis), timeout = 10_000 }) {
    this.fetch = fetch;
    this.csrfToken = csrfToken;
    this.timeout = timeout;
  }

  session() {
    return this.#call("GET", "/api/v1/session/");
  }

  async ablyToken() {
    return (await this.#call("POST", "/api/v1/ably/token/")).token;
  }

  /** What lies after `cursor`, ascending; `channel`: of that one alone. */
  after(cursor, channel = null, limit = 200) {
    const query = new URLSearchParams({ after: cursor, limit: String(limit), ...(channel && { channel }) });
    return this.#call("GET", `/api/v1/notifications/?${query}`);
  }

  /** A page of the inbox; `address` is the `next` of the page before. */
  inbox(address = "/api/v1/notifications/") {
    return this.#call("GET", address);
  }

  /** `action`: read, unread, archive or acknowledge. */
  act(id, action) {
    return this.#call("POST", `/api/v1/notifications/${id}/${action}/`);
  }

  readAll(upTo) {
    return this.#call("POST", "/api/v1/notifications/read-all/", { up_to: upTo });
  }

  /** Goes out even when the page is closing. */
  receipts(deliveries) {
    return this.#call("POST", "/api/v1/receipts/", deliveries, true);
  }

  async #call(method, address, body = undefined, keepalive = false) {
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = this.csrfToken();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const signal = AbortSignal.timeout(this.timeout);
    let response;
    try {
      response = await this.fetch(address, { method, headers, body: body && JSON.stringify(body), keepalive, signal });
      if (response.ok) return await response.json();
    } catch (error) {
      throw new ApiError(0, { detail: String(error) }); // cut off within the body as well
    }
    throw await errorOf(response);
  }
}
