import { describe, expect, it } from "vitest";
import * as completeness from "../../../notificacao/static/notificacao/live/completeness.js";
import { ANA, SYSTEM, UNIT } from "../fakes.js";

const at = (seq) => ({ epoch: "e1", seq });

/** Return a state in which each of `channels` is complete up to the seq given. */
function complete(channels) {
  const names = Object.entries(channels).map(([name, since]) => ({ name, since }));
  return completeness.begin("e1.0", names);
}

/** Return the same with a stream that speaks for all of them. */
function covered(channels) {
  const cursor = at(Math.min(...Object.values(channels)));
  return completeness.openStream(complete(channels), cursor, Object.keys(channels));
}

function reached(state) {
  return Object.fromEntries(Object.entries(state.channels).map(([name, { complete }]) => [name, complete]));
}

function row(seq, prev_seq, channel = UNIT) {
  return { channel, seq, prev_seq };
}

describe("begin", () => {
  it("takes all up to the page's position as shown, and a channel that was joined later from its joining on", () => {
    const state = completeness.begin("e1.7", [{ name: ANA, since: 0 }, { name: UNIT, since: 9 }]);
    expect(state.epoch).toBe("e1");
    expect(reached(state)).toEqual({ [ANA]: 7, [UNIT]: 9 });
    expect(completeness.lacking(state)).toEqual([]);
  });
});

describe("hear", () => {
  const heard = (name, since, head) => ({ name, since, head });

  it("lacks a new channel's rows since the membership began", () => {
    const state = completeness.hear(complete({ [ANA]: 9 }), [heard(ANA, 9, 9), heard(UNIT, 5, 8)]);
    expect(reached(state)).toEqual({ [ANA]: 9, [UNIT]: 5 });
    expect(completeness.lacking(state)).toEqual([UNIT]);
    expect(completeness.safeCursor(state)).toBe("e1.5");
  });

  it("keeps what was shown of a known channel, and learns its head", () => {
    const state = completeness.hear(complete({ [UNIT]: 9 }), [heard(UNIT, 9, 12)]);
    expect(reached(state)).toEqual({ [UNIT]: 9 });
    expect(completeness.lacking(state)).toEqual([UNIT]);
  });

  it("takes a channel that was heard from before the page on for no new one", () => {
    const page = completeness.begin("e1.9", [{ name: UNIT, since: 5 }]);
    expect(completeness.safeCursor(completeness.hear(page, [heard(UNIT, 5, 8)]))).toBe("e1.9");
  });

  it("takes no head back that was known to be higher", () => {
    const ahead = completeness.shown(complete({ [UNIT]: 2 }), row(9, 8));
    expect(completeness.lacking(completeness.hear(ahead, [heard(UNIT, 2, 2)]))).toEqual([UNIT]);
  });

  it("takes a channel that was left and joined again, unnoticed, for a new one", () => {
    const state = completeness.hear(covered({ [ANA]: 9, [UNIT]: 9 }), [heard(ANA, 9, 9), heard(UNIT, 7, 8)]);
    expect(completeness.safeCursor(state)).toBe("e1.7");
    expect(completeness.lacking(state)).toEqual([UNIT]);
    expect(completeness.uncovered(state)).toBe(true);
  });

  it("forgets a channel that was left, so that it holds nothing back", () => {
    const state = completeness.hear(complete({ [ANA]: 9, [UNIT]: 2 }), [heard(ANA, 9, 9)]);
    expect(completeness.safeCursor(state)).toBe("e1.9");
  });
});

