// Many browsers in one process: the official Ably SDK, or SSE streams. Told what to do in one line of JSON on stdin:
// {arm: "ably" | "sse", port, people: [{channel, key, token, client_id, session}], signing_keys}. Says "ready" once all listen; at
// the next line it answers with {id: nanoseconds of CLOCK_MONOTONIC} of what it received, and ends.
import { createPublicKey, verify } from "node:crypto";
import http from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const received = new Map();
const ID = /"id":"([0-9a-f-]{36})"/;

const note = (id) => received.has(id) || received.set(id, process.hrtime.bigint());

const SPKI = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410: Ed25519, before the key's 32 bytes

/** Tell whether the server signed what came on `channel`, by docs/contract.md and not by the page's own code. */
function isGenuine(keys, channel, { id, data, encoding, extras }) {
  const { epoch, seq, prev_seq, key_epoch, signer, signature } = extras.headers;
  const parts = ["semtas-notification-1", epoch, channel, seq, prev_seq, id, key_epoch].map((part) => Buffer.from(`${part}`));
  const signed = [...parts, data].flatMap((part) => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(part.length);
    return [size, part];
  });
  if (encoding !== "json/utf-8/cipher+aes-256-cbc" || !keys.has(signer)) return false;
  return verify(null, Buffer.concat(signed), keys.get(signer), Buffer.from(signature, "base64"));
}

async function overAbly({ port, people, signing_keys }) {
  const Ably = createRequire(import.meta.url)("ably");
  const publicKey = (raw) => createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
  const keys = new Map(signing_keys.map(({ id, key }) => [id, publicKey(Buffer.from(key, "base64"))]));
  for (let start = 0; start < people.length; start += 50) {
    const attached = people.slice(start, start + 50).map(async (person) => {
      const client = new Ably.Realtime({
        endpoint: "127.0.0.1",
        port,
        tls: false,
        transports: ["web_socket"],
        echoMessages: false,
        clientId: person.client_id,
        logLevel: 0, // a channel without a cipher makes the SDK complain of each message
        authCallback: (_, answer) => answer(null, person.token),
      });
      await client.channels.get(person.channel).subscribe(async (message) => {
        if (!isGenuine(keys, person.channel, message)) throw new Error(`not signed by the server: ${message.id}`);
        const { encoding, data, extras } = message;
        note((await Ably.Realtime.Message.fromEncoded({ encoding, data, extras }, { cipher: { key: person.key } })).data.id);
      });
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
