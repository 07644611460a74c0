/** Test that moments are written as people in São Paulo say them. */

import { afterEach, expect, test } from "vitest";
import { Dates } from "../../../notificacao/static/notificacao/inbox/dates.js";
import { speak } from "../../../notificacao/static/notificacao/words.js";

const NOW = new Date("2026-11-24T15:00:00Z"); // noon there
const here = new Dates({ language: "pt-BR", timeZone: "America/Sao_Paulo" });
const before = (minutes) => new Date(NOW.getTime() - minutes * 60_000);

afterEach(() => speak("pt-BR", {}));

test.each([
  [0, "agora"],
  [0.9, "agora"],
  [1, "há 1 min"],
  [59.9, "há 59 min"],
  [60, "há 1 h"],
  [12 * 60, "há 12 h"],
])("%f minutes ago", (minutes, words) => expect(here.ago(before(minutes), NOW)).toBe(words));

test("of another day the time alone", () => expect(here.ago(new Date("2026-11-24T02:59:00Z"), NOW)).toBe("23:59"));

test("a clock that is behind the server's says now", () => expect(here.ago(before(-2), NOW)).toBe("agora"));

test.each([
  ["2026-11-24T03:00:00Z", "Hoje"],
  ["2026-11-24T02:59:59Z", "Ontem"],
  ["2026-11-23T02:59:59Z", "domingo, 22 de novembro"],
  ["2025-12-31T12:00:00Z", "quarta-feira, 31 de dezembro de 2025"],
])("%s is of the day it is in the site's time zone", (at, day) => expect(here.day(new Date(at), NOW)).toBe(day));

test("the exact moment has date and time", () => expect(here.exact(NOW)).toBe("24/11/2026 às 12:00"));

test("midnight is 00:00, not 24:00", () => expect(here.exact(new Date("2026-11-24T03:00:00Z"))).toMatch(/ 00:00$/));

test("in English with the page's words", () => {
  speak("en", { "há {count} min": ["{count} min ago", "{count} min ago"], Ontem: "Yesterday" });
  const english = new Dates({ language: "en", timeZone: "America/Sao_Paulo" });
  expect(english.ago(before(5), NOW)).toBe("5 min ago");
  expect(english.day(before(24 * 60), NOW)).toBe("Yesterday");
});

test("what was written yesterday and came today stands under today, with its whole moment", () => {
  const yesterday = new Date("2026-11-24T02:59:00Z");
  const headings = here.standing([NOW, yesterday, before(5), yesterday]);
  expect(headings.map((at) => here.day(at, NOW))).toEqual(["Hoje", "Hoje", "Hoje", "Ontem"]);
  expect(here.under(headings[1], yesterday, NOW)).toBe("23/11/2026 às 23:59");
  expect(here.under(headings[3], yesterday, NOW)).toBe("23:59");
  expect(here.under(headings[2], before(5), NOW)).toBe("há 5 min");
});

test.each(["America/Sao_Paulo", "Asia/Kathmandu", "Australia/Eucla", "Pacific/Chatham"])("the days of %s begin where it says", (timeZone) => {
  const there = new Dates({ language: "pt-BR", timeZone });
  const truly = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  for (let minutes = 0; minutes < 24 * 60; minutes += 1) {
    const [at, later] = [before(minutes), before(minutes - 1)];
    expect(there.day(at, later) === "Hoje").toBe(truly.format(at) === truly.format(later));
  }
});
