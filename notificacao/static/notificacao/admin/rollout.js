/** Renew what the admin's page "Rollout" shows every few seconds, and draw its charts. */

import uPlot from "../../uplot/uPlot.esm.js";
import { renew } from "./renewal.js";

const ARMS = { ably: "Ably", control: "SSE" };
const COLOURS = { ably: "#c2410c", control: "#1351b4" };
const PERCENT = new Intl.NumberFormat("pt-BR", { style: "percent", maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat("pt-BR", { hour: "2-digit", minute: "2-digit" });

const state = /** @type {HTMLElement} */ (document.getElementById("state"));
const stale = /** @type {HTMLElement} */ (document.getElementById("stale"));
const empty = /** @type {HTMLElement} */ (document.getElementById("no-charts"));
/** @type {Map<HTMLElement, any>} */
const charts = new Map();

/**
 * @typedef {{shown: number, over_100_ms: number, over_500_ms: number, failed: number}} Counts
 * @typedef {{at: string, ably?: Counts, control?: Counts}} Minute
 */

/** Return seconds since 1970, then by arm the share of `name`, null where nothing was shown. */
function series(/** @type {Minute[]} */ minutes, /** @type {keyof Counts} */ name) {
  const share = (/** @type {Counts | undefined} */ counts) => (counts?.shown ? counts[name] / counts.shown : null);
  return [
    minutes.map(({ at }) => Date.parse(at) / 1_000),
    minutes.map(({ ably }) => share(ably)),
    minutes.map(({ control }) => share(control)),
  ];
}

function draw(/** @type {Minute[]} */ minutes) {
  empty.hidden = minutes.length > 0;
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".chart"))) {
    const data = series(minutes, /** @type {keyof Counts} */ (place.dataset.share));
    const known = charts.get(place);
    if (known) known.setData(data);
    else if (minutes.length) charts.set(place, new uPlot(options(place), data, place));
  }
}

function options(/** @type {HTMLElement} */ place) {
  const ink = getComputedStyle(place).color;
  const axis = { stroke: ink, grid: { stroke: "#8884" } };
  return {
    width: place.clientWidth,
    height: 180,
    scales: { y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ top) => [0, Math.max(0.01, top ?? 0)] } },
    axes: [
      { ...axis, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((second) => TIME.format(second * 1_000)) },
      { ...axis, size: 60, values: (/** @type {any} */ _, /** @type {number[]} */ shares) => shares.map((share) => PERCENT.format(share)) },
    ],
    series: [
      { label: "Hora", value: (/** @type {any} */ _, /** @type {number?} */ second) => (second ? TIME.format(second * 1_000) : "–") },
      ...Object.entries(ARMS).map(([arm, label]) => ({
        label,
        stroke: COLOURS[/** @type {keyof typeof COLOURS} */ (arm)],
        width: 2,
        spanGaps: true,
        value: (/** @type {any} */ _, /** @type {number?} */ share) => (share === null ? "–" : PERCENT.format(share)),
      })),
    ],
  };
}

function version() {
  return /** @type {HTMLElement?} */ (state.querySelector(".sentence"))?.dataset.version;
}

function drawWhatIsShown() {
  draw(JSON.parse(document.getElementById("minutes")?.textContent ?? "[]"));
}

const opened = version();
renew(state, () => {
  stale.hidden = version() === opened;
  drawWhatIsShown();
});
drawWhatIsShown();
