// Suite-tagged HPKE envelopes (RFC 9180 base mode; docs/formats.md section 5). Mirrors wallet/core/envelope.py.
// An envelope opens only in the context (`info`) it was sealed for. A private sealing key is its 32-byte seed.
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256, XWing } from "../vendor/hpke.js";
import { x25519 } from "../vendor/noble-ed25519.js";
import { b64uDecode, b64uEncode, jcs } from "./_ledger.js";
import { is, checkFields, keyBytes, require } from "./documents.js";
import { CannotOpen, UnknownSuite } from "./errors.js";

export const HYBRID = "MLKEM768-X25519/HKDF-SHA256/AES-256-GCM";
export const CLASSIC = "X25519/HKDF-SHA256/AES-256-GCM";
const SEED_SIZE = 32;
const MAX_SEALED = 4096;

/** @typedef {{suite: string, key: string, enc: string, ct: string}} Envelope */
/** @typedef {{id: string, suite: string, public: Uint8Array}} SealingPublic */
/** @typedef {{id: string, suite: string, privateKey: CryptoKey}} SealingKey an imported key, for openEnvelope */

const SUITES = new Map([
  [HYBRID, { kem: () => new XWing(), publicSize: 1216, encSize: 1120 }],
  [CLASSIC, { kem: () => new DhkemX25519HkdfSha256(), publicSize: 32, encSize: 32 }],
]);

/** Sizes in bytes of that suite. Throws UnknownSuite. */
export function suiteSizes(name) {
  const found = SUITES.get(name);
  if (!found) throw new UnknownSuite();
  return { publicSize: found.publicSize, encSize: found.encSize };
}

const made = new Map();
function hpke(name) {
  if (!SUITES.has(name)) throw new UnknownSuite();
  if (!made.has(name)) {
    made.set(name, new CipherSuite({ kem: SUITES.get(name).kem(), kdf: new HkdfSha256(), aead: new Aes256Gcm() }));
  }
  return made.get(name);
}

/** The public key bytes for a 32-byte seed. */
export async function publicFromSeed(suite, seed) {
  const { kem } = hpke(suite);
  checked(seed);
  if (suite === CLASSIC) return x25519.getPublicKey(seed);
  const { publicKey } = await kem.generateKeyPairDerand(seed.slice());
  return new Uint8Array(await kem.serializePublicKey(publicKey));
}

/** HPKE `info` for a record's data key sealed to the patient's DID. */
export function recordKeyInfo({ record, epoch, recipient }) {
  return jcs({ v: 1, use: "record-key", record, epoch, recipient });
}

/** HPKE `info` for a grant key sealed to the requester's DID; `expiry` is the consent's valid_until (ms). */
export function grantKeyInfo({ consent, recipient, purpose, expiry }) {
  return jcs({ v: 1, use: "grant-key", consent, recipient, purpose, expiry });
}

/** The key ready for openEnvelope; import once, open many. The seed is copied: overwrite yours. @returns {Promise<SealingKey>} */
export async function importSealingKey({ id, suite, seed }) {
  return { id, suite, privateKey: await hpke(suite).kem.importKey("raw", copy(checked(seed)), false) };
}

/** Overwrites an imported key; it opens nothing afterwards. @param {SealingKey} key */
export function forgetSealingKey(key) {
  key.privateKey.key?.fill(0);
}

/** @param {SealingPublic} recipient @returns {Promise<Envelope>} */
export async function seal(recipient, plaintext, info) {
  const { publicSize } = suiteSizes(recipient.suite);
  const size = recipient.public.length;
  require("sealing key", "$.public", size === publicSize, `${publicSize} bytes`, `${size} bytes`);
  const suite = hpke(recipient.suite);
  const recipientPublicKey = await suite.kem.importKey("raw", copy(recipient.public), true);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info: copy(info) }, copy(plaintext));
  return { suite: recipient.suite, key: recipient.id, enc: b64uEncode(new Uint8Array(enc)), ct: b64uEncode(new Uint8Array(ct)) };
}

/** What the envelope holds. Throws CannotOpen for another key, another context or changed bytes. @param {SealingKey} key */
export async function openEnvelope(key, envelope, info) {
  parseEnvelope(envelope);
  if (envelope.suite !== key.suite || envelope.key !== key.id) throw new CannotOpen("it is sealed to another key");
  const params = { recipientKey: key.privateKey, enc: copy(b64uDecode(envelope.enc)), info: copy(info) };
  try {
    return new Uint8Array(await hpke(key.suite).open(params, copy(b64uDecode(envelope.ct))));
  } catch {
    throw new CannotOpen();
  }
}

/** The same value, checked: exact fields, known suite, right sizes. @returns {Envelope} */
export function parseEnvelope(value) {
  checkFields("envelope", "$", value, { suite: is.text(64), key: is.text(128), enc: is.bytes(), ct: is.bytes() });
  keyBytes("envelope", "$.enc", value.enc, suiteSizes(value.suite).encSize);
  const size = keyBytes("envelope", "$.ct", value.ct).length;
  require("envelope", "$.ct", size >= 16 && size <= MAX_SEALED, `16 to ${MAX_SEALED} bytes`, `${size} bytes`);
  return value;
}

function checked(seed) {
  require("sealing key", "$.seed", seed.length === SEED_SIZE, "32 bytes", `${seed.length} bytes`);
  return seed;
}

function copy(bytes) {
  return bytes.slice().buffer;
}
