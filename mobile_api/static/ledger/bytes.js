// Bytes: joining, comparing, hex, UTF-8 and SHA-256. No dependency but WebCrypto.

/** @param {string} text @returns {Uint8Array} */
export const utf8 = (text) => new TextEncoder().encode(text);

/** Joins byte arrays. @param {...Uint8Array} parts @returns {Uint8Array} */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Order by bytes, shorter first: negative, zero or positive. Not for secrets. @returns {number} */
export function compareBytes(left, right) {
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    if (left[at] !== right[at]) return left[at] - right[at];
  }
  return left.length - right.length;
}

/** @returns {boolean} */
export const equalBytes = (left, right) => left.length === right.length && compareBytes(left, right) === 0;

/** Upper-case hex, as CometBFT writes hashes. @param {Uint8Array} bytes @returns {string} */
export const toHex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();

/** @param {string} text hex in either case; anything else is a TypeError. @returns {Uint8Array} */
export function fromHex(text) {
  if (typeof text !== "string" || !/^([0-9a-fA-F]{2})*$/.test(text)) throw new TypeError("not hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {string} text standard base64 with padding. @returns {Uint8Array} */
export function fromBase64(text) {
  if (typeof text !== "string") throw new TypeError("not base64");
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new TypeError("not base64");
  }
}

/** @param {...Uint8Array} parts hashed as if joined. @returns {Promise<Uint8Array>} 32 bytes */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", parts.length === 1 ? parts[0] : concat(...parts)));
}
