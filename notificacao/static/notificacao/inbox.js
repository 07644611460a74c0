/** Wire the parts of the page `/notificacoes/`, which are in inbox/, to each other and to the client in live/. */

import { loadSdk } from "./live/ably.js";
import { Api } from "./live/api.js";
import { SharedClient } from "./live/client.js";
import { SITE } from "./live/site.js";
import { Acts } from "./inbox/acts.js";
import { Alerts, beep } from "./inbox/alerts.js";
import { Bulk } from "./inbox/bulk.js";
import { Counts } from "./inbox/counts.js";
import { Dates } from "./inbox/dates.js";
import { Filters, fits, narrows } from "./inbox/filters.js";
import { Items } from "./inbox/item.js";
import { Keyboard } from "./inbox/keyboard.js";
import { List } from "./inbox/list.js";
import { Older } from "./inbox/older.js";
import { part } from "./inbox/part.js";
import { Preferences } from "./inbox/preferences.js";
import { Question } from "./inbox/question.js";
import { Selection } from "./inbox/selection.js";
import { showStatus } from "./inbox/status.js";
import { Toasts } from "./inbox/toasts.js";
import { gettext, ngettext, speak } from "./words.js";

const API = `${SITE}/api/v1/notifications/`;
const AGE_EVERY = 30_000; // ms

/** @typedef {import("./live/types.js").News} News */

const the = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const page = JSON.parse(the("page").textContent);
const { lang } = document.documentElement;
speak(lang, page.words);

const addressOf = (/** @type {string} */ id) => page.notification.replace("00000000-0000-0000-0000-000000000000", id);
const showsArchive = () => filters.query.get("archived") === "true";
const api = new Api({
  csrfToken: () => part(document, "[name=csrfmiddlewaretoken]").value,
  login: page.login_word,
});
const tabs = new BroadcastChannel(`notificacoes:${page.person}`);
const counts = new Counts(the("unread"));
const toasts = new Toasts({
  polite: the("toasts-polite"),
  assertive: the("toasts-assertive"),
  storm: the("toasts-storm"),
  announcer: the("announcer"),
  addressOf,
});

// --- The list

const dates = new Dates({ language: lang, timeZone: page.time_zone });
const items = new Items({ template: the("item"), page, dates, words: { unread: gettext("Não lida") } });
const list = new List({ element: the("inbox"), items, dates, onChange, onCut: (seq) => older.after(seq) });
const filters = new Filters({ form: the("filters"), show: load });
const older = new Older({
  link: the("older"),
  query: () => filters.query,
  fetch: (query, wanted) => acts.undisturbed(() => api.inbox(API + query), wanted),
  show: showOlder,
  complain,
});
let loading = 0; // how often the list was asked for
/** @type {News[]?} rows that come while it is fetched */
let meanwhile = null;
let outside = 0; // rows that came and do not belong in the list

/** Fetch and show the list that the address asks for. An answer that a later request overtook is not shown. */
async function load() {
  const number = ++loading;
  meanwhile ??= [];
  list.element.ariaBusy = "true";
  try {
    const inbox = await acts.undisturbed(() => api.inbox(API + location.search), () => number === loading);
    if (inbox && number === loading) replace(inbox);
  } catch (error) {
    if (number === loading) complain(error);
  } finally {
    if (number === loading) {
      list.element.ariaBusy = "false";
      const came = meanwhile ?? [];
      meanwhile = null;
      came.forEach(place);
    }
  }
}

function replace(/** @type {import("./live/types.js").Inbox} */ { results, next }) {
  older.follow(next);
  list.replace(results);
  outside = 0;
  showOutside();
  bulk.begin();
  the("newer").hidden = !filters.query.has("page");
}

function place(/** @type {News} */ row) {
  if (meanwhile) meanwhile.push(row);
  else if (fits(row, filters.query) && !list.isBelowNewest) {
    list.place(row);
    bulk.show();
  }
  else if (!list.find(row.event_id)) {
    outside += 1;
    showOutside();
  }
}

function showOlder(/** @type {News[]} */ rows) {
  list.append(rows);
  if (list.isBelowNewest) the("newer").hidden = false;
}

