/**
 * Many people's links to Ably, as the page makes them, in one process. Argument: JSON of `{site, sessions: {name:
 * session key}}`. What each hears goes to stdout, one JSON object a line, with its `name`; `at` are nanoseconds of
 * CLOCK_MONOTONIC. With SDK_RETRY_MS the SDK tries
 * again so often once it has lost Ably, instead of every 15 to 30 seconds.
 */

import Ably from "ably";
import { AblyLink } from "../../notificacao/static/notificacao/live/ably.js";

const CSRF = "c".repeat(32);
const { site, sessions } = JSON.parse(process.argv[2]);
const { SDK_RETRY_MS } = process.env;
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

async function ask(key, method, path) {
  const headers = { Cookie: `sessionid=${key}; csrftoken=${CSRF}`, "X-CSRFToken": CSRF };
  const response = await fetch(`${site}/api/v1/${path}`, { method, headers });
  if (!response.ok) throw Object.assign(new Error(`${path}: ${response.status}`), { status: response.status });
  return response.json();
}

class Impatient extends Ably.Realtime {
  constructor(options) {
    const retry = Number(SDK_RETRY_MS);
    super({ ...options, disconnectedRetryTimeout: retry, suspendedRetryTimeout: retry });
  }
}

for (const [name, key] of Object.entries(sessions)) {
  const link = new AblyLink({
    sdk: async () => (SDK_RETRY_MS ? { ...Ably, Realtime: Impatient } : Ably),
    token: async () => (await ask(key, "POST", "ably/token/")).token,
    isNews: () => true,
    onRow: (row, { epoch }) => tell({ name, kind: "row", row, epoch, at: `${process.hrtime.bigint()}` }),
    onHint: () => {},
    onDoubt: (doubt) => tell({ name, kind: "doubt", doubt }),
    onState: (state) => tell({ name, kind: "link", state }),
    onStale: () => {},
  });
  await link.start(await ask(key, "GET", "session/?ed25519=true"));
}
