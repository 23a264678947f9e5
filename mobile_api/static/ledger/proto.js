// As much protobuf (proto3) as headers, votes and proofs need: mirror of ledger/types/proto.py.
import { concat, utf8 } from "./bytes.js";

export const VARINT = 0;
export const BYTES = 2;
const NOTHING = new Uint8Array(0);

/** The bytes are not a message of the kind expected. */
export class ProtoError extends Error {
  name = "ProtoError";
}

/** Unsigned LEB128; a negative value as its 64-bit two's complement. @param {bigint | number} value */
function varint(value) {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out = [];
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return new Uint8Array([...out, Number(rest)]);
}

/** An integer field; zero is left out. */
export const integer = (field, value) => (BigInt(value) ? concat(varint(field << 3), varint(value)) : NOTHING);

/** A sfixed64 field; zero is left out. */
export function sfixed64(field, value) {
  if (!BigInt(value)) return NOTHING;
  const eight = new Uint8Array(8);
  new DataView(eight.buffer).setBigInt64(0, BigInt(value), true);
  return concat(varint((field << 3) | 1), eight);
}

/** An embedded message: written even when empty. @param {Uint8Array} value */
export const message = (field, value) => concat(varint((field << 3) | BYTES), varint(value.length), value);

/** A bytes field; empty is left out. */
export const data = (field, value) => (value.length ? message(field, value) : NOTHING);

/** A string field; empty is left out. */
export const text = (field, value) => data(field, utf8(value));

/** `value` behind its length. */
export const delimited = (value) => concat(varint(value.length), value);

/** google.protobuf.Timestamp. @param {{seconds: bigint, nanos: number}} time */
export const timestamp = (time) => concat(integer(1, time.seconds), integer(2, time.nanos));

/**
 * The fields of one message: field number to list of values (bigint or bytes); other wire types are refused.
 * @param {Uint8Array} encoded @returns {Map<number, (bigint | Uint8Array)[]>}
 */
export function fields(encoded) {
  const found = new Map();
  for (let at = 0; at < encoded.length; ) {
    let key, value;
    [key, at] = readVarint(encoded, at);
    [value, at] = readValue(encoded, at, Number(key & 7n));
    const number = Number(key >> 3n);
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

function readValue(encoded, at, wireType) {
  if (wireType === VARINT) return readVarint(encoded, at);
  if (wireType !== BYTES) throw new ProtoError(`wire type ${wireType} is not used`);
  const [size, start] = readVarint(encoded, at);
  const end = start + Number(size);
  if (end > encoded.length) throw new ProtoError("a field is longer than its message");
  return [encoded.subarray(start, end), end];
}

function readVarint(encoded, at) {
  let value = 0n;
  for (let shift = 0n; shift < 64n && at < encoded.length; shift += 7n) {
    const byte = encoded[at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
  throw new ProtoError("varint without an end");
}
