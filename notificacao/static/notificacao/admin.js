/** Names, for screen readers, for what Django's admin and its select2 leave without one. */

function name(element, text) {
  element?.setAttribute("aria-label", text.replace(/:\s*$/, ""));
}

function nameBoxes() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const boxes = select.parentElement.querySelectorAll(".select2-selection, .select2-selection__rendered");
    for (const box of boxes) name(box, select.labels[0]?.textContent.trim() ?? "");
  }
}

for (const part of document.querySelectorAll(".datetime input")) {
  const field = part.closest(".form-row").querySelector("legend, label");
  name(part, `${field?.textContent.trim() ?? ""} ${part.previousSibling.textContent.trim()}`);
}
const search = document.getElementById("searchbar");
if (search) name(search, search.form.querySelector("[type=submit]").value);
globalThis.django?.jQuery(nameBoxes); // after select2, which waits for the same moment and was there first
