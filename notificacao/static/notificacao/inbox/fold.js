/** Fold text as the search compares it: without accents and case, as notificacao/reading/search.py does. */

export function fold(/** @type {string} */ text) {
  return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
}
