// Hold back the second click of a double click in the admin's forms that write: it would send again. Search and logout,
// which are forms too, stay free.
const HELD = 3000; // milliseconds
const under_way = new WeakSet();

addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches("#content form[method=post]")) return;
  if (under_way.has(form)) event.preventDefault();
  under_way.add(form);
  setTimeout(() => under_way.delete(form), HELD);
});
