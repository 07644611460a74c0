/** Hold the bell's words in both languages: the pages that embed it have no catalogue of ours. */

const PORTUGUESE = {
  bell: (/** @type {number} */ unread) =>
    unread === 1 ? "Notificações: 1 não lida" : `Notificações: ${unread || "nenhuma"} não lida${unread ? "s" : ""}`,
  panel: "Notificações recentes",
  unread: "não lida",
  empty: "Nenhuma notificação.",
  all: "Todas as notificações",
  enter: "Entrar",
  arrived: (/** @type {string} */ title) => `Nova notificação: ${title}`,
  status: {
    ably: "conectado por Ably",
    sse: "conectado por SSE",
    standby: "Ably indisponível: recebendo por SSE",
    polling: "sem fluxo ao vivo: consulta a cada 5 segundos",
    connecting: "conectando…",
    offline: "sem conexão",
    "signed-out": "sessão encerrada",
  },
};

/** @type {typeof PORTUGUESE} */
const ENGLISH = {
  bell: (unread) => `Notifications: ${unread || "none"} unread`,
  panel: "Recent notifications",
  unread: "unread",
  empty: "No notifications.",
  all: "All notifications",
  enter: "Log in",
  arrived: (title) => `New notification: ${title}`,
  status: {
    ably: "connected by Ably",
    sse: "connected by SSE",
    standby: "Ably unavailable: receiving by SSE",
    polling: "no live stream: asks every 5 seconds",
    connecting: "connecting…",
    offline: "no connection",
    "signed-out": "signed out",
  },
};

/** @typedef {typeof PORTUGUESE} Words */
/** @typedef {keyof Words["status"]} BellStatus */

export function wordsOf(/** @type {string} */ language) {
  return language.startsWith("en") ? ENGLISH : PORTUGUESE;
}
