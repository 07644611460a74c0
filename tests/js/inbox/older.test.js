/** Test older pages: one at a time, of the list that is shown, and at a click once one could not be fetched. */

import { beforeEach, expect, test, vi } from "vitest";
import { Older } from "../../../notificacao/static/notificacao/inbox/older.js";

let comesNear, watched, asked, shown, complaints, link, older;

beforeEach(() => {
  vi.stubGlobal("location", { href: "https://semtas.example/notificacoes/" });
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(tell) {
        comesNear = () => tell([{ isIntersecting: true }]);
      }
      observe = () => (watched = true);
      disconnect = () => (watched = false);
    },
  );
  [asked, shown, complaints] = [[], [], []];
  link = Object.assign(new EventTarget(), { search: "?page=1", hidden: false });
  older = new Older({
    link,
    fetch: (query) => new Promise((answer, refuse) => asked.push({ query, answer, refuse })),
    show: (rows) => shown.push(...rows),
    complain: (error) => complaints.push(error.message),
  });
});

const page = (rows, number) => ({ results: rows, next: number && `/api/v1/notifications/?page=${number}` });
const settle = () => new Promise((done) => setImmediate(done));

test("near the end the next page is fetched, once, and then the one after it", async () => {
  comesNear();
  comesNear();
  expect(asked.map(({ query }) => query)).toEqual(["?page=1"]);
  asked[0].answer(page(["a", "b"], 2));
  await settle();
  expect(shown).toEqual(["a", "b"]);
  comesNear();
  expect(asked[1].query).toBe("?page=2");
});

test("after the last page there is no more to ask for", async () => {
  comesNear();
  asked[0].answer(page(["a"], null));
  await settle();
  expect(link.hidden).toBe(true);
  expect(watched).toBe(false);
  comesNear();
  expect(asked).toHaveLength(1);
});

test("a page of a list that is not shown any more is dropped", async () => {
  comesNear();
  older.follow("/api/v1/notifications/?page=9");
  asked[0].answer(page(["of the other list"], 2));
  await settle();
  expect(shown).toEqual([]);
  comesNear();
  expect(asked[1].query).toBe("?page=9");
});

test("what could not be fetched is told once, and asked for again at a click", async () => {
  comesNear();
  asked[0].refuse(new Error("sem rede"));
  await settle();
  expect(complaints).toEqual(["sem rede"]);
  expect(watched).toBe(false);
  link.dispatchEvent(new Event("click", { cancelable: true }));
  asked[1].answer(page(["a"], null));
  await settle();
  expect(shown).toEqual(["a"]);
});
