/**
 * Judge up to where nothing is missing. These are pure functions on one small state, and the only judge for rows of
 * either lane, of Ably, and of catch-up.
 *
 * Of each channel: `since`, from where on (exclusive) it is the person's; `complete`, the seq up to which everything was
 * shown; `head`, the last seq known to exist; `headAt`, the position up to which there is none beyond `head`; `covered`,
 * whether the open stream speaks for it: a live one sends all that lies after `complete`, a standby one tells each new
 * head; `ahead`, rows that were shown although something before them is missing.
 *
 * @typedef {{prev: number, seq: number}} Link
 * @typedef {{
 *   since: number, complete: number, head: number, headAt: number, covered: boolean, ahead: Link[],
 * }} ChannelState
 * @typedef {{epoch: string, channels: Record<string, ChannelState>}} State
 * @typedef {{epoch: string, seq: number}} Cursor
 */

/** @returns {Cursor} of `epoch.seq` */
export function parseCursor(/** @type {string} */ text) {
  const [epoch, seq] = text.split(".");
  return { epoch, seq: Number(seq) };
}

/** Return the state of a page whose list was read after `position`: all up to there is in the list. */
export function begin(/** @type {string} */ position, /** @type {{name: string, since: number}[]} */ channels) {
  const { epoch, seq } = parseCursor(position);
  const states = channels.map(({ name, since }) => [name, fresh(since, Math.max(since, seq))]);
  return { epoch, channels: Object.fromEntries(states) };
}

function fresh(/** @type {number} */ since, complete = since) {
  return { since, complete, head: complete, headAt: complete, covered: false, ahead: [] };
}

/** Set the channels to `channels`: a new one, or one joined again, lacks everything since the membership began. */
export function hear(/** @type {State} */ state, /** @type {{name: string, since: number, head: number}[]} */ channels) {
  const heard = channels.map(({ name, since, head }) => {
    const known = state.channels[name];
    const channel = known?.since === since ? known : fresh(since);
    return [name, { ...channel, head: Math.max(channel.head, head) }];
  });
  return { ...state, channels: Object.fromEntries(heard) };
}

/** Note that a stream was opened at `cursor`: from there on it speaks for the channels `names`. */
export function openStream(/** @type {State} */ state, /** @type {Cursor} */ cursor, /** @type {string[]} */ names) {
  return each(state, (channel, name) => ({
    ...channel,
    covered: names.includes(name) && channel.complete >= cursor.seq,
  }));
}

/** Note that the stream ended. */
export function closeStream(/** @type {State} */ state) {
  return each(state, (channel) => ({ ...channel, covered: false }));
}

/** Note that the live stream, in the log's order, has sent everything up to `seq`. */
export function sentTo(/** @type {State} */ state, /** @type {number} */ seq) {
  return each(state, (channel) => (channel.covered ? completeTo(channel, seq) : channel));
}

/** Note that a row was shown, by whatever path, in whatever order: it counts once its predecessor does. */
export function shown(/** @type {State} */ state, /** @type {{channel: string, seq: number, prev_seq: number}} */ row) {
  const channel = state.channels[row.channel];
  if (!channel || row.seq <= channel.complete) return state;
  const ahead = [...channel.ahead, { prev: row.prev_seq, seq: row.seq }];
  const next = completeTo({ ...channel, ahead, head: Math.max(channel.head, row.seq) }, channel.complete);
  return { ...state, channels: { ...state.channels, [row.channel]: next } };
}

/** Note that a row exists that was not shown yet. */
export function told(/** @type {State} */ state, /** @type {string} */ name, /** @type {number} */ seq) {
  return each(state, (channel, other) => (other === name ? { ...channel, head: Math.max(channel.head, seq) } : channel));
}

/**
 * Note how far channels reach, as the open stream says: each for which it speaks has no row between its head and the
 * position. A channel that only the session has told of may be news to the stream, whose silence then proves nothing.
 */
