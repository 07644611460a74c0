/** Test acts beside a list that is fetched: it is never shown as the server had it before an act of this person. */

import { beforeEach, expect, test, vi } from "vitest";
import { Acts } from "../../../notificacao/static/notificacao/inbox/acts.js";

let acts, answers, tabs, counts, complaints, asked;

const item = { dataset: { id: "7", eventId: "e7" }, isConnected: true, classList: { contains: () => true } };
const settle = () => vi.advanceTimersByTimeAsync(1);

beforeEach(() => {
  vi.useFakeTimers();
  [answers, counts, complaints, asked] = [[], [], [], []];
  tabs = Object.assign(new EventTarget(), { postMessage: () => {} });
  acts = new Acts({
    api: { act: () => new Promise((answer, refuse) => answers.push({ answer, refuse })) },
    list: { items: [item], find: () => item, makes: { showRead: () => {} } },
    showsArchive: () => false,
    showCount: (unread) => counts.push(unread),
    complain: (error) => complaints.push(error.message),
    reload: () => {},
    tabs,
  });
});

const always = () => true;
const ask = () => new Promise((answer) => asked.push(answer));

test("a list waits for the act that is under way, whatever the server says of it", async () => {
  const taken = acts.do("read", item);
  const refused = acts.do("read", item);
  const list = acts.undisturbed(ask, always);
  await settle();
  expect(asked).toHaveLength(0);
  answers[0].answer({ unread: 4 });
  await settle();
  expect(asked).toHaveLength(0);
  answers[1].refuse(new Error("429"));
  expect([await taken, await refused]).toEqual([true, false]);
  await settle();
  asked[0]("as it is now");
  expect(await list).toBe("as it is now");
  expect([counts, complaints]).toEqual([[4], ["429"]]);
});

test("a list that was asked for before an act is asked for again after it", async () => {
  const list = acts.undisturbed(ask, always);
  await settle();
  acts.do("read", item);
  asked[0]("as it was");
  await settle();
  expect(asked).toHaveLength(1);
  answers[0].answer({ unread: 0 });
  await settle();
  asked[1]("as it is now");
  expect(await list).toBe("as it is now");
});

test("so is one that was asked for before an act in another tab", async () => {
  const list = acts.undisturbed(ask, always);
  await settle();
  tabs.dispatchEvent(Object.assign(new Event("message"), { data: { act: "read", eventIds: ["e7"] } }));
  asked[0]("as it was");
  await settle();
  asked[1]("as it is now");
  expect(await list).toBe("as it is now");
});

test("a list that another one overtook is not asked for again", async () => {
  let wanted = true;
  const list = acts.undisturbed(ask, () => wanted);
  await settle();
  wanted = false;
  tabs.dispatchEvent(Object.assign(new Event("message"), { data: { act: "read", eventIds: ["e7"] } }));
  asked[0]("as it was");
  expect(await list).toBe(null);
  expect(asked).toHaveLength(1);
});

test("beside many acts, one after the other, a list is asked for once", async () => {
  const all = (async () => {
    for (let number = 0; number < 20; number += 1) await acts.do("read", item);
  })();
  const list = acts.undisturbed(ask, always);
  for (let number = 0; number < 20; number += 1) {
    answers[number].answer({ unread: 0 });
    await settle();
  }
  await all;
  await settle();
  expect(asked).toHaveLength(1);
  asked[0]("as it is now");
  expect(await list).toBe("as it is now");
});
