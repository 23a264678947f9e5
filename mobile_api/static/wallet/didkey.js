// did:key names of Ed25519 keys (multicodec 0xed01, base58btc). Mirrors wallet/core/did_key.py.
import { ed25519 } from "../vendor/noble-ed25519.js";
import { Malformed } from "./errors.js";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const PREFIX = "did:key:z";

/** The did:key that names a 32-byte Ed25519 key. Throws Malformed for a key that anyone could sign for. */
export function didKey(publicKey) {
  checkPublic(publicKey);
  return PREFIX + encode(Uint8Array.of(0xed, 0x01, ...publicKey));
}

/** The 32-byte Ed25519 key that `did` names. Throws Malformed for any other kind of name or key. */
export function ed25519Of(did) {
  const good = typeof did === "string" && did.startsWith(PREFIX) && did.length <= 73;
  if (!good) throw new Malformed("did:key", "$", "did:key:z…", "another form");
  const bytes = decode(did.slice(PREFIX.length));
  if (bytes[0] !== 0xed || bytes[1] !== 0x01) throw new Malformed("did:key", "$", "an Ed25519 key", "another codec");
  const publicKey = bytes.slice(2);
  checkPublic(publicKey);
  return publicKey;
}

/** Whether 32 bytes are a canonical Ed25519 point that is not of small order. */
function isAcceptableKey(publicKey) {
  try {
    return !ed25519.Point.fromBytes(publicKey, false).isSmallOrder();
  } catch {
    return false;
  }
}

function checkPublic(publicKey) {
  const good = publicKey.length === 32 && isAcceptableKey(publicKey);
  if (!good) throw new Malformed("did:key", "$", "an Ed25519 point of large order", "bytes that are none");
}

function encode(bytes) {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = "";
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
  return "1".repeat(leading(bytes, (byte) => byte === 0)) + text;
}

function decode(text) {
  let number = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) throw new Malformed("did:key", "$", "base58btc", "another character");
    number = number * 58n + BigInt(digit);
  }
  const bytes = [];
  for (; number > 0n; number /= 256n) bytes.unshift(Number(number % 256n));
  return Uint8Array.from([...Array(leading([...text], (character) => character === "1")).fill(0), ...bytes]);
}

function leading(items, matches) {
  const end = items.findIndex((item) => !matches(item));
  return end < 0 ? items.length : end;
}
