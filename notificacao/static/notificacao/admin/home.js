/** Renew the parts of the admin's home, each at its own pace, as long as somebody looks. */

const PARTS = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-part]"));

/** Fetch and show one part; an answer that does not come is asked for the next time. */
async function renew(/** @type {HTMLElement} */ part) {
  if (document.hidden) return;
  try {
    const answer = await fetch(`?part=${part.dataset.part}`, { redirect: "error" });
    if (!answer.ok) return;
    show(part, new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // No connection, or the login is over: the page stays as it is.
  }
}

/** Put what came in place of what is there; what is open stays open, and whoever is at a link stays there. */
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

for (const part of PARTS) setInterval(renew, 1_000 * Number(part.dataset.every), part);
document.addEventListener("visibilitychange", () => PARTS.forEach((part) => renew(part)));

export {};
