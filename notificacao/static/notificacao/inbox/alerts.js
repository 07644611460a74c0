/** Show notices of the system and play the sound for who asked for them, once however many tabs are open. */

import { gettext, ngettext } from "../words.js";

/** @typedef {import("../live/types.js").News} News */

const GATHER = 500; // ms in which rows become one notice
const LOUD = ["alta", "urgente"];

export class Alerts {
  /**
   * @param {{
   *   person: string,
   *   preferences: import("./preferences.js").Preferences,
   *   beep: () => void,
   *   addressOf: (id: string) => string,
   *   locks?: LockManager, // without them (plain http) each tab alerts, and the system shows one notice of a tag
   * }} options
   */
  constructor({ person, preferences, beep, addressOf, locks = navigator.locks }) {
    this.preferences = preferences;
    this.beep = beep;
    this.addressOf = addressOf;
    this.locks = locks;
    this.visibleLock = `notificacoes:${person}:visivel`;
    this.alerts = !locks;
    /** @type {News[]} */
    this.rows = [];
    locks?.request(`notificacoes:${person}:avisos`, () => {
      this.alerts = true;
      return new Promise(() => {}); // until this tab is closed: then another alerts
    });
    document.addEventListener("visibilitychange", () => this.#tellWhetherVisible());
    this.#tellWhetherVisible();
  }

  /** Alert of a row that has just come. */
  take(/** @type {News} */ row) {
    const { sound, notices } = this.preferences;
    if (!this.alerts || !(sound || notices)) return;
    this.rows.push(row);
    if (this.rows.length === 1) setTimeout(() => this.#alert(this.rows.splice(0)), GATHER);
  }

  async #alert(/** @type {News[]} */ rows) {
    if (this.preferences.sound && rows.some(({ priority }) => LOUD.includes(priority))) this.beep();
    if (this.preferences.notices && !(await this.#somebodyLooks())) this.#notify(rows);
  }

  #notify(/** @type {News[]} */ rows) {
    const only = rows.length === 1 ? rows[0] : null;
    const title = only?.title ?? ngettext("{count} nova notificação", "{count} novas notificações", rows.length);
    const notice = new Notification(title, {
      body: only?.message ?? gettext("Abra a caixa para vê-las."),
      tag: only?.event_id ?? "notificacoes",
      lang: document.documentElement.lang,
    });
    notice.onclick = () => {
      window.focus();
      if (only) location.assign(this.addressOf(only.id));
      notice.close();
    };
  }

  /** Hold a lock while this tab is visible, which the other tabs see. */
  #tellWhetherVisible() {
    if (document.visibilityState !== "visible") return;
    this.locks?.request(this.visibleLock, { mode: "shared" }, () => {
      if (document.visibilityState !== "visible") return undefined;
      return new Promise((done) => document.addEventListener("visibilitychange", () => done(undefined), { once: true }));
    });
  }

  async #somebodyLooks() {
    if (document.visibilityState === "visible") return true;
    const { held = [] } = (await this.locks?.query()) ?? {};
    return held.some(({ name }) => name === this.visibleLock);
  }
}

/** @type {AudioContext?} */
let audio = null;

/** Play two short notes; play nothing where the browser wants a click first. */
export function beep() {
  try {
    const context = (audio ??= new AudioContext());
    context.resume();
    [660, 880].forEach((pitch, index) => {
      const start = context.currentTime + index * 0.15;
      const note = new OscillatorNode(context, { frequency: pitch });
      const volume = new GainNode(context, { gain: 0.08 });
      volume.gain.setTargetAtTime(0, start + 0.1, 0.02);
      note.connect(volume).connect(context.destination);
      note.start(start);
      note.stop(start + 0.25);
    });
  } catch {
    // no sound here
  }
}
