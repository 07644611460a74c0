/** The page `/notificacoes/`: the list, the badge, the chip, the buttons. What flows in is the client's matter. */

import { Api } from "./api.js";
import { loadSdk } from "./ably.js";
import { SharedClient } from "./client.js";

const STATUS = {
  ably: "conectado por Ably",
  sse: "conectado por SSE",
  standby: "Ably fora de alcance: conectado pela reserva SSE",
  connecting: "conectando…",
  offline: "sem conexão",
};
const WHEN = new Intl.DateTimeFormat("pt-BR", { dateStyle: "short", timeStyle: "short" });
const TITLE = document.title;

const page = JSON.parse(document.getElementById("page").textContent);
const list = document.getElementById("inbox");
const template = document.getElementById("item");
const older = document.getElementById("older");
const tabs = new BroadcastChannel(`notificacoes:${page.person}`);

const api = new Api({ csrfToken: () => document.querySelector("[name=csrfmiddlewaretoken]").value });
const client = new SharedClient({
  person: page.person,
  login: page.login_word,
  position: page.position,
  shown: items().map(({ dataset }) => ({ id: dataset.id, event_id: dataset.eventId })),
  api,
  sdk: () => loadSdk(page.sdk),
  on: {
    notification: (row) => place(render(row)),
    counts: showCount,
    status: showStatus,
    reset: ({ results }) => {
      list.replaceChildren(...results.map(render));
      older.hidden = results.length < page.first_paint;
      nextPage = null;
      showEmpty();
    },
    signedOut: () => location.assign(page.login),
  },
});
let nextPage = null; // the address of the next older page, once one was fetched

// --- The list

function items() {
  return [...list.children];
}

function render(row) {
  const item = template.content.cloneNode(true).querySelector(".item");
  Object.assign(item.dataset, { id: row.id, eventId: row.event_id, seq: row.seq, priority: row.priority });
  const part = (name) => item.querySelector(name);
  part(".kind").textContent = page.kinds[row.kind] ?? row.kind;
  part(".priority").textContent = page.priorities[row.priority] ?? row.priority;
  part(".priority").hidden = !["alta", "urgente"].includes(row.priority);
  part("time").dateTime = row.created_at;
  part("time").textContent = WHEN.format(new Date(row.created_at)).replace(",", "");
  part(".title").textContent = row.title;
  part(".message").textContent = row.message;
  part(".link").hidden = !isSafe(row.link);
  if (isSafe(row.link)) part(".link").href = row.link;
  showRead(item, row.read ?? false);
  return item;
}

/** A path of this site or https; anything that runs is none. */
function isSafe(link) {
  return /^(\/(?![/\\])|https:\/\/)/.test(link);
}

/** By seq, newest first, wherever it came from. */
function place(item) {
  const after = items().find(({ dataset }) => Number(dataset.seq) < Number(item.dataset.seq));
  list.insertBefore(item, after ?? null);
  showEmpty();
}

function showRead(item, read) {
  item.classList.toggle("unread", !read);
  item.querySelector("[data-action=read]").hidden = read;
  item.querySelector("[data-action=unread]").hidden = !read;
}

function showEmpty() {
  document.getElementById("empty").hidden = items().length > 0;
}

// --- Badge and chip

function showCount(unread) {
  const badge = document.getElementById("unread");
  badge.dataset.unread = badge.textContent = String(unread);
  badge.hidden = unread === 0;
  document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
}

function showStatus(status) {
  const chip = document.getElementById("status");
  chip.dataset.transport = status;
  chip.textContent = STATUS[status];
}

// --- What the person does

/** Done at once on the page, undone where the server refuses; the person's other tabs follow. */
const CHANGES = {
  read: (item) => showRead(item, true),
  unread: (item) => showRead(item, false),
  archive: (item) => item.remove(),
};

list.addEventListener("click", async ({ target }) => {
  const action = target.closest("[data-action]")?.dataset.action;
  if (!action) return;
  const item = target.closest(".item");
  target.disabled = true;
  try {
    showCount((await api.act(item.dataset.id, action)).unread);
    CHANGES[action](item);
    showEmpty();
    tabs.postMessage({ action, eventIds: [item.dataset.eventId] });
  } catch (error) {
    complain(error);
  } finally {
    target.disabled = false;
  }
});

document.getElementById("read-all").addEventListener("click", async () => {
  const upTo = client.safeCursor;
  const seq = Number(upTo.split(".")[1]);
  try {
    showCount((await api.readAll(upTo)).unread);
    const read = items().filter(({ dataset }) => Number(dataset.seq) <= seq);
    read.forEach((item) => showRead(item, true));
    tabs.postMessage({ action: "read", eventIds: read.map(({ dataset }) => dataset.eventId) });
  } catch (error) {
    complain(error);
  }
});

older.addEventListener("click", async () => {
  older.disabled = true;
  try {
    const inbox = await api.inbox(nextPage ?? undefined);
    const known = new Set(items().map(({ dataset }) => dataset.eventId));
    inbox.results.filter((row) => !known.has(row.event_id)).forEach((row) => place(render(row)));
    nextPage = inbox.next;
    older.hidden = !inbox.next;
  } catch (error) {
    complain(error);
  } finally {
    older.disabled = false;
  }
});

tabs.addEventListener("message", ({ data: { action, eventIds } }) => {
  const named = new Set(eventIds);
  items()
    .filter(({ dataset }) => named.has(dataset.eventId))
    .forEach((item) => CHANGES[action](item));
});

function complain(error) {
  const sentence = document.getElementById("complaint");
  sentence.textContent = error.status ? error.message : "Sem conexão: tente de novo quando a rede voltar.";
  sentence.hidden = false;
  setTimeout(() => (sentence.hidden = true), 8_000);
}

showCount(Number(document.getElementById("unread").dataset.unread));
client.start();
