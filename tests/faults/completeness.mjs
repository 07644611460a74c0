// Reads [[position, channels, steps]…] as JSON from stdin, runs completeness.js over each, and writes the states.
import { readFileSync } from "node:fs";
import * as completeness from "../../notificacao/static/notificacao/completeness.js";

const steps = {
  hear: (state, channels) => completeness.hear(state, channels),
  open_live: (state, seq, names) => completeness.openLive(state, { epoch: state.epoch, seq }, names),
  close_live: (state) => completeness.closeLive(state),
  sent_to: (state, seq) => completeness.sentTo(state, seq),
  shown: (state, row) => completeness.shown(state, row),
  reach: (state, seq, heads) => completeness.reach(state, { epoch: state.epoch, seq }, heads),
  caught_up: (state, seq, only) => completeness.caughtUp(state, { epoch: state.epoch, seq }, only),
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
