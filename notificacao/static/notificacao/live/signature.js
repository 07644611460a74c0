/**
 * Verify that the server signed what came by Ably, before anything of it is believed. Each colleague in a unit holds the
 * channel's key, so what can be decrypted may be anybody's. docs/contract.md has the bytes.
 *
 * @typedef {import("./types.js").SigningKey} SigningKey
 * @typedef {{id?: string, encoding?: string, data?: any, extras?: {headers?: Record<string, any>}}} Message
 * @typedef {{epoch: string, channel: string, seq: number, prev_seq: number, id: string, key_epoch: number}} Place
 * @typedef {"unsigned" | "unknown_key" | "wrong"} Doubt
 */

const CONTEXT = "semtas-notification-1";
/** How the SDK hands out a message on a channel without a cipher. No other encoding is ever decoded. */
const ENCODING = "json/utf-8/cipher+aes-256-cbc";
const BASE_POINT = Uint8Array.of(0x58, ...Array(31).fill(0x66)); // a public key of Ed25519 like any other

/** @type {Promise<boolean>?} */
let able = null;

/** Tell whether this browser verifies Ed25519: not on plain http, and not before 2025 in most browsers. */
export function canVerify() {
  able ??= importKey(BASE_POINT).then(
    () => true,
    () => false,
  );
  return able;
}

async function importKey(/** @type {Uint8Array<ArrayBuffer>} */ key) {
  return crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
}

/** Return what is signed: each part after its length as four bytes, so that no part can pass for another's end. */
export function signedBytes(/** @type {Place} */ place, /** @type {Uint8Array} */ ciphertext) {
  const { epoch, channel, seq, prev_seq, id, key_epoch } = place;
  const texts = [CONTEXT, epoch, channel, seq, prev_seq, id, key_epoch].map((part) => new TextEncoder().encode(`${part}`));
  const parts = [...texts, ciphertext];
  const bytes = new Uint8Array(parts.reduce((size, part) => size + 4 + part.length, 0));
  let at = 0;
  for (const part of parts) {
    new DataView(bytes.buffer).setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

export class Verifier {
  /** @type {Map<string, Promise<CryptoKey>>} by id */
  #keys = new Map();

  /** Set the keys to those of the session. */
  renew(/** @type {SigningKey[]} */ keys) {
    this.#keys = new Map(keys.map(({ id, key }) => [id, this.#keys.get(id) ?? importKey(bytesOf(key))]));
  }

  /**
   * Resolve to the place for which the server signed `message`, which came over `channel`, or to why it is in doubt.
   *
   * @returns {Promise<{place: Place, doubt?: undefined} | {place?: undefined, doubt: Doubt}>}
   */
  async judge(/** @type {string} */ channel, /** @type {Message} */ message) {
    const place = claimed(channel, message);
    const { signer, signature } = message.extras?.headers ?? {};
    const ciphertext = asBytes(message.data);
    if (!place || !ciphertext || message.encoding !== ENCODING || !signature) return { doubt: "unsigned" };
    const key = this.#keys.get(signer);
    if (!key) return { doubt: "unknown_key" };
    try {
      const signed = signedBytes(place, ciphertext);
      if (await crypto.subtle.verify("Ed25519", await key, bytesOf(signature), signed)) return { place };
    } catch {
      // It is no key, or no base64: it is wrong all the same.
    }
    return { doubt: "wrong" };
  }
}

/** @returns {Place?} the place that a message claims; null where its headers are not of our shape */
function claimed(/** @type {string} */ channel, /** @type {Message} */ { id, extras }) {
  const { epoch, seq, prev_seq, key_epoch } = extras?.headers ?? {};
  const isWhole = [seq, prev_seq, key_epoch].every((number) => Number.isSafeInteger(number) && number >= 0);
  if (!isWhole || typeof epoch !== "string" || typeof id !== "string") return null;
  return { epoch, channel, seq, prev_seq, id, key_epoch };
}

function asBytes(/** @type {any} */ data) {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
}

function bytesOf(/** @type {string} */ base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
