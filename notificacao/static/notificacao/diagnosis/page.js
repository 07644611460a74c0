/** Run the page `/notificacoes/diagnostico/`: show each finding as it comes, and the report of all. */

import { loadSdk } from "../live/ably.js";
import { Api } from "../live/api.js";
import { diagnose, fill, report, worst } from "./judgement.js";
import { Probes } from "./probes.js";

const ADVICE = ["person", "operator"]; // who can do something
const LANGUAGE = document.documentElement.lang;
const page = JSON.parse(textOf("page"));
const csrfToken = () => /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value;
const probes = new Probes({ api: new Api({ csrfToken }), loadSdk: () => loadSdk(page.sdk) });
const again = /** @type {HTMLButtonElement} */ (part("again"));
const copying = /** @type {HTMLButtonElement} */ (part("copy"));
const byHand = /** @type {HTMLTextAreaElement} */ (part("report"));
/** @type {import("./judgement.js").Finding[]} */
let findings = [];

function part(/** @type {string} */ id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

function textOf(/** @type {string} */ id) {
  return part(id).textContent ?? "";
}

/** Return the part of a link's row with that class. */
function partOf(/** @type {Element} */ item, /** @type {string} */ name) {
  return /** @type {HTMLElement} */ (item.querySelector(`.${name}`));
}

async function run() {
  again.disabled = copying.disabled = true;
  byHand.hidden = true;
  part("copied").textContent = "";
  findings = [];
  for (const item of part("links").children) showPending(item);
  showVerdict("pending", page.verdicts.pending);
  await diagnose(probes, page, (finding) => {
    findings.push(finding);
    show(finding);
  });
  conclude();
  again.disabled = copying.disabled = false;
}

function showPending(/** @type {Element} */ item) {
  item.setAttribute("data-status", "pending");
  partOf(item, "state").textContent = page.statuses.pending;
  for (const name of ["took", "sentence"]) partOf(item, name).textContent = "";
  for (const name of ADVICE) advise(item, name, "");
}

function show(/** @type {import("./judgement.js").Finding} */ { link, status, code, figures, ms }) {
  const item = /** @type {HTMLElement} */ (part("links").querySelector(`[data-link=${link}]`));
  const text = page.texts[code];
  Object.assign(item.dataset, { status, code });
  partOf(item, "state").textContent = page.statuses[status];
  partOf(item, "took").textContent = ms === null ? "" : `${ms} ms`;
  partOf(item, "sentence").textContent = fill(text.sentence, figures, LANGUAGE);
  for (const name of ADVICE) advise(item, name, text[name]);
}

function advise(/** @type {Element} */ item, /** @type {string} */ name, /** @type {string} */ advice) {
  const place = partOf(item, name);
  place.textContent = advice;
  /** @type {HTMLElement} */ (place.closest(".advice")).hidden = !advice;
}

/** Name the link to mend, if there is one; of what deserves attention the sentence says all. */
function conclude() {
  const found = worst(findings);
  if (!found) showVerdict("ok", page.verdicts.ok);
  else if (found.status === "failure") showVerdict("failure", `${page.verdicts.failure} ${page.links[found.link]}.`);
  else showVerdict(found.status, fill(page.texts[found.code].sentence, found.figures, LANGUAGE));
}

function showVerdict(/** @type {string} */ status, /** @type {string} */ sentence) {
  part("verdict").dataset.status = status;
  part("verdict").textContent = sentence;
}

/** Copy the report. Without https there is no clipboard: then the text is there to be copied by hand. */
async function copy() {
  const head = [document.title, new Date().toISOString(), navigator.userAgent];
  const text = report(findings, head, page, LANGUAGE);
  try {
    await navigator.clipboard.writeText(text);
    part("copied").textContent = page.copied;
  } catch {
    byHand.value = text;
    byHand.hidden = false;
    byHand.select();
    part("copied").textContent = page.copy_by_hand;
  }
}

again.addEventListener("click", run);
copying.addEventListener("click", copy);
run();
