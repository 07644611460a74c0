import { describe, expect, it, vi } from "vitest";
import VECTORS from "../../vectors/signature.json"; // test_signing.py reads the same
import { Verifier, canVerify, signedBytes } from "../../../notificacao/static/notificacao/live/signature.js";
import { ENCODING, Signer, UNIT, sealed } from "../fakes.js";

const bytes = (base64) => Uint8Array.from(Buffer.from(base64, "base64"));
const hex = (data) => Buffer.from(data).toString("hex");

const ROW = { id: "an-id", channel: UNIT, seq: 7, prev_seq: 3 };
const PLACE = { epoch: "e1", channel: UNIT, seq: 7, prev_seq: 3, id: "an-id", key_epoch: 1 };
const OLD = new Signer(1);
const NEW = new Signer(2);

function believing(...signers) {
  const verifier = new Verifier();
  verifier.renew(signers.map((signer) => signer.public));
  return verifier;
}

const judge = (message, channel = UNIT) => believing(OLD).judge(channel, message);
const withHeaders = (headers) => {
  const message = sealed(ROW);
  return { ...message, extras: { headers: { ...message.extras.headers, ...headers } } };
};

describe.each(VECTORS)("of $place.channel", ({ place, ciphertext, signed, public_key, headers }) => {
  it("the bytes and the signature are those of the contract", async () => {
    expect(hex(signedBytes(place, bytes(ciphertext)))).toBe(signed);
    const verifier = new Verifier();
    verifier.renew([public_key]);
    const message = { id: place.id, encoding: ENCODING, data: bytes(ciphertext).buffer, extras: { headers } };
    expect(await verifier.judge(place.channel, message)).toEqual({ place });
  });
});

it("what the server signed is believed, as a view or as a buffer", async () => {
  const message = sealed(ROW);
  expect(await judge(message)).toEqual({ place: PLACE });
  expect(await judge({ ...message, data: message.data.slice().buffer })).toEqual({ place: PLACE });
});

it.each([
  [{ epoch: "e2" }, "wrong"],
  [{ seq: 8 }, "wrong"],
  [{ prev_seq: 0 }, "wrong"],
  [{ key_epoch: 2 }, "wrong"],
  [{ signature: Buffer.alloc(64).toString("base64") }, "wrong"],
  [{ signature: "no base64" }, "wrong"],
  [{ signature: undefined }, "unsigned"],
  [{ seq: "7" }, "unsigned"],
  [{ seq: 9e15 * 2 }, "unsigned"],
  [{ seq: -7 }, "unsigned"],
  [{ epoch: undefined }, "unsigned"],
  [{ signer: undefined }, "unknown_key"],
  [{ signer: "constructor" }, "unknown_key"],
])("with the headers %j it is in doubt: %s", async (headers, doubt) => {
  expect(await judge(withHeaders(headers))).toEqual({ doubt });
});

it("with another text, channel or id it is wrong", async () => {
  const message = sealed(ROW);
  expect(await judge({ ...message, data: Uint8Array.of(...message.data, 0) })).toEqual({ doubt: "wrong" });
  expect(await judge(message, "private:unit:sul:notifications")).toEqual({ doubt: "wrong" });
  expect(await judge({ ...message, id: "another-id" })).toEqual({ doubt: "wrong" });
});

it.each([
  ["in the clear", { data: ROW, encoding: undefined }],
  ["in another encoding", { encoding: "utf-8/cipher+aes-256-cbc" }],
  ["without extras", { extras: undefined }],
  ["without an id", { id: undefined }],
])("%s it counts as unsigned", async (_, change) => {
  expect(await judge({ ...sealed(ROW), ...change })).toEqual({ doubt: "unsigned" });
});

it("signed by two in turn, each is believed while the session names it", async () => {
  const verifier = believing(OLD, NEW);
  for (const signer of [OLD, NEW]) expect(await verifier.judge(UNIT, sealed(ROW, { signer }))).toEqual({ place: PLACE });
  verifier.renew([NEW.public]);
  expect(await verifier.judge(UNIT, sealed(ROW, { signer: OLD }))).toEqual({ doubt: "unknown_key" });
  expect(await verifier.judge(UNIT, sealed(ROW, { signer: NEW }))).toEqual({ place: PLACE });
});

describe("a browser", () => {
  const fresh = async () => {
    vi.resetModules();
    return import("../../../notificacao/static/notificacao/live/signature.js");
  };

  it("that has Ed25519 verifies", async () => expect(await canVerify()).toBe(true));

  it.each([
    ["that has no Ed25519", () => vi.spyOn(crypto.subtle, "importKey").mockRejectedValue(new DOMException("", "NotSupportedError"))],
    ["on plain http", () => vi.stubGlobal("crypto", {})],
  ])("%s does not", async (_, prepare) => {
    prepare();
    expect(await (await fresh()).canVerify()).toBe(false);
  });
});
