/**
 * Many people's links to Ably, as the page makes them, in one process. Argument: JSON of `{site, sessions: {name:
 * session key}}`. What each hears goes to stdout, one JSON object a line, with its `name`.
 */

import Ably from "ably";
import { AblyLink } from "../../notificacao/static/notificacao/ably.js";

const CSRF = "c".repeat(32);
const { site, sessions } = JSON.parse(process.argv[2]);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

async function ask(key, method, path) {
  const headers = { Cookie: `sessionid=${key}; csrftoken=${CSRF}`, "X-CSRFToken": CSRF };
  const response = await fetch(`${site}/api/v1/${path}`, { method, headers });
  if (!response.ok) throw Object.assign(new Error(`${path}: ${response.status}`), { status: response.status });
  return response.json();
}

for (const [name, key] of Object.entries(sessions)) {
  const link = new AblyLink({
    sdk: async () => Ably,
    token: async () => (await ask(key, "POST", "ably/token/")).token,
    onRow: (row, epoch) => tell({ name, kind: "row", row, epoch }),
    onHint: () => {},
    onState: (state) => tell({ name, kind: "link", state }),
    onStale: () => {},
  });
  await link.start(await ask(key, "GET", "session/"));
}
