/** Renew the parts of an admin's page that change by themselves, as long as somebody looks. */

const STATE = { name: "state", seconds: 5 };

/**
 * Put into `place`, every `seconds`, what the page shows by now under this address with `part=name`, then call `renewed`.
 *
 * An answer that does not come is asked for the next time, and so is one of another page: the login is over then. What is
 * open stays open. Whoever is at a link stays there; whoever writes is not disturbed.
 */
export function renew(
  /** @type {HTMLElement} */ place,
  /** @type {() => void} */ renewed = () => {},
  { name, seconds } = STATE,
) {
  const now = async () => {
    if (document.hidden) return;
    try {
      const address = new URL(location.href);
      address.searchParams.set("part", name);
      const answer = await fetch(address, { redirect: "error" });
      if (!answer.ok || place.querySelector("form")?.contains(document.activeElement)) return;
      show(place, new DOMParser().parseFromString(await answer.text(), "text/html"));
      renewed();
    } catch {
      // No connection, or the login is over: the page stays as it is.
    }
  };
  setInterval(now, 1_000 * seconds);
  document.addEventListener("visibilitychange", now);
}

/** Put what came in place of what is there. */
function show(/** @type {HTMLElement} */ part, /** @type {Document} */ came) {
  const details = came.querySelector("details");
  if (details && part.querySelector("details")?.open) details.open = true;
  if (came.body.innerHTML === part.innerHTML) return;
  const place = part.contains(document.activeElement) ? placeOf(part) : -1;
  part.replaceChildren(...came.body.childNodes);
  if (place >= 0) reachable(part)[place]?.focus();
}

function reachable(/** @type {HTMLElement} */ part) {
  return /** @type {HTMLElement[]} */ ([...part.querySelectorAll("a, summary, [tabindex]")]);
}

function placeOf(/** @type {HTMLElement} */ part) {
  return reachable(part).indexOf(/** @type {HTMLElement} */ (document.activeElement));
}
