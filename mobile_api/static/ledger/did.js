// A DID's key set and the name that its first key set gives it: mirror of ledger/types/did.py.
import { b64uDecode, b64uEncode, CanonicalError, jcs, taggedHash } from "./canonical.js";

const SUITE_HYBRID = "MLKEM768-X25519/HKDF-SHA256/AES-256-GCM";
const SUITE_X25519 = "X25519/HKDF-SHA256/AES-256-GCM";
const SEALING_KEY_BYTES = { [SUITE_HYBRID]: 1216, [SUITE_X25519]: 32 };
const KEY_ID = /^#[a-z0-9-]{1,32}$/;

/**
 * @typedef {{id: string, type: "Ed25519", public: string}} SigningKey `public`: b64u of 32 bytes
 * @typedef {{id: string, suite: string, public: string, epoch: number}} SealingKey
 * @typedef {{keys: SigningKey[], sealing: SealingKey[], next: string}} KeySet
 */

/**
 * A key set from raw public keys.
 * @param {{id: string, public: Uint8Array}[]} keys
 * @param {{id: string, suite: string, public: Uint8Array, epoch: number}[]} sealing
 * @param {Uint8Array} recoveryPublic the key that may sign the next key set
 * @returns {Promise<KeySet>}
 */
export async function makeKeySet(keys, sealing, recoveryPublic) {
  const keyset = {
    keys: keys.map((key) => ({ id: key.id, type: "Ed25519", public: b64uEncode(key.public) })),
    sealing: sealing.map((key) => ({ ...key, public: b64uEncode(key.public) })),
    next: await nextCommitment(recoveryPublic),
  };
  checkKeySet(keyset);
  return keyset;
}

/** What a key set's `next` holds for a 32-byte Ed25519 public key (pre-rotation). @returns {Promise<string>} */
export const nextCommitment = async (recoveryPublic) => b64uEncode(await taggedHash("salus/next/v1", recoveryPublic));

/** The DID that `keyset`, as the first of its log, gives itself. @param {KeySet} keyset @returns {Promise<string>} */
export const didOf = async (keyset) => `did:salus:u${b64uEncode(await taggedHash("salus/did/v1", jcs(keyset)))}`;

/** Throws a CanonicalError for a key set whose form the ledger would refuse. @param {KeySet} keyset */
export function checkKeySet(keyset) {
  const fields = Object.keys(keyset).sort().join();
  if (fields !== "keys,next,sealing") throw new CanonicalError(`a key set has keys, sealing and next; got ${fields}`);
  const ids = [...keyset.keys, ...keyset.sealing].map((key) => key.id);
  if (keyset.keys.length < 1 || new Set(ids).size !== ids.length || !ids.every((id) => KEY_ID.test(id))) {
    throw new CanonicalError("a key set has at least one key, and key ids of #[a-z0-9-]{1,32}, each once");
  }
  keyset.keys.forEach((key) => b64uDecode(key.public, 32));
  keyset.sealing.forEach((key) => b64uDecode(key.public, SEALING_KEY_BYTES[key.suite] ?? -1));
  b64uDecode(keyset.next, 32);
}
