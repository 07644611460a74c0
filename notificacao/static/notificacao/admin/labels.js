/** Name, for screen readers, what Django's admin and its select2 leave without one. */

function giveName(/** @type {Element?} */ element, /** @type {string} */ name) {
  element?.setAttribute("aria-label", name.replace(/:\s*$/, ""));
}

function nameBoxes() {
  /** @type {NodeListOf<HTMLSelectElement>} */
  const selects = document.querySelectorAll("select.admin-autocomplete");
  for (const select of selects) {
    const boxes = select.parentElement?.querySelectorAll(".select2-selection, .select2-selection__rendered") ?? [];
    for (const box of boxes) giveName(box, textOf(select.labels[0]));
  }
}

function textOf(/** @type {Node | null | undefined} */ node) {
  return node?.textContent?.trim() ?? "";
}

for (const part of document.querySelectorAll(".datetime input")) {
  const field = part.closest(".form-row")?.querySelector("legend, label");
  giveName(part, `${textOf(field)} ${textOf(part.previousSibling)}`);
}

const search = document.getElementById("searchbar");
giveName(search, /** @type {HTMLInputElement?} */ (document.querySelector("#changelist-search [type=submit]"))?.value ?? "");
// After select2, which waits for the same moment and was there first.
/** @type {any} */ (globalThis).django?.jQuery(nameBoxes);
// After the pairs of lists, which are drawn at that moment by scripts that were there first.
addEventListener("load", () => {
  for (const icon of document.querySelectorAll(".search-label-icon")) icon.setAttribute("role", "img");
});

export {};
