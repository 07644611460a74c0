// Reads [[position, channels, steps]…] as JSON from stdin, runs completeness.js over each, and writes the states.
import { readFileSync } from "node:fs";
import * as completeness from "../../notificacao/static/notificacao/live/completeness.js";

const steps = {
  hear: (state, channels) => completeness.hear(state, channels),
  open_stream: (state, seq, names) => completeness.openStream(state, { epoch: state.epoch, seq }, names),
  close_stream: (state) => completeness.closeStream(state),
  sent_to: (state, seq) => completeness.sentTo(state, seq),
  shown: (state, row) => completeness.shown(state, row),
  reach: (state, seq, heads) => completeness.reach(state, { epoch: state.epoch, seq }, heads),
  caught_up: (state, from, to, only) => {
    const [start, end] = [from, to].map((seq) => ({ epoch: state.epoch, seq }));
    return completeness.caughtUp(state, start, end, only);
  },
};

const summary = (state) => ({
  cursor: completeness.safeCursor(state),
  lacking: completeness.lacking(state).sort(),
  uncovered: completeness.uncovered(state),
  channels: Object.fromEntries(Object.entries(state.channels).map(([name, c]) => [name, [c.complete, c.head, c.covered]])),
});

const runs = JSON.parse(readFileSync(0)).map(([position, channels, script]) => {
  let state = completeness.begin(position, channels);
  return script.map(([step, ...given]) => summary((state = steps[step](state, ...given))));
});
console.log(JSON.stringify(runs));
