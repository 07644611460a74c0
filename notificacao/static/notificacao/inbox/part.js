/** What the site's own templates hold. Their types are not the scripts' to know: what an element can do is taken on trust. */

/** @returns {any} */
export function part(/** @type {ParentNode} */ whole, /** @type {string} */ selector) {
  return whole.querySelector(selector);
}
