/** Remember the last ids that were added, up to a fixed number. */
export class SeenIds {
  constructor(/** @type {number} */ size) {
    this.size = size;
    /** @type {Set<string>} */
    this.items = new Set();
  }

  /** Add `item`; tell whether it is new. */
  add(/** @type {string} */ item) {
    if (this.items.has(item)) return false;
    this.items.add(item);
    if (this.items.size > this.size) this.items.delete(/** @type {string} */ (this.items.values().next().value));
    return true;
  }
}
