/** Renew the admin's page "Alcance da notificação" while it is open. */

import { renew } from "./renewal.js";

renew(/** @type {HTMLElement} */ (document.getElementById("state")));
