import { expect, it } from "vitest";
import { SeenIds } from "../../../notificacao/static/notificacao/live/seen_ids.js";

it("tells what is new from what is not", () => {
  const recent = new SeenIds(10);
  expect(["a", "b", "a"].map((item) => recent.add(item))).toEqual([true, true, false]);
});

it("forgets the oldest, so that it does not grow for ever", () => {
  const recent = new SeenIds(2);
  ["a", "b", "c"].forEach((item) => recent.add(item));
  expect(recent.items.size).toBe(2);
  expect(recent.add("c")).toBe(false);
  expect(recent.add("a")).toBe(true);
});