export function reach(/** @type {State} */ state, /** @type {Cursor} */ position, /** @type {Record<string, number>} */ heads) {
  return each(state, (channel, name) => {
    const head = Math.max(channel.head, heads[name] ?? 0);
    const headAt = channel.covered ? Math.max(channel.headAt, position.seq) : channel.headAt;
    return completeTo({ ...channel, head, headAt }, channel.complete);
  });
}

/**
 * Note that catch-up brought everything after `from` up to `to`, of all channels or of the one named. A channel that
 * was complete only up to before `from` was not asked for: the page learned of it while the answer was on its way.
 */
export function caughtUp(
  /** @type {State} */ state,
  /** @type {Cursor} */ from,
  /** @type {Cursor} */ to,
  /** @type {string?} */ only = null,
) {
  const asked = (/** @type {ChannelState} */ channel, /** @type {string} */ name) => channel.complete >= from.seq && (!only || name === only);
  return each(state, (channel, name) => (asked(channel, name) ? completeTo(channel, to.seq) : channel));
}

/**
 * Return what the page knows of the log itself, which is true for any receiver at any time: no row lies in (head, at].
 * A row up to `complete` was told of before it was complete, so none of them lies beyond `head`.
 *
 * @returns {import("./types.js").Fact[]}
 */
export function facts(/** @type {State} */ state) {
  return Object.entries(state.channels).map(([name, { since, head, headAt, complete }]) => {
    return { name, since, head, at: Math.max(headAt, complete) };
  });
}

/** Take over such facts from another page. */
export function report(/** @type {State} */ state, /** @type {import("./types.js").Fact[]} */ facts) {
  const known = new Map(facts.map((fact) => [fact.name, fact]));
  return each(state, (channel, name) => {
    const fact = known.get(name);
    if (fact?.since !== channel.since) return channel;
    const head = Math.max(channel.head, fact.head);
    return completeTo({ ...channel, head, headAt: Math.max(channel.headAt, fact.at) }, channel.complete);
  });
}

/** Tell whether the row `seq` of a channel was not shown yet, and lies after all that was. */
export function isNews(/** @type {State} */ state, /** @type {string} */ name, /** @type {number} */ seq) {
  const channel = state.channels[name];
  return channel !== undefined && seq > channel.complete && !channel.ahead.some((link) => link.seq === seq);
}

/** Return the channels of which something is known to be missing. */
export function lacking(/** @type {State} */ state) {
  return Object.keys(state.channels).filter((name) => state.channels[name].head > state.channels[name].complete);
}

/** Tell whether there is a channel for which no open stream speaks. */
export function uncovered(/** @type {State} */ state) {
  return Object.values(state.channels).some((channel) => !channel.covered);
}

/** Return the `epoch.seq` up to which every channel, or each of `names`, is complete: where to go on from. */
export function safeCursor(/** @type {State} */ state, names = Object.keys(state.channels)) {
  const seqs = names.map((name) => state.channels[name].complete);
  return `${state.epoch}.${seqs.length ? Math.min(...seqs) : 0}`;
}

/** Return `channel` complete up to `seq`, then over each row ahead that follows and over what has no rows. */
function completeTo(/** @type {ChannelState} */ channel, /** @type {number} */ seq) {
  let complete = Math.max(channel.complete, seq);
  for (let link; (link = channel.ahead.find((link) => link.seq > complete && link.prev <= complete)); ) {
    complete = link.seq;
  }
  if (complete >= channel.head) complete = Math.max(complete, channel.headAt);
  const ahead = channel.ahead.filter((link) => link.seq > complete);
  return { ...channel, complete, ahead };
}

function each(
  /** @type {State} */ state,
  /** @type {(channel: ChannelState, name: string) => ChannelState} */ change,
) {
  const changed = Object.entries(state.channels).map(([name, channel]) => [name, change(channel, name)]);
  return { ...state, channels: Object.fromEntries(changed) };
}