describe("shown", () => {
  it("completes a row whose predecessor is complete", () => {
    expect(reached(completeness.shown(complete({ [UNIT]: 4 }), row(7, 4)))).toEqual({ [UNIT]: 7 });
  });

  it("completes the first row that a person may see, whose predecessor is from before their time", () => {
    expect(reached(completeness.shown(complete({ [UNIT]: 4 }), row(7, 2)))).toEqual({ [UNIT]: 7 });
  });

  it("holds a row back until what lies before it came, in whatever order", () => {
    let state = complete({ [UNIT]: 1 });
    for (const late of [row(4, 3), row(3, 2)]) state = completeness.shown(state, late);
    expect(reached(state)).toEqual({ [UNIT]: 1 });
    expect(completeness.lacking(state)).toEqual([UNIT]);
    state = completeness.shown(state, row(2, 1));
    expect(reached(state)).toEqual({ [UNIT]: 4 });
    expect(state.channels[UNIT].ahead).toEqual([]);
  });

  it("takes a row at or below what is complete for no gap", () => {
    const state = complete({ [UNIT]: 4 });
    expect(completeness.shown(state, row(3, 2))).toBe(state);
    expect(completeness.shown(state, row(4, 3))).toBe(state);
  });

  it("says nothing of other channels, and nothing of one that is not heard", () => {
    const state = complete({ [ANA]: 1, [UNIT]: 1 });
    expect(reached(completeness.shown(state, row(2, 1)))).toEqual({ [ANA]: 1, [UNIT]: 2 });
    expect(completeness.shown(state, row(2, 1, SYSTEM))).toBe(state);
  });
});

describe("a live stream", () => {
  it("completes all its channels up to the row that it sent", () => {
    expect(reached(completeness.sentTo(covered({ [ANA]: 3, [UNIT]: 5 }), 8))).toEqual({ [ANA]: 8, [UNIT]: 8 });
  });

  it("completes nothing of a channel that it does not send", () => {
    const state = completeness.openStream(complete({ [ANA]: 3, [UNIT]: 3 }), at(3), [ANA]);
    expect(completeness.uncovered(state)).toBe(true);
    expect(reached(completeness.sentTo(state, 8))).toEqual({ [ANA]: 8, [UNIT]: 3 });
  });

  it("completes nothing of a channel that lacks what lies before the stream's cursor", () => {
    const state = completeness.openStream(complete({ [ANA]: 9, [UNIT]: 3 }), at(9), [ANA, UNIT]);
    expect(completeness.uncovered(state)).toBe(true);
    expect(reached(completeness.sentTo(state, 12))).toEqual({ [ANA]: 12, [UNIT]: 3 });
  });

  it("completes nothing any more once it ended", () => {
    const state = completeness.closeStream(covered({ [UNIT]: 3 }));
    expect(completeness.uncovered(state)).toBe(true);
    expect(reached(completeness.sentTo(state, 8))).toEqual({ [UNIT]: 3 });
  });
});

describe("heads", () => {
  it("complete each channel up to the position where none lacks anything", () => {
    const state = completeness.reach(covered({ [ANA]: 3, [UNIT]: 5 }), at(9), { [ANA]: 0, [UNIT]: 5 });
    expect(completeness.safeCursor(state)).toBe("e1.9");
  });

  it("name the channels that lack something, and leave those where they are", () => {
    const state = completeness.reach(covered({ [ANA]: 3, [UNIT]: 5 }), at(9), { [UNIT]: 8 });
    expect(completeness.lacking(state)).toEqual([UNIT]);
    expect(reached(state)).toEqual({ [ANA]: 9, [UNIT]: 5 });
  });

  it("lift a channel to their position once what it lacked came", () => {
    const state = completeness.reach(covered({ [UNIT]: 5 }), at(9), { [UNIT]: 8 });
    expect(reached(completeness.shown(state, row(8, 5)))).toEqual({ [UNIT]: 9 });
  });

  it("prove nothing of a channel for which the stream does not speak yet", () => {
    let state = completeness.hear(covered({ [ANA]: 5 }), [
      { name: ANA, since: 5, head: 5 },
      { name: UNIT, since: 5, head: 0 },
    ]);
    state = completeness.reach(state, at(9), { [ANA]: 5 }); // the hub has not seen yet that ana joined the unit
    expect(reached(state)).toEqual({ [ANA]: 9, [UNIT]: 5 });
  });

  it("never take anything back", () => {
    const state = completeness.reach(covered({ [UNIT]: 5 }), at(3), { [UNIT]: 2 });
    expect(reached(state)).toEqual({ [UNIT]: 5 });
    expect(completeness.lacking(state)).toEqual([]);
  });
});

