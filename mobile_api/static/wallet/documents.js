// Reading documents from outside: exact fields, exact types, errors that say the place.
// Mirrors wallet/core/documents.py: unknown, missing and mistyped fields are refused; nothing is coerced.
import { b64uDecode } from "./_ledger.js";
import { Malformed } from "./errors.js";

// The same list as in Python, not \p{Cf}, which differs between versions of Unicode. U+200C, U+200D are allowed.
const UNSEEN =
  /[\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\u{d800}-\u{dfff}\ufeff\uffa0\ufff0-\uffff\u{e0000}-\u{e0fff}]/u;
const DID = /^did:(salus:u[A-Za-z0-9_-]{43}|key:z[1-9A-HJ-NP-Za-km-z]{10,512})$/;
const DAY = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** @param {string} document @param {string} place @param {boolean} condition */
export function require(document, place, condition, expected, actual) {
  if (!condition) throw new Malformed(document, place, expected, String(actual));
}

/**
 * Checks that `value` is an object with exactly the fields of `fields`, and each with its check.
 * @param {Record<string, (document: string, place: string, value: unknown) => void>} fields
 */
export function checkFields(document, place, value, fields) {
  const plain = value !== null && typeof value === "object" && !Array.isArray(value);
  require(document, place, plain, "an object", typeof value);
  for (const name of Object.keys(value)) {
    require(document, place, Object.hasOwn(fields, name), "the fields of its format", `unknown field ${name}`);
  }
  for (const [name, check] of Object.entries(fields)) {
    require(document, place, Object.hasOwn(value, name), "the fields of its format", `no field ${name}`);
    check(document, `${place}.${name}`, value[name]);
  }
}

export const is = {
  text: (most, { empty = false } = {}) => (document, place, value) => checkText(document, place, value, most, empty),
  int: (least, most) => (document, place, value) =>
    require(document, place, Number.isSafeInteger(value) && value >= least && value <= most, `${least} to ${most}`, value),
  oneOf: (...values) => (document, place, value) =>
    require(document, place, values.includes(value), values.join(", "), "another value"),
  matching: (pattern, expected) => (document, place, value) =>
    require(document, place, typeof value === "string" && pattern.test(value), expected, "another form"),
  bytes: (length) => (document, place, value) => void keyBytes(document, place, value, length),
  id: (document, place, value) => void keyBytes(document, place, value, 16),
  did: (method) => (document, place, value) => checkDid(document, place, value, method),
  day: (document, place, value) => checkDay(document, place, value),
  recordId: (document, place, value) =>
    require(document, place, typeof value === "string" && UUID4.test(value), "a UUID version 4 in lower case", "another form"),
  object: (fields) => (document, place, value) => checkFields(document, place, value, fields),
  list: (check, most) => (document, place, value) => checkList(document, place, value, check, most),
};

/** The bytes of b64u `text`, `length` of them if given. */
export function keyBytes(document, place, text, length) {
  require(document, place, typeof text === "string", "canonical base64url", typeof text);
  let bytes;
  try {
    bytes = b64uDecode(text);
  } catch {
    throw new Malformed(document, place, "canonical base64url", "another form");
  }
  require(document, place, length === undefined || bytes.length === length, `${length} bytes`, `${bytes.length} bytes`);
  return bytes;
}

/** One trimmed line of at most `most` characters, without control or direction-changing characters. */
export function checkText(document, place, value, most, empty = false) {
  require(document, place, typeof value === "string", "text", typeof value);
  require(document, place, empty || value !== "", "some text", "an empty string");
  const length = [...value].length;
  require(document, place, length <= most, `at most ${most} characters`, length);
  require(document, place, value === value.trim(), "no space at its ends", "space");
  require(document, place, !UNSEEN.test(value), "visible characters of one line", "a control or invisible character");
}

function checkDid(document, place, value, method) {
  const good = typeof value === "string" && DID.test(value) && (!method || value.startsWith(`did:${method}:`));
  require(document, place, good, `a did:${method ?? "salus or did:key"}`, "another form");
}

function checkDay(document, place, value) {
  if (value === null) return;
  const parts = typeof value === "string" ? DAY.exec(value) : null;
  const good = parts !== null && isDay(Number(parts[1]), Number(parts[2]), Number(parts[3]));
  require(document, place, good, "a day as YYYY-MM-DD", "another form");
}

function isDay(year, month, day) {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
}

function checkList(document, place, value, check, most) {
  require(document, place, Array.isArray(value), "a list", typeof value);
  require(document, place, value.length >= 1 && value.length <= most, `1 to ${most} items`, value.length);
  require(document, place, new Set(value).size === value.length, "different items", "an item twice");
  value.forEach((item, index) => check(document, `${place}[${index}]`, item));
}
