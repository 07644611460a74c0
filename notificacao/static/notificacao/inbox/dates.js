/** Write moments in words, in the site's time zone, the same as the server's first paint does (pages/lines.py). */

import { gettext, ngettext } from "../words.js";

const DAY = 86_400_000;
const MINUTE = 60_000;
const SLOT = 15 * MINUTE; // no day of any time zone begins within one
const SLOTS_KEPT = 1_000;

export class Dates {
  /** @param {{language: string, timeZone: string}} options */
  constructor({ language, timeZone }) {
    const format = (/** @type {Intl.DateTimeFormatOptions} */ options) =>
      new Intl.DateTimeFormat(language, { timeZone, ...options });
    this.date = format({ day: "2-digit", month: "2-digit", year: "numeric" });
    this.time = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.dayOfYear = format({ weekday: "long", day: "numeric", month: "long" });
    this.dayOfAnotherYear = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
    /** @type {Map<number, string>} days by slot: two hundred rows ask for each several times a frame */
    this.days = new Map();
    this.numbers = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  }

  /** Write `há 5 min`; of another day the time alone, since the list says which day. */
  ago(/** @type {Date} */ at, now = new Date()) {
    if (this.#key(at) !== this.#key(now)) return this.time.format(at);
    const minutes = Math.floor((now.getTime() - at.getTime()) / MINUTE);
    if (minutes < 1) return gettext("agora");
    if (minutes < 60) return ngettext("há {count} min", "há {count} min", minutes);
    return ngettext("há {count} h", "há {count} h", Math.floor(minutes / 60));
  }

  /** Write `24/11/2026 às 12:00`. */
  exact(/** @type {Date} */ at) {
    return gettext("{day} às {time}", { day: this.date.format(at), time: this.time.format(at) });
  }

  /** Write `Hoje`, `Ontem`, `segunda-feira, 23 de novembro`, of another year with its year. */
  day(/** @type {Date} */ at, now = new Date()) {
    const days = (Date.parse(this.#key(now)) - Date.parse(this.#key(at))) / DAY;
    if (days === 0) return gettext("Hoje");
    if (days === 1) return gettext("Ontem");
    const sameYear = this.#key(at).slice(0, 4) === this.#key(now).slice(0, 4);
    return (sameYear ? this.dayOfYear : this.dayOfAnotherYear).format(at);
  }

  /**
   * Return the moments whose days are the headings of rows that were written `at`, newest first by seq. What was written
   * yesterday and committed today stands above rows of today, and so under today's heading (standing in pages/lines.py).
   */
  standing(/** @type {Date[]} */ at) {
    /** @type {Date[]} */
    const headings = [];
    for (const its of [...at].reverse()) {
      const below = headings.at(-1);
      headings.push(below && below > its ? below : its);
    }
    return headings.reverse();
  }

  /** Write how long ago `at` was; the whole moment where the heading above says another day. */
  under(/** @type {Date} */ heading, /** @type {Date} */ at, now = new Date()) {
    return this.#key(at) === this.#key(heading) ? this.ago(at, now) : this.exact(at);
  }

  /** Write the day `2026-11-24` in the site's time zone. */
  #key(/** @type {Date} */ at) {
    const slot = Math.floor(at.getTime() / SLOT);
    const known = this.days.get(slot);
    if (known) return known;
    if (this.days.size >= SLOTS_KEPT) this.days.clear();
    const day = this.numbers.format(at);
    this.days.set(slot, day);
    return day;
  }
}
