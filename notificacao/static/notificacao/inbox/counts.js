/** Show the server's count of unread notifications on the badge and in the window's title. */

export class Counts {
  constructor(/** @type {HTMLElement} */ badge) {
    this.badge = badge;
    this.title = document.title.replace(/^\(\d+\) /, "");
  }

  show = (/** @type {number} */ unread) => {
    this.badge.dataset.unread = this.badge.textContent = String(unread);
    this.badge.hidden = unread === 0;
    document.title = unread ? `(${unread}) ${this.title}` : this.title;
  };
}
