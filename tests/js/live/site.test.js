/** Tests of where the site is, by the address of its modules. */

import { expect, it } from "vitest";

import { siteOf } from "../../../notificacao/static/notificacao/live/site.js";

it.each([
  ["https://cidade.example/static/notificacao/live/site.a1b2.js", ""],
  ["https://cidade.example/servicos/avisos/static/notificacao/live/site.js", "/servicos/avisos"],
  ["https://cidade.example/static/avisos/static/notificacao/live/site.js", "/static/avisos"],
  ["file:///srv/avisos/notificacao/static/notificacao/live/site.js", ""],
])("finds the site of %s", (address, site) => {
  expect(siteOf(address)).toBe(site);
});
