// Hold back the second click of a double click in the admin's forms that send: it would send again.
let under_way = false;
addEventListener("submit", (event) => {
  if (under_way) event.preventDefault();
  under_way = true;
  setTimeout(() => { under_way = false; }, 3000);
});
