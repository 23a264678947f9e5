// Canonical JSON (RFC 8785), tagged hashes and base64url: mirror of ledger/types/canonical.py.
//
// Rules (docs/formats.md section 1)
// - Values are objects, arrays, strings, integers within ±(2^53-1), booleans and null; no floats anywhere.
// - Bytes that are not exactly the canonical spelling of what they say are refused, never repaired.
// - Every hash names its purpose and the length of each part.
import { equalBytes, sha256, utf8 } from "./bytes.js";

const MAX_DEPTH = 32;

/** The bytes or the value have no canonical form; whoever made them must make them again. */
export class CanonicalError extends Error {
  name = "CanonicalError";
}

/** JCS(value) as UTF-8. @param {unknown} value @returns {Uint8Array} */
export const jcs = (value) => utf8(spell(value, 0));

/** The value that canonical JSON spells; anything else is a CanonicalError. @param {Uint8Array} bytes */
export function parseCanonical(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new CanonicalError("not JSON in UTF-8");
  }
  if (!equalBytes(jcs(value), bytes)) throw new CanonicalError("not in canonical form (RFC 8785)");
  return value;
}

/** H(tag, p1, .., pn) of docs/formats.md. @param {string} tag @param {...Uint8Array} parts */
export const taggedHash = (tag, ...parts) => sha256(...[utf8(tag), ...parts].flatMap((part) => [length(part), part]));

/** base64url without padding. @param {Uint8Array} bytes @returns {string} */
export function b64uEncode(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The bytes of canonical base64url; a second spelling or another length is a CanonicalError.
 * @param {string} text @param {number} [size] the number of bytes expected @returns {Uint8Array}
 */
export function b64uDecode(text, size) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw new CanonicalError("not base64url without padding");
  }
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  if (b64uEncode(bytes) !== text) throw new CanonicalError("base64url with stray bits at the end");
  if (size !== undefined && bytes.length !== size) {
    throw new CanonicalError(`expected ${size} bytes of base64url, got ${bytes.length}`);
  }
  return bytes;
}

function length(part) {
  const four = new Uint8Array(4);
  new DataView(four.buffer).setUint32(0, part.length);
  return four;
}

function spell(value, depth) {
  if (depth > MAX_DEPTH) throw new CanonicalError(`nested deeper than ${MAX_DEPTH}`);
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === "string") return spellString(value);
  if (Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => spell(item, depth + 1)).join(",")}]`;
  if (typeof value === "object" && isPlain(value)) return spellObject(value, depth);
  throw new CanonicalError(`a ${typeof value} that is no safe integer has no place in canonical JSON`);
}

function spellObject(value, depth) {
  // The default order of sort() is that of UTF-16 code units, which is RFC 8785's.
  const pairs = Object.keys(value).sort();
  return `{${pairs.map((key) => `${spellString(key)}:${spell(value[key], depth + 1)}`).join(",")}}`;
}

function spellString(text) {
  if (/\p{Surrogate}/u.test(text)) throw new CanonicalError("a lone surrogate has no UTF-8 form");
  return JSON.stringify(text);
}

function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

