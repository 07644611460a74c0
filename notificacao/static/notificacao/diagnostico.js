/** The page `/notificacoes/diagnostico/`: shows each finding as it comes, and the report of all. */

import { loadSdk } from "./ably.js";
import { Api } from "./api.js";
import { diagnose, fill, report, worst } from "./diagnosis.js";
import { Probes } from "./probes.js";

const page = JSON.parse(document.getElementById("page").textContent);
const part = (id) => document.getElementById(id);
const api = new Api({ csrfToken: () => document.querySelector("[name=csrfmiddlewaretoken]").value });
const probes = new Probes({ api, loadSdk: () => loadSdk(page.sdk) });
let findings = [];

async function run() {
  part("again").disabled = part("copy").disabled = true;
  part("report").hidden = true;
  part("copied").textContent = "";
  findings = [];
  for (const item of part("links").children) showPending(item);
  showVerdict("pending", page.verdicts.pending);
  await diagnose(probes, page, (finding) => {
    findings.push(finding);
    show(finding);
  });
  conclude();
  part("again").disabled = part("copy").disabled = false;
}

function showPending(item) {
  item.dataset.status = "pending";
  item.querySelector(".state").textContent = page.statuses.pending;
  for (const name of ["took", "sentence", "person", "operator"]) item.querySelector(`.${name}`).textContent = "";
  item.querySelectorAll(".advice").forEach((advice) => (advice.hidden = true));
}

function show({ link, status, code, figures, ms }) {
  const item = part("links").querySelector(`[data-link=${link}]`);
  const text = page.texts[code];
  Object.assign(item.dataset, { status, code });
  item.querySelector(".state").textContent = page.statuses[status];
  item.querySelector(".took").textContent = ms === null ? "" : `${ms} ms`;
  item.querySelector(".sentence").textContent = fill(text.sentence, figures, document.documentElement.lang);
  for (const name of ["person", "operator"]) {
    const advice = item.querySelector(`.${name}`);
    advice.textContent = text[name];
    advice.closest(".advice").hidden = !text[name];
  }
}

/** Names the link to mend, if there is one. */
function conclude() {
  const found = worst(findings);
  const status = found?.status ?? "ok";
  showVerdict(status, found ? `${page.verdicts[status]} ${page.links[found.link]}.` : page.verdicts.ok);
}

function showVerdict(status, sentence) {
  part("verdict").dataset.status = status;
  part("verdict").textContent = sentence;
}

/** Without https there is no clipboard: then the text is there to be copied by hand. */
async function copy() {
  const lines = [new Date().toISOString(), navigator.userAgent];
  const text = report(findings, { title: document.title, lines }, page);
  try {
    await navigator.clipboard.writeText(text);
    part("copied").textContent = page.copied;
  } catch {
    part("report").value = text;
    part("report").hidden = false;
    part("report").select();
    part("copied").textContent = page.copy_by_hand;
  }
}

part("again").addEventListener("click", run);
part("copy").addEventListener("click", copy);
run();
