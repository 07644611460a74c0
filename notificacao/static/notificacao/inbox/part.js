/** Find parts of the site's own templates. Scripts do not know their types and trust what an element can do. */

/** @returns {any} */
export function part(/** @type {ParentNode} */ whole, /** @type {string} */ selector) {
  return whole.querySelector(selector);
}
