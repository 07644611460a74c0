/** Renew the part of an admin's page that changes by itself. */

const EVERY = 5_000; // ms

/**
 * Put into `place`, every few seconds, what the page shows by now under this address with `part=state`, then call `renewed`.
 *
 * An answer that does not come is asked for the next time. A place where somebody has the focus stays as it is.
 */
export function renew(/** @type {HTMLElement} */ place, /** @type {() => void} */ renewed = () => {}) {
  setInterval(async () => {
    try {
      const address = new URL(location.href);
      address.searchParams.set("part", "state");
      const part = await fetch(address);
      if (!part.ok || place.contains(document.activeElement)) return;
      const shown = new DOMParser().parseFromString(await part.text(), "text/html");
      place.replaceChildren(...shown.body.childNodes);
      renewed();
    } catch {
      // No connection: the page stays as it is.
    }
  }, EVERY);
}
