/** Keep this person's preferences in this browser: colours, sound, notices of the system. All are off at first. */

import { part } from "./part.js";

const NOTHING = { theme: "", sound: false, notices: false };

export class Preferences {
  /**
   * @param {{
   *   person: string,
   *   dialog: HTMLDialogElement, // with a form of theme, sound and notices
   *   denied: () => void, // the browser allows no notices
   *   onSound: () => void, // it was just switched on
   * }} options
   */
  constructor({ person, dialog, denied, onSound }) {
    this.dialog = dialog;
    this.denied = denied;
    this.onSound = onSound;
    this.key = `notificacoes:${person}:preferencias`;
    const form = part(dialog, "form");
    this.fields = form.elements;
    this.kept = this.#read();
    form.addEventListener("change", (/** @type {any} */ { target }) => this.#changed(target));
    addEventListener("storage", ({ key }) => key === this.key && this.#apply(this.#read()));
    this.#apply(this.kept);
    if (globalThis.isSecureContext === false) this.#lockNotices();
  }

  /** Say that there are no notices: the browser has them for pages in a secure context alone. */
  #lockNotices() {
    this.fields.notices.disabled = true;
    part(this.dialog, "#notices-need-https").hidden = false;
  }

  get sound() {
    return this.kept.sound;
  }

  get notices() {
    return this.kept.notices && globalThis.Notification?.permission === "granted";
  }

  open() {
    this.dialog.showModal();
  }

  async #changed(/** @type {HTMLInputElement} */ field) {
    if (field.name === "notices" && field.checked && !(await this.#mayNotify())) {
      field.checked = false;
      this.denied();
    }
    const { theme, sound, notices } = this.fields;
    this.#apply({ theme: theme.value, sound: sound.checked, notices: notices.checked });
    try {
      localStorage.setItem(this.key, JSON.stringify(this.kept));
    } catch {
      // no storage here: the choice lasts until the page is closed
    }
    if (field.name === "sound" && field.checked) this.onSound();
  }

  async #mayNotify() {
    return (await globalThis.Notification?.requestPermission()) === "granted";
  }

  #read() {
    try {
      return { ...NOTHING, ...JSON.parse(localStorage.getItem(this.key) ?? "{}") };
    } catch {
      return { ...NOTHING };
    }
  }

  #apply(/** @type {typeof NOTHING} */ kept) {
    this.kept = kept;
    if (kept.theme) document.documentElement.dataset.theme = kept.theme;
    else delete document.documentElement.dataset.theme;
    const { theme, sound, notices } = this.fields;
    theme.value = kept.theme;
    sound.checked = kept.sound;
    notices.checked = this.notices;
  }
}
