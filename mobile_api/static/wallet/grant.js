// Grant packs: one sealed grant key, and each data key wrapped under it (docs/formats.md section 5).
// Mirrors wallet/core/grant.py. A wrap moved to another record, grant or recipient does not open.
import { b64uDecode, b64uEncode, compareBytes, concat, handle, handlesRoot, jcs, wrapHash, wrapsHash } from "./_ledger.js";
import { parseArtefact } from "./consent.js";
import { checkFields, is, keyBytes, require } from "./documents.js";
import { grantKeyInfo, openEnvelope, parseEnvelope, seal } from "./envelope.js";
import { CannotOpen } from "./errors.js";

const DOC = "grant pack";
const NONCE_SIZE = 12;
const WRAP_SIZE = NONCE_SIZE + 32 + 16;

/** @typedef {{record: string, epoch: number, wrap: string}} Wrap */
/** @typedef {{record: string, epoch: number, key: Uint8Array}} DataKey */

/**
 * A pack that gives exactly the artefact's records to `grantee`. The grant key is made here and forgotten here.
 * @param {object} artefact @param {DataKey[]} dataKeys @param {import("./envelope.js").SealingPublic} grantee
 * @param {Uint8Array} salt the consent's 32 random bytes
 */
export async function buildGrant(artefact, dataKeys, grantee, salt) {
  parseArtefact(artefact);
  const keys = new Map(dataKeys.map((dataKey) => [dataKey.record, dataKey]));
  const exact = keys.size === dataKeys.length && keys.size === artefact.records.length;
  const all = exact && artefact.records.every((record) => keys.has(record));
  require(DOC, "$.wraps", all, "one data key for each record of the artefact", `${dataKeys.length} keys`);
  const grantKey = crypto.getRandomValues(new Uint8Array(32));
  try {
    const wrapping = await importGrantKey(grantKey);
    const ordered = await orderedHandles(salt, artefact.records);
    const wraps = await Promise.all(ordered.map(({ record }) => wrapDataKey(wrapping, keys.get(record), artefact)));
    return { artefact, salt: b64uEncode(salt), sealed: await seal(grantee, grantKey, info(artefact)), wraps };
  } finally {
    grantKey.fill(0);
  }
}

/** The records in the order of their ascending handles: [{record, handle: Uint8Array, index}]. */
export async function orderedHandles(salt, records) {
  require(DOC, "$.salt", salt.length === 32, "32 bytes", `${salt.length} bytes`);
  const pairs = await Promise.all(records.map(async (record) => ({ record, handle: await handle(salt, record) })));
  pairs.sort((left, right) => compareBytes(left.handle, right.handle));
  return pairs.map((pair, index) => ({ ...pair, index }));
}

/** ConsentGranted's `handles_root` (b64u) for these records. */
export async function grantHandlesRoot(salt, records) {
  return b64uEncode(await handlesRoot((await orderedHandles(salt, records)).map((item) => item.handle)));
}

/** The same pack, with everything checked that needs no key. */
export async function parseGrantPack(pack) {
  const fields = { record: is.recordId, epoch: is.int(1, 2 ** 31), wrap: is.bytes(WRAP_SIZE) };
  const any = () => {};
  checkFields(DOC, "$", pack, { artefact: any, salt: is.bytes(32), sealed: any, wraps: any });
  parseArtefact(pack.artefact);
  parseEnvelope(pack.sealed);
  require(DOC, "$.wraps", Array.isArray(pack.wraps), "a list", typeof pack.wraps);
  pack.wraps.forEach((wrap, index) => checkFields(DOC, `$.wraps[${index}]`, wrap, fields));
  const expected = (await orderedHandles(b64uDecode(pack.salt), pack.artefact.records)).map((item) => item.record);
  const same = expected.length === pack.wraps.length && expected.every((record, at) => record === pack.wraps[at].record);
  require(DOC, "$.wraps", same, "each record once, in the order of handles", "another list");
  return pack;
}

/** The grant key, for the grantee, ready for unwrapDataKey. @param {import("./envelope.js").SealingKey} key */
export async function openGrantKey(key, sealed, artefact) {
  const grantKey = await openEnvelope(key, sealed, info(artefact));
  try {
    return await importGrantKey(grantKey);
  } finally {
    grantKey.fill(0);
  }
}

/** A 32-byte grant key as a non-extractable CryptoKey. */
export async function importGrantKey(bytes) {
  require(DOC, "$.sealed", bytes.length === 32, "a 32-byte grant key", `${bytes.length} bytes`);
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** One wrap under an imported grant key. @param {DataKey} dataKey @returns {Promise<Wrap>} */
async function wrapDataKey(grantKey, { record, epoch, key }, artefact) {
  require(DOC, "$.wraps", key.length === 32, "32-byte data keys", `${key.length} bytes`);
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_SIZE));
  const params = { name: "AES-GCM", iv, additionalData: aad(artefact, record, epoch) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(params, grantKey, key));
  return { record, epoch, wrap: b64uEncode(concat(iv, sealed)) };
}

/** The data key in `wrap`. Throws CannotOpen. @param {Wrap} wrap @returns {Promise<DataKey>} */
export async function unwrapDataKey(grantKey, { record, epoch, wrap }, artefact) {
  const bytes = keyBytes(DOC, "$.wrap", wrap, WRAP_SIZE);
  const params = { name: "AES-GCM", iv: bytes.subarray(0, NONCE_SIZE), additionalData: aad(artefact, record, epoch) };
  try {
    const key = await crypto.subtle.decrypt(params, grantKey, bytes.subarray(NONCE_SIZE));
    return { record, epoch, key: new Uint8Array(key) };
  } catch {
    throw new CannotOpen("the wrap does not open: it belongs to another grant or was changed");
  }
}

/** `H("salus/wrap/v1", wrap bytes)`, 32 bytes. @param {Wrap} wrap */
export function wrapHashOf({ wrap }) {
  return wrapHash(keyBytes(DOC, "$.wrap", wrap, WRAP_SIZE));
}

/** AccessOpened's `wraps` for these wraps, in the order of its handles. @param {Wrap[]} wraps */
export async function wrapsCommitment(wraps) {
  return wrapsHash(await Promise.all(wraps.map(wrapHashOf)));
}

function info({ id, requester, purpose, valid_until }) {
  return grantKeyInfo({ consent: id, recipient: requester.did, purpose, expiry: valid_until });
}

function aad({ id, requester, purpose, valid_until }, record, epoch) {
  return jcs({ consent: id, record, epoch, recipient: requester.did, purpose, expiry: valid_until });
}
