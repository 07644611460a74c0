/** A notification's own page: this person's other tabs learn that it is read. Escape leads back to the list. */

import { part } from "./inbox/part.js";

const { person } = document.documentElement.dataset;
const { eventId } = part(document, "#notification").dataset;

new BroadcastChannel(`notificacoes:${person}`).postMessage({ act: "read", eventIds: [eventId] });

addEventListener("keydown", ({ key }) => {
  if (key === "Escape") part(document, ".back a").click();
});
