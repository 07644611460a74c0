/** The last so many of what was added: a memory of ids that does not grow for ever. */
export class SeenIds {
  constructor(/** @type {number} */ size) {
    this.size = size;
    /** @type {Set<string>} */
    this.items = new Set();
  }

  /** Whether `item` is new. */
  add(/** @type {string} */ item) {
    if (this.items.has(item)) return false;
    this.items.add(item);
    if (this.items.size > this.size) this.items.delete(/** @type {string} */ (this.items.values().next().value));
    return true;
  }
}
