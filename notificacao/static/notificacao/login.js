/** Send the login's form from within the page, which keeps what was typed and sends it again while too many others wait. */

const SOON = 5; // seconds, where the answer does not say when

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.querySelector("[type=password]")) return;
  event.preventDefault();
  if (form.ariaBusy !== "true") void send(form);
});

/** Send `form` until it is let in or refused. Where the network fails the browser's own way says so. */
async function send(/** @type {HTMLFormElement} */ form) {
  form.ariaBusy = "true";
  try {
    const answer = await letIn(form);
    if (answer.type === "opaqueredirect") location.assign(destination(form));
    else show(await read(answer));
  } catch {
    form.submit();
  }
}

async function letIn(/** @type {HTMLFormElement} */ form) {
  const says = sayingBefore(form);
  for (;;) {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(entries(form)), redirect: "manual" });
    if (answer.status !== 503 || isForOnce(form)) return answer;
    const text = (await read(answer.clone())).querySelector("#goes-on")?.textContent;
    if (!text) return answer; // it does not ask to wait for one's turn
    if (says.textContent !== text) says.textContent = text; // said once, not at each try
    const seconds = Number(answer.headers.get("Retry-After") ?? SOON);
    await new Promise((resolve) => setTimeout(resolve, (Number.isFinite(seconds) ? seconds : SOON) * 1000));
  }
}

/** Tell whether the form has a code that is too old at a second try. */
function isForOnce(/** @type {HTMLFormElement} */ form) {
  const code = form.querySelector("[autocomplete=one-time-code]");
  return code instanceof HTMLInputElement && code.value !== "";
}

/** Return what the form would send, without files. */
function entries(/** @type {HTMLFormElement} */ form) {
  return [...new FormData(form)].map(([name, value]) => [name, String(value)]);
}

/** Return the line before `form` that screen readers read out when it changes. */
function sayingBefore(/** @type {HTMLFormElement} */ form) {
  const says = document.createElement("p");
  says.setAttribute("role", "status");
  form.before(says);
  return says;
}

/** Return where a login leads: to `next`, on this site, or to where its own page sends whoever is logged in. */
function destination(/** @type {HTMLFormElement} */ form) {
  const next = form.querySelector("[name=next]");
  const asked = next instanceof HTMLInputElement && next.value ? new URL(next.value, form.action) : null;
  const there = new URL(asked?.origin === location.origin ? asked.href : form.action);
  there.hash = ""; // to go to a fragment of the page that is open loads nothing
  return there.href;
}

async function read(/** @type {Response} */ answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Show the page that a refusal brought, in the place of the form's. */
function show(/** @type {Document} */ page) {
  const [now, then] = [document, page].map((one) => one.querySelector("#content"));
  if (now && then) now.replaceWith(then);
  else document.body.replaceWith(page.body);
  document.title = page.title;
  /** @type {HTMLElement?} */ (document.querySelector("#content [autofocus]"))?.focus();
}