describe("catch-up", () => {
  it("completes all channels up to where it came, rows or none", () => {
    const state = completeness.caughtUp(complete({ [ANA]: 3, [UNIT]: 5 }), at(3), at(9));
    expect(reached(state)).toEqual({ [ANA]: 9, [UNIT]: 9 });
  });

  it("of one channel completes that one alone", () => {
    const state = completeness.caughtUp(complete({ [ANA]: 3, [UNIT]: 3 }), at(3), at(9), UNIT);
    expect(reached(state)).toEqual({ [ANA]: 3, [UNIT]: 9 });
  });

  it("completes the rows that came ahead of what it brought", () => {
    const ahead = completeness.shown(complete({ [UNIT]: 3 }), row(8, 6));
    expect(reached(completeness.caughtUp(ahead, at(3), at(6)))).toEqual({ [UNIT]: 8 });
  });

  it("says nothing of a channel that was heard of while the answer was on its way", () => {
    const asked = complete({ [ANA]: 7 });
    const state = completeness.hear(asked, [
      { name: ANA, since: 7, head: 7 },
      { name: UNIT, since: 4, head: 6 },
    ]);
    expect(reached(completeness.caughtUp(state, at(7), at(9)))).toEqual({ [ANA]: 9, [UNIT]: 4 });
  });
});

describe("a row that is only told of", () => {
  it("is lacking, and a catch-up completes it", () => {
    const state = completeness.told(complete({ [ANA]: 3, [UNIT]: 3 }), UNIT, 7);
    expect(completeness.lacking(state)).toEqual([UNIT]);
    expect(reached(completeness.caughtUp(state, at(3), at(9)))).toEqual({ [ANA]: 9, [UNIT]: 9 });
  });

  it("changes nothing where it was shown already, or nobody hears its channel", () => {
    const state = complete({ [UNIT]: 7 });
    expect(completeness.told(state, UNIT, 7)).toEqual(state);
    expect(completeness.told(state, SYSTEM, 9)).toEqual(state);
  });
});

describe("what another page knows of the log", () => {
  const upTo = (seq) => completeness.begin(`e1.${seq}`, [{ name: UNIT, since: 0 }]);
  const fact = (fields) => [{ name: UNIT, since: 0, head: 5, at: 9, ...fields }];

  it("completes a channel that has all up to the head, as far as there is no more", () => {
    expect(reached(completeness.report(upTo(5), fact({})))).toEqual({ [UNIT]: 9 });
  });

  it("makes one lacking that has not, and completes it once the row is there", () => {
    const state = completeness.report(upTo(3), fact({}));
    expect(completeness.lacking(state)).toEqual([UNIT]);
    expect(reached(completeness.shown(state, row(5, 2)))).toEqual({ [UNIT]: 9 });
  });

  it("says nothing of another channel, or of another membership in this one", () => {
    const state = upTo(5);
    expect(completeness.report(state, fact({ name: SYSTEM }))).toEqual(state);
    expect(completeness.report(state, fact({ since: 2 }))).toEqual(state);
  });

  it("is told with the last row, not with how far the page is complete", () => {
    const state = completeness.shown(upTo(3), row(5, 2));
    const open = completeness.openStream(state, at(3), [UNIT]);
    expect(completeness.facts(completeness.sentTo(open, 9))).toEqual(fact({}));
  });
});

describe("the safe cursor", () => {
  it("is where the least complete channel is, or the least complete of those named", () => {
    const state = complete({ [ANA]: 3, [UNIT]: 5, [SYSTEM]: 4 });
    expect(completeness.safeCursor(state)).toBe("e1.3");
    expect(completeness.safeCursor(state, [UNIT, SYSTEM])).toBe("e1.4");
  });

  it("reads back as it was written", () => {
    expect(completeness.parseCursor("e1.4711")).toEqual({ epoch: "e1", seq: 4711 });
  });
});
