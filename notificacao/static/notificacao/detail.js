/** Tell this person's other tabs that the notification of this page is read; let Escape lead back to the list. */

import { part } from "./inbox/part.js";

const { person } = document.documentElement.dataset;
const { eventId } = part(document, "#notification").dataset;

new BroadcastChannel(`notificacoes:${person}`).postMessage({ act: "read", eventIds: [eventId] });

addEventListener("keydown", ({ key }) => {
  if (key === "Escape") part(document, ".back a").click();
});
