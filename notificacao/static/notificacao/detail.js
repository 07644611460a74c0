/** A notification's own page: this person's other tabs learn that it is read. Escape leads back to the list. */

const { person } = document.documentElement.dataset;
const { eventId } = /** @type {HTMLElement} */ (document.getElementById("notification")).dataset;

new BroadcastChannel(`notificacoes:${person}`).postMessage({ act: "read", eventIds: [eventId] });

addEventListener("keydown", ({ key }) => {
  if (key === "Escape") /** @type {HTMLElement} */ (document.querySelector(".back a")).click();
});
