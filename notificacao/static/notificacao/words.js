/** Translate the scripts' words: Portuguese as it is written there, or what the page's catalogue has for it. */

/** @type {Record<string, string | string[]>} */
let catalogue = {};
let plurals = new Intl.PluralRules("pt-BR");

/** Speak `language` from here on, by `words`: `{portuguese: translated}`, a list where a number decides. */
export function speak(/** @type {string} */ language, /** @type {Record<string, string | string[]>} */ words) {
  catalogue = words;
  plurals = new Intl.PluralRules(language);
}

/** Return `text` with each `{name}` in it filled from `values`. */
export function gettext(/** @type {string} */ text, /** @type {Record<string, unknown>} */ values = {}) {
  return fill(String(catalogue[text] ?? text), values);
}

/** Return the form that `count` asks for; `count` fills `{count}`. */
export function ngettext(
  /** @type {string} */ one,
  /** @type {string} */ more,
  /** @type {number} */ count,
  /** @type {Record<string, unknown>} */ values = {},
) {
  const forms = catalogue[one] ?? [one, more];
  return fill(forms[plurals.select(count) === "one" ? 0 : 1], { count, ...values });
}

function fill(/** @type {string} */ text, /** @type {Record<string, unknown>} */ values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
