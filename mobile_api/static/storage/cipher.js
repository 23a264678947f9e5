/**
 * Opens a stored record in the browser, stripe by stripe, from a stream of its ciphertext chunks.
 *
 * Rules (docs/storage-format.md)
 * - The key must be the one that the manifest commits to: a ciphertext opens under one key only.
 * - Every data shard's SHA-256 must be the manifest's before anything of its stripe is decrypted, so that what
 *   is shown is what the ledger anchored, even against someone else who holds the same data key.
 * - Each chunk authenticates its record, version, index and whether it is the last.
 * - Bytes that are missing at the end, or too many, are an error after which nothing more comes out.
 */
import { StorageError, TAG_BYTES, concat, sameBytes, sha256, shardHash, stripeAt } from "./manifest.js";

const utf8 = new TextEncoder();
const KEY_BYTES = 32;

/** `part` after its length as 4 bytes, big endian. */
function lp(part) {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, part.length);
  return concat(head, part);
}

/** A number as 8 bytes, big endian. */
function u64(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

/** The 12-byte counter nonce of a chunk. */
const chunkNonce = (index) => concat(new Uint8Array(4), u64(index));

/** The associated data that ties a chunk to its place. */
function chunkAad(record, version, index, last) {
  return concat(lp(utf8.encode("salus/chunk/v1")), lp(utf8.encode(record)), u64(version), u64(index),
    Uint8Array.of(last ? 1 : 0));
}

/** 32 bytes that only this key gives for this record version. */
export function keyCommitment(dataKey, record, version) {
  return sha256(concat(lp(utf8.encode("salus/key-commitment/v1")), lp(dataKey), lp(utf8.encode(record)),
    lp(u64(version))));
}

/**
 * The record's plaintext chunks, in order.
 *
 * @param manifest from parseManifest
 * @param dataKey Uint8Array, 32 bytes
 * @param record the record id that the reader asked for; a manifest of another record is refused
 * @param body ReadableStream of Uint8Array: the record's whole ciphertext, cut anywhere
 */
export async function* openRecord({ manifest, dataKey, record, body }) {
  const key = await importKey(manifest, dataKey, record);
  const reader = new ExactReader(body);
  try {
    for (let index = 0; index < manifest.stripes; index += 1) {
      const stripe = stripeAt(manifest, index);
      const ciphertext = await reader.take(stripe.length);
      await checkShards(manifest, stripe, ciphertext);
      yield* openStripe(manifest, key, stripe, ciphertext);
    }
    await reader.expectEnd();
  } finally {
    await reader.close();
  }
}

/** The whole plaintext as one Uint8Array: for records that fit in memory. Nothing comes out unless all of it is right. */
export async function openWholeRecord(options) {
  const parts = [];
  for await (const part of openRecord(options)) parts.push(part);
  return concat(...parts);
}

async function importKey(manifest, dataKey, record) {
  if (manifest.record !== record) throw new StorageError("wrong-key", "the manifest is of another record");
  const commitment = await keyCommitment(dataKey, record, manifest.recordVersion);
  if (dataKey.length !== KEY_BYTES || !sameBytes(commitment, manifest.keyCommitment)) {
    throw new StorageError("wrong-key", "the data key is not the one the manifest commits to");
  }
  return crypto.subtle.importKey("raw", dataKey, "AES-GCM", false, ["decrypt"]);
}

async function checkShards(manifest, stripe, ciphertext) {
  const padded = new Uint8Array(manifest.k * stripe.shardSize);
  padded.set(ciphertext);
  const slots = Array.from({ length: manifest.k }, (_, slot) => slot);
  const right = await Promise.all(slots.map(async (slot) => {
    const shard = padded.subarray(slot * stripe.shardSize, (slot + 1) * stripe.shardSize);
    return sameBytes(await sha256(shard), shardHash(manifest, stripe.index, slot));
  }));
  if (right.includes(false)) throw new StorageError("corrupt", `stripe ${stripe.index} is not what was anchored`);
}

async function* openStripe(manifest, key, stripe, ciphertext) {
  let at = 0;
  for (let index = stripe.firstChunk; index < stripe.firstChunk + stripe.chunks; index += 1) {
    const length = Math.min(manifest.chunk, manifest.size - index * manifest.chunk) + TAG_BYTES;
    yield await openChunk(manifest, key, index, ciphertext.subarray(at, at + length));
    at += length;
  }
}

async function openChunk(manifest, key, index, ciphertext) {
  const additionalData = chunkAad(manifest.record, manifest.recordVersion, index, index === manifest.chunks - 1);
  try {
    const algorithm = { name: "AES-GCM", iv: chunkNonce(index), additionalData };
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, ciphertext));
  } catch {
    throw new StorageError("corrupt", `chunk ${index} does not authenticate at its place`);
  }
}

/** Takes exact lengths from a stream whose pieces are cut anywhere. */
class ExactReader {
  #reader;
  #held = new Uint8Array();

  constructor(stream) {
    this.#reader = stream.getReader();
  }

  async take(length) {
    const taken = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      if (!this.#held.length && !(await this.#fill())) {
        throw new StorageError("length", `the stream ended ${length - at} bytes early`);
      }
      const part = this.#held.subarray(0, length - at);
      taken.set(part, at);
      at += part.length;
      this.#held = this.#held.subarray(part.length);
    }
    return taken;
  }

  async expectEnd() {
    while (!this.#held.length) if (!(await this.#fill())) return;
    throw new StorageError("length", "the stream goes on after the record's end");
  }

  /** Stop reading; the sender is told. */
  async close() {
    await this.#reader.cancel().catch(() => {});
  }

  async #fill() {
    const { value, done } = await this.#reader.read();
    if (!done) this.#held = value;
    return !done;
  }
}
