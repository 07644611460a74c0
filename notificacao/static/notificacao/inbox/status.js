/** Show how this page is connected, in a chip that leads to the diagnosis. */

import { gettext } from "../words.js";

/** @type {Record<string, () => string>} */
const WORDS = {
  ably: () => gettext("conectado por Ably"),
  sse: () => gettext("conectado por SSE"),
  standby: () => gettext("Ably indisponível: recebendo por SSE"),
  polling: () => gettext("sem fluxo ao vivo: consulta a cada 5 segundos"),
  connecting: () => gettext("conectando…"),
  offline: () => gettext("sem conexão"),
};

export function showStatus(/** @type {HTMLElement} */ chip, /** @type {import("../live/types.js").Status} */ status) {
  chip.dataset.transport = status;
  chip.textContent = (WORDS[status] ?? WORDS.connecting)();
}
