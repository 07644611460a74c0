/**
 * A page without a page: npm's SDK with the options of ably.js. Argument: JSON of `{site, session, csrf, port,
 * channels: {name: key}}`. What it sees goes to stdout, one JSON object a line.
 */

import Ably from "ably";

const { site, session, csrf, port, channels } = JSON.parse(process.argv[2]);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

async function token() {
  const headers = { Cookie: `sessionid=${session}; csrftoken=${csrf}`, "X-CSRFToken": csrf };
  const response = await fetch(`${site}/api/v1/ably/token/`, { method: "POST", headers });
  tell({ kind: "token", status: response.status });
  if (!response.ok) throw Object.assign(new Error("refused"), { code: 80019, statusCode: response.status });
  return (await response.json()).token;
}

const realtime = new Ably.Realtime({
  ...{ endpoint: "127.0.0.1", port, tls: false, transports: ["web_socket"], echoMessages: false, logLevel: 0 },
  authCallback: (_, callback) => token().then((answer) => callback(null, answer), (error) => callback(error, null)),
});
realtime.connection.on(({ current, reason }) => tell({ kind: "connection", state: current, code: reason?.code ?? null }));
for (const [name, key] of Object.entries(channels)) {
  const channel = realtime.channels.get(name, { cipher: { key } });
  channel.on(({ current, resumed, reason }) =>
    tell({ kind: "channel", name, state: current, resumed, code: reason?.code ?? null }),
  );
  channel
    .subscribe("notification", ({ id, data, encoding }) => tell({ kind: "message", name, id, data, encoding: encoding ?? null }))
    .catch(() => {});
}
