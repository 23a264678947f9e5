/**
 * The manifest of a stored record, checked as storage/core/manifest.py checks it (docs/storage-format.md).
 *
 * Rules
 * - Bytes that are not canonical DAG-CBOR, or have any field more or less, are refused.
 * - The content id is CIDv1, dag-cbor, sha2-256, base32; the root is the RFC 6962 root of the shard hashes.
 * - A refusal is a StorageError whose `code` is the one Python gives for the same bytes.
 */
import { decode, encode } from "../vendor/cborg.js";

export const TAG_BYTES = 16;
const HASH_BYTES = 32;
const RECORD_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MAX_SIZE = 2 ** 50;
const MAX_CHUNK = 2 ** 24;
const MAX_BYTES = 64 * 2 ** 20;
const STRICT = { strict: true, allowIndefinite: false, allowUndefined: false, allowNaN: false,
  allowInfinity: false, allowBigInt: false, rejectDuplicateMapKeys: true };

/** A refusal; `code` is stable: cid, encoding, version, field, shards, root, wrong-key, corrupt, length. */
export class StorageError extends Error {
  constructor(code, reason) {
    super(`${code}: ${reason}`);
    this.name = "StorageError";
    this.code = code;
  }
}

const refuse = (code, reason) => { throw new StorageError(code, reason); };

/** SHA-256 as bytes. */
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** One array after the other. */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}

/** Whether two byte arrays are equal. */
export const sameBytes = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** The content id of manifest bytes. */
export async function contentId(body) {
  return "b" + base32(concat(Uint8Array.of(0x01, 0x71, 0x12, 0x20), await sha256(body)));
}

/** RFC 4648 base32, lower case, no padding. */
function base32(bytes) {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  let text = "", bits = 0, held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) { bits -= 5; text += alphabet[(held >> bits) & 31]; }
    held &= (1 << bits) - 1;
  }
  return bits ? text + alphabet[(held << (5 - bits)) & 31] : text;
}

/** RFC 6962 section 2.1 root of 32-byte leaves that lie one after the other. */
async function merkleRoot(leaves) {
  let level = [];
  for (let at = 0; at < leaves.length; at += HASH_BYTES) level.push(leaves.subarray(at, at + HASH_BYTES));
  if (!level.length) return sha256(new Uint8Array());
  level = await Promise.all(level.map((leaf) => sha256(concat(Uint8Array.of(0), leaf))));
  while (level.length > 1) {
    const next = [];
    for (let i = 0; i + 1 < level.length; i += 2) next.push(sha256(concat(Uint8Array.of(1), level[i], level[i + 1])));
    if (level.length % 2) next.push(level.at(-1));
    level = await Promise.all(next);
  }
  return level[0];
}

/**
 * The manifest in `body` (Uint8Array), every rule checked, that its bytes are the content of `cid` first of all.
 * Give the root from the ledger to `root` (Uint8Array) to have it compared as well.
 */
export async function parseManifest(body, cid, root = null) {
  if ((await contentId(body)) !== cid) refuse("cid", `the bytes are not the content of ${cid}`);
  const manifest = readManifest(body);
  const computed = await merkleRoot(manifest.shards);
  if (!sameBytes(manifest.root, computed)) refuse("root", "the root is not that of the listed shards");
  if (root !== null && !sameBytes(root, computed)) refuse("root", "the root is not the one on the ledger");
  return manifest;
}

/** The manifest in `body`, without its content id and root being checked; see parseManifest. */
function readManifest(body) {
  const fields = decodeCanonical(body);
  if (fields.type !== "salus/manifest" || fields.version !== 1) refuse("version", "expected salus/manifest version 1");
  expectFields(fields, ["type", "version", "record", "record_version", "size", "cipher", "erasure", "shards", "root"]);
  const { cipher, erasure } = fields;
  expectFields(cipher, ["name", "chunk", "key_commitment"]);
  expectFields(erasure, ["name", "k", "n"]);
  if (cipher.name !== "AES-256-GCM" || erasure.name !== "isa_l_rs_cauchy") refuse("field", "unknown cipher or code");
  if (typeof fields.record !== "string" || !RECORD_ID.test(fields.record)) refuse("field", "record is not a UUID 4");
  const size = integer(fields.size, "size", 0, MAX_SIZE);
  const chunk = integer(cipher.chunk, "chunk", 1, MAX_CHUNK);
  const k = integer(erasure.k, "k", 1, 31);
  const n = integer(erasure.n, "n", k + 1, 32);
  const chunks = Math.max(1, Math.ceil(size / chunk));
  const stripes = Math.ceil(chunks / k);
  const shards = octets(fields.shards, "shards");
  if (shards.length !== stripes * n * HASH_BYTES) refuse("shards", `${stripes * n} shard hashes expected`);
  return Object.freeze({
    record: fields.record,
    recordVersion: integer(fields.record_version, "record_version", 1, Number.MAX_SAFE_INTEGER),
    size, chunk, k, n, chunks, stripes, shards,
    keyCommitment: octets(cipher.key_commitment, "key_commitment", HASH_BYTES),
    root: octets(fields.root, "root", HASH_BYTES),
    codec: `salus/1:AES-256-GCM:isa_l_rs_cauchy:${k}/${n}:${chunk}`,
  });
}

/** SHA-256 that a shard must have. */
export function shardHash(manifest, stripe, slot) {
  const at = (stripe * manifest.n + slot) * HASH_BYTES;
  return manifest.shards.subarray(at, at + HASH_BYTES);
}

/** A stripe's chunks, ciphertext length before padding, and shard size, in bytes. */
export function stripeAt(manifest, index) {
  const { size, chunk, k } = manifest;
  const firstChunk = index * k;
  const chunks = Math.min(k, manifest.chunks - firstChunk);
  const length = Math.min(chunks * chunk, size - firstChunk * chunk) + chunks * TAG_BYTES;
  return { index, firstChunk, chunks, length, shardSize: Math.ceil(length / k) };
}

function decodeCanonical(body) {
  if (body.length > MAX_BYTES) refuse("encoding", "too long");
  let fields, canonical;
  try {
    fields = decode(body, STRICT);
    canonical = encode(fields);
  } catch {
    refuse("encoding", "not DAG-CBOR");
  }
  const isMap = typeof fields === "object" && fields !== null && !Array.isArray(fields);
  // A whole float decodes to the number that an integer has, and re-encodes as an integer: the bytes differ.
  if (!isMap || !sameBytes(canonical, body)) refuse("encoding", "not a map in canonical DAG-CBOR without floats");
  return fields;
}

function expectFields(value, names) {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
  if (!isMap || Object.keys(value).sort().join() !== [...names].sort().join()) refuse("field", "unexpected fields");
}

function integer(value, name, low, high) {
  if (!Number.isSafeInteger(value) || value < low || value > high) {
    refuse("field", `${name} must be an integer from ${low} to ${high}`);
  }
  return value;
}

function octets(value, name, length = null) {
  if (!(value instanceof Uint8Array) || (length !== null && value.length !== length)) {
    refuse("field", `${name} must be bytes`);
  }
  return value;
}
