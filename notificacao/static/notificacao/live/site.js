/** Tell where the site is: at the root of its host, or under a path of it. */

/** Return the path before all addresses of the site whose module is at `address`: `/portal/avisos`, or nothing. */
export function siteOf(/** @type {string} */ address) {
  const { protocol, pathname } = new URL(address);
  return protocol.startsWith("http") ? pathname.slice(0, pathname.lastIndexOf("/static/")) : "";
}

export const SITE = siteOf(import.meta.url);

/** The cookie of the CSRF token: what else is on the host may have one of the usual name. */
export const CSRF_COOKIE = SITE ? "semtas_csrftoken" : "csrftoken";
