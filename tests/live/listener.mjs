/**
 * The page's own link to Ably, without a page: ably.js on npm's SDK. Argument: JSON of `{site, session, csrf, port,
 * channels, signing_keys}`, the last two as in the session; each line of stdin is both of them anew. What the link sees
 * goes to stdout, one JSON object a line.
 */

import { createInterface } from "node:readline";
import Ably from "ably";
import { AblyLink } from "../../notificacao/static/notificacao/live/ably.js";

const { site, session, csrf, port, channels, signing_keys } = JSON.parse(process.argv[2]);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

async function token() {
  const headers = { Cookie: `sessionid=${session}; csrftoken=${csrf}`, "X-CSRFToken": csrf };
  const response = await fetch(`${site}/api/v1/ably/token/`, { method: "POST", headers });
  tell({ kind: "token", status: response.status });
  if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
  return (await response.json()).token;
}

const link = new AblyLink({
  sdk: async () => Ably,
  token,
  isNews: () => true,
  onRow: (row) => tell({ kind: "row", channel: row.channel, row }),
  onHint: ({ channel, seq, epoch }) => tell({ kind: "hint", channel, seq, epoch }),
  onDoubt: (doubt) => tell({ kind: "doubt", doubt }),
  onState: (state) => tell({ kind: "link", state }),
  onStale: () => tell({ kind: "stale" }),
});
await link.start({ ably: { endpoint: "127.0.0.1", port, tls: false, signing_keys }, channels });
link.realtime.connection.on(({ current, reason }) =>
  tell({ kind: "connection", state: current, code: reason?.code ?? null }),
);
for (const { name } of channels)
  link.realtime.channels
    .get(name)
    .on(({ current, resumed, reason }) =>
      tell({ kind: "channel", channel: name, state: current, resumed: resumed ?? false, code: reason?.code ?? null }),
    );
for await (const line of createInterface({ input: process.stdin })) {
  const { channels, signing_keys } = JSON.parse(line);
  await link.update({ channels, ably: { signing_keys } });
  tell({ kind: "updated" });
}
