/** Fetch older pages when the end of the list comes near, or at a click where nothing watches for that. */

const AHEAD = "600px";

export class Older {
  /**
   * @param {{
   *   link: HTMLAnchorElement, // its address is that of the next older page; hidden where there is none
   *   query: () => URLSearchParams, // of the list that is shown
   *   fetch: (query: string, wanted: () => boolean) => Promise<import("../live/types.js").Inbox?>,
   *   show: (rows: import("../live/types.js").InboxRow[]) => void,
   *   complain: (error: any) => void,
   * }} options
   */
  constructor({ link, query, fetch, show, complain }) {
    this.link = link;
    this.query = query;
    this.fetch = fetch;
    this.show = show;
    this.complain = complain;
    this.life = 0;
    this.busy = false;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.load();
    });
    this.observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.load(), {
      rootMargin: AHEAD,
    });
    this.#watch();
  }

  /** Begin with another list: `next` is what follows it, or null. */
  follow(/** @type {string | null} */ next) {
    this.life += 1;
    this.busy = false;
    this.#point(next);
  }

  /** Go on after the row `seq`, since what lay below it is no longer shown. */
  after(/** @type {number} */ seq) {
    this.life += 1;
    this.busy = false;
    const query = this.query();
    query.set("page", btoa(`p=${seq}`)); // as the API makes its cursors
    this.link.hidden = false;
    this.link.search = String(query);
    this.#watch();
  }

  async load() {
    if (this.busy || this.link.hidden) return;
    this.busy = true;
    const { life } = this;
    try {
      const inbox = await this.fetch(this.link.search, () => life === this.life);
      if (!inbox || life !== this.life) return;
      this.show(inbox.results);
      this.#point(inbox.next);
    } catch (error) {
      if (life === this.life) this.observer.disconnect(); // from here on the person clicks
      this.complain(error);
    } finally {
      if (life === this.life) this.busy = false;
    }
  }

  #point(/** @type {string | null} */ next) {
    this.link.hidden = !next;
    if (next) this.link.search = new URL(next, location.href).search;
    this.#watch();
  }

  /** Watch the link anew: the observer then tells at once whether it is still in sight. */
  #watch() {
    this.observer.disconnect();
    if (!this.link.hidden) this.observer.observe(this.link);
  }
}
