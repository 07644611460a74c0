/** Send the form of this week's question without a reload; where the server does not take it, as any form is sent. */

import { part } from "./part.js";

export class Question {
  /**
   * @param {{
   *   place: HTMLElement, // what holds the form, or nothing
   *   fetch: typeof globalThis.fetch,
   *   complain: (error: any) => void, // no answer at all
   *   after: HTMLElement, // has the focus where no question is left
   * }} options
   */
  constructor({ place, fetch, complain, after }) {
    this.place = place;
    this.fetch = fetch;
    this.complain = complain;
    this.after = after;
    this.plainly = false;
    place.addEventListener("submit", (event) => this.plainly || this.#send(event));
  }

  async #send(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = part(this.place, "form");
    const body = new FormData(form, event.submitter);
    body.set("part", "question");
    const fields = part(form, "fieldset");
    fields.disabled = true; // one answer after the other
    try {
      const response = await this.fetch(form.action, { method: "POST", body, redirect: "manual" });
      if (response.ok) return this.#show(await response.text());
      fields.disabled = false;
      this.plainly = true;
      form.requestSubmit(event.submitter);
    } catch (error) {
      fields.disabled = false;
      this.complain({ status: 0, message: String(error) });
    }
  }

  #show(/** @type {string} */ html) {
    this.place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    (part(this.place, "summary") ?? this.after).focus();
  }
}
