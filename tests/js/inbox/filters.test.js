/** Test which live row belongs in the list that an address asks for, and which link is shown. */

import { expect, test } from "vitest";
import { fits, narrows } from "../../../notificacao/static/notificacao/inbox/filters.js";
import LINKS from "../../vectors/links.json";
import { isSafe } from "../../../notificacao/static/notificacao/inbox/item.js";

const ROW = {
  title: "Mudança de horário",
  message: "A reunião é às 14h.",
  kind: "sistema",
  priority: "alta",
  channel: "unit:1",
};

test.each([
  ["", true],
  ["kind=sistema", true],
  ["kind=alerta", false],
  ["kind=alerta&kind=sistema", true],
  ["kind=", true],
  ["priority=alta&kind=sistema", true],
  ["priority=baixa&kind=sistema", false],
  ["channel=unit:1", true],
  ["channel=unit:2", false],
  ["unread=true", true],
  ["archived=true", false],
  ["page=abc", false],
  ["q=MUDANCA+reuniao", true],
  ["q=mudança+ontem", false],
  ["q=%20", true],
])("of the list ?%s a new row is a part: %s", (query, belongs) =>
  expect(fits(ROW, new URLSearchParams(query))).toBe(belongs));

test.each([
  ["", false],
  ["archived=true", false],
  ["page=abc", false],
  ["q=", false],
  ["q=a", true],
  ["unread=true&archived=true", true],
])("?%s leaves something out: %s", (query, does) => expect(narrows(new URLSearchParams(query))).toBe(does));

test.each(LINKS.links)("the link %s leads somewhere: %s", (link, does) => expect(isSafe(link, LINKS.hosts)).toBe(does));

test.each(LINKS.by_hosts)("of the hosts %s is the link %s: %s", (hosts, link, does) => expect(isSafe(link, hosts)).toBe(does));
