/** Renew the parts of the admin's home, each at its own pace. */

import { renew } from "./renewal.js";

for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-part]"))) {
  renew(part, () => {}, { name: String(part.dataset.part), seconds: Number(part.dataset.every) });
}