/** Show the newest again where the list lost them: the address is that of the newest all the while. */
function showNewest() {
  if (list.isBelowNewest) load();
}

function showOutside() {
  the("outside").hidden = outside === 0;
  the("outside").querySelector("a").textContent = ngettext(
    "{count} nova fora do filtro",
    "{count} novas fora do filtro",
    outside,
  );
}

function onChange() {
  const { query } = filters;
  const why = narrows(query) ? "filter" : showsArchive() ? "archive" : "inbox";
  the("empty").hidden = list.items.length > 0;
  /** @type {NodeListOf<HTMLElement>} */
  const texts = document.querySelectorAll("[data-when]");
  texts.forEach((text) => (text.hidden = text.dataset.when !== why));
  selection.show();
}

// --- What the person does

function showCount(/** @type {number} */ unread) {
  counts.show(unread);
  bulk.show(unread);
}

const acts = new Acts({ api, list, showsArchive, showCount, complain, reload: load, tabs });
const bulk = new Bulk({
  acts,
  api,
  toasts,
  button: the("read-all"),
  dialog: the("confirm"),
  start: handOn,
  unread: Number(the("unread").dataset.unread),
  query: () => filters.query,
  upTo: () => client.safeCursor,
});
const selection = new Selection({ list, bar: the("selection"), act, showsArchive });

function act(/** @type {string} */ name, /** @type {HTMLElement[]} */ chosen) {
  bulk.do(name, chosen);
}

/** Give the focus to the next row where the control that has it is about to disappear, and with it the selection. */
function handOn(/** @type {string} */ name, /** @type {HTMLElement[]} */ chosen) {
  const { activeElement } = document;
  const leaves = name.endsWith("archive");
  const isLost = chosen.some((item) => (leaves ? item.contains(activeElement) : item !== activeElement && item.contains(activeElement)));
  if (isLost || the("selection").contains(activeElement)) (list.next(chosen) ?? (leaves ? the("content") : chosen[0])).focus();
  selection.clear();
}

list.element.addEventListener("click", (/** @type {any} */ event) => {
  const item = event.target.closest(".item");
  const name = event.target.closest("[data-action]")?.dataset.action;
  if (name) {
    event.preventDefault();
    act(name, [item]);
  } else if (event.target.closest(".link") && item.classList.contains("unread")) acts.do("read", item);
  else if (event.target.closest(".title")) history.replaceState(null, "", `#${item.id}`); // where to come back to
});

function complain(/** @type {any} */ error) {
  if (error.status === 401) location.assign(page.login);
  else toasts.complain(error);
}

const preferences = new Preferences({
  person: page.person,
  dialog: the("preferences"),
  denied: () =>
    toasts.complain({ status: 1, message: gettext("O navegador não permite avisos deste site. Permita-os nas configurações do navegador (cadeado ao lado do endereço).") }),
  onSound: beep,
});
const alerts = new Alerts({ person: page.person, preferences, beep, addressOf });

new Keyboard({
  list,
  selection,
  act,
  showsArchive,
  go: (query) => filters.go(new URLSearchParams(query)),
  search: the("filters").elements.q,
  help: the("help"),
});
new Question({ place: the("question"), fetch: api.fetch, complain, after: the("content") });
the("newer").addEventListener("click", showNewest);
the("outside").addEventListener("click", showNewest);
the("open-preferences").addEventListener("click", () => preferences.open());
the("open-help").addEventListener("click", () => the("help").showModal());

// --- What the client brings

const client = new SharedClient({
  person: page.person,
  login: page.login_word,
  position: page.position,
  shown: list.items.map(({ dataset }) => ({ event_id: String(dataset.eventId) })),
  api,
  sdk: () => loadSdk(page.sdk),
  on: {
    notification(row) {
      place(row);
      toasts.tell(row);
      alerts.take(row);
    },
    counts: showCount,
    status: (status) => showStatus(the("status"), status),
    reset(inbox) {
      const isWhole = !String(filters.query);
      if (isWhole) replace(inbox);
      if (!isWhole || acts.any) load(); // it may have been read before an act
    },
    signedOut: () => location.assign(page.login),
  },
});

setInterval(() => list.age(), AGE_EVERY);
list.age();
the(location.hash.slice(1))?.focus();
client.start();
