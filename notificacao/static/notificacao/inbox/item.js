/** One notification of the list: made from the page's own template, and shown as read or not, archived or not. */

/** A path of this site or https; anything that runs is none. */
export function isSafe(/** @type {string} */ link) {
  return /^(\/(?![/\\])|https:\/\/)/.test(link);
}

export class Items {
  /**
   * @param {{
   *   template: HTMLTemplateElement, made by the server, as each item of the first paint is
   *   page: any, what the server says of kinds, priorities, places and addresses
   *   dates: import("./dates.js").Dates,
   *   words: {unread: string},
   * }} options
   */
  constructor({ template, page, dates, words }) {
    Object.assign(this, { template, page, dates, words });
  }

  /** The element of `row`, as the API or a stream has it. */
  render(row) {
    const item = this.template.content.cloneNode(true).querySelector(".item");
    const part = (name) => item.querySelector(name);
    const { page } = this;
    item.id = `n-${row.id}`;
    const { id, event_id: eventId, seq, kind, priority, channel } = row;
    Object.assign(item.dataset, { id, eventId, seq, kind, priority, channel });
    part(".kind").textContent = page.kinds[kind] ?? kind;
    part(".place").textContent = page.places[channel] ?? "";
    part(".priority").textContent = page.priorities[priority] ?? priority;
    part("time").dateTime = row.created_at;
    part("time").title = this.dates.exact(new Date(row.created_at));
    part(".title").textContent = row.title;
    part(".title").href = page.notification.replace("00000000-0000-0000-0000-000000000000", id);
    part(".message").textContent = row.message;
    part(".link").hidden = !isSafe(row.link);
    if (isSafe(row.link)) part(".link").href = row.link;
    this.showRead(item, row.read ?? false);
    this.showArchived(item, row.archived ?? false);
    this.showAge(item);
    return item;
  }

  showRead(item, read) {
    item.classList.toggle("unread", !read);
    item.querySelector(".state").textContent = read ? "" : this.words.unread;
    item.querySelector("[data-action=read]").hidden = read;
    item.querySelector("[data-action=unread]").hidden = !read;
  }

  showArchived(item, archived) {
    item.querySelector("[data-action=archive]").hidden = archived;
    item.querySelector("[data-action=unarchive]").hidden = !archived;
  }

  showAge(item, now = new Date()) {
    item.querySelector("time").textContent = this.dates.ago(when(item), now);
  }
}

export function when(item) {
  return new Date(item.querySelector("time").dateTime);
}

export function isRead(item) {
  return !item.classList.contains("unread");
}
