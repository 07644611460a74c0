/** Watch the page itself: the network, a sleeping machine, the browser's cache of pages, a frozen tab. */

const LOOK = 5_000; // ms
const LATE = 10_000; // ms; a timer that is so late has slept, with its machine
const LATE_HIDDEN = 75_000; // ms; a hidden page's timers run once a minute

/**
 * Tell `client` of each change, until the function that is returned is called.
 *
 * @param {{
 *   reconnect: () => void, offline: () => void, suspend: () => void, resume: () => void, look: () => void,
 * }} client
 * @param {{window: EventTarget, document: EventTarget & {hidden: boolean}}?} page null where there is none
 */
export function watchPage(client, page = thePage()) {
  if (!page) return () => {};
  const unwatch = new AbortController();
  const { signal } = unwatch;
  const hear = (/** @type {EventTarget} */ target, /** @type {string} */ name, /** @type {(event: any) => void} */ then) =>
    target.addEventListener(name, then, { signal });
  hear(page.window, "online", () => client.reconnect());
  hear(page.window, "offline", () => client.offline());
  hear(page.window, "pagehide", () => client.suspend());
  hear(page.window, "pageshow", ({ persisted }) => persisted && client.resume());
  hear(page.document, "freeze", () => client.suspend());
  hear(page.document, "resume", () => client.resume());
  hear(page.document, "visibilitychange", () => client.look());
  const stopClock = watchClock(page.document, () => client.reconnect());
  signal.addEventListener("abort", stopClock);
  return () => unwatch.abort();
}

/** Call `woke` when the machine has slept. */
function watchClock(/** @type {{hidden: boolean}} */ document, /** @type {() => void} */ woke) {
  let last = Date.now();
  let wasHidden = document.hidden;
  const clock = setInterval(() => {
    const late = Date.now() - last - LOOK;
    if (late > (wasHidden || document.hidden ? LATE_HIDDEN : LATE)) woke();
    last = Date.now();
    wasHidden = document.hidden;
  }, LOOK);
  return () => clearInterval(clock);
}

function thePage() {
  return globalThis.document ? { window: globalThis, document: globalThis.document } : null;
}
