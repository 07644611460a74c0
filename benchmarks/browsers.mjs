// Many browsers in one process: the official Ably SDK, or SSE streams. Told what to do in one line of JSON on stdin:
// {arm: "ably" | "sse", port, people: [{channel, key, token, client_id, session}]}. Says "ready" once all listen; at
// the next line it answers with {id: nanoseconds of CLOCK_MONOTONIC} of what it received, and ends.
import http from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const received = new Map();
const ID = /"id":"([0-9a-f-]{36})"/;

const note = (id) => received.has(id) || received.set(id, process.hrtime.bigint());

async function overAbly({ port, people }) {
  const Ably = createRequire(import.meta.url)("ably");
  for (let start = 0; start < people.length; start += 50) {
    const attached = people.slice(start, start + 50).map(async (person) => {
      const client = new Ably.Realtime({
        endpoint: "127.0.0.1",
        port,
        tls: false,
        transports: ["web_socket"],
        echoMessages: false,
        clientId: person.client_id,
        logLevel: 1,
        authCallback: (_, answer) => answer(null, person.token),
      });
      await client.channels.get(person.channel, { cipher: { key: person.key } }).subscribe(({ data }) => note(data.id));
    });
    await Promise.all(attached);
  }
}

function overSse({ port, people, lane }) {
  const opened = people.map(
    (person) =>
      new Promise((resolve, reject) => {
        const headers = { Cookie: `sessionid=${person.session}` };
        const path = `/api/v1/stream/${lane ? `?lane=${lane}` : ""}`;
        const request = http.get({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
          let rest = "";
          response.setEncoding("utf8");
          response.on("data", (piece) => {
            const lines = (rest + piece).split("\n");
            rest = lines.pop();
            for (const line of lines) {
              if (line.startsWith("event: counts")) resolve();
              const found = line.startsWith("data:") && ID.exec(line);
              if (found) note(found[1]);
            }
          });
        });
        request.on("error", reject);
      }),
  );
  return Promise.all(opened);
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse((await lines.next()).value);
await (task.arm === "ably" ? overAbly(task) : overSse(task));
console.log("ready");
await lines.next();
const answer = JSON.stringify(Object.fromEntries([...received].map(([id, at]) => [id, String(at)])));
process.stdout.write(`${answer}\n`, () => process.exit(0));
