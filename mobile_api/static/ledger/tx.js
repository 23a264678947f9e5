// Transactions: building, signing and reading the wire form: mirror of ledger/types/tx.py.
//
// A page can make only bodies that have exactly their type's fields. Everything else is for the validators
// to judge, and their verdict is what counts.
import { sha256, concat, utf8 } from "./bytes.js";
import { b64uDecode, b64uEncode, CanonicalError, jcs, parseCanonical } from "./canonical.js";

const MAX_TX_BYTES = 65_536;
export const ACCESS_KEY_ID = "#access";
const SIGNING_DOMAIN = utf8("salus/tx/v1\0");
const COMMON = ["ledger", "type", "version", "author", "nonce", "issued_at", "not_after"];
const OWN = {
  DidRegistered: ["did", "keyset", "custody"],
  DidRotated: ["did", "seq", "keyset", "custody"],
  OrganisationRegistered: ["did", "keyset", "kind", "name", "region"],
  ClinicianRegistered: ["credential", "role", "valid_until"],
  ClinicianRevoked: ["credential"],
  RecordAnchored: ["anchor", "subject", "manifest", "root", "codec", "commitment"],
  RecordAcknowledged: ["subject", "anchors"],
  RecordAudited: ["anchor", "outcome", "evidence"],
  ConsentGranted: [
    ...["consent", "subject", "artefact", "handles_root", "handles", "requester", "organisation", "access_key"],
    ...["valid_from", "valid_until", "max_opens", "erase_at", "custody"],
  ],
  ConsentRevoked: ["consent", "subject"],
  AccessOpened: ["consent", "handles", "indices", "path", "wraps"],
  CandidacyRenewed: ["public", "epoch"],
  GovernanceProposed: ["proposal", "change"],
  GovernanceVoted: ["proposal", "approve"],
  CheckpointRequested: [],
};

/**
 * @typedef {{ledger: string, type: string, version: 1, author: string, nonce: string, issued_at: number,
 *   not_after: number, [own: string]: unknown}} Body
 * @typedef {CryptoKey | {sign: (message: Uint8Array) => Promise<Uint8Array>}} Signer an Ed25519 private key
 */

/** A fresh id or nonce: 16 random bytes as b64u. @returns {string} */
export const freshId = () => b64uEncode(crypto.getRandomValues(new Uint8Array(16)));

/**
 * A body with its common fields. Times are milliseconds; the nonce is fresh unless given.
 * @param {string} type @param {{ledger: string, author: string, issuedAt: number, lifeMs: number, nonce?: string}} common
 * @param {Record<string, unknown>} own the type's own fields, all of them @returns {Body}
 */
export function makeBody(type, { ledger, author, issuedAt, lifeMs, nonce = freshId() }, own) {
  const window = { issued_at: issuedAt, not_after: issuedAt + lifeMs };
  const body = { ...own, ledger, type, version: 1, author, nonce, ...window };
  checkFields(body);
  return body;
}

/** "salus/tx/v1" ‖ 0x00 ‖ JCS(body). @param {Body} body @returns {Uint8Array} */
export const signedBytes = (body) => concat(SIGNING_DOMAIN, jcs(body));

/** Wire bytes of `body` signed by the DID's key `keyId`. @param {Body} body @param {string} keyId @param {Signer} signer */
export async function signTx(body, keyId, signer) {
  checkFields(body);
  const message = signedBytes(body);
  const signature =
    signer instanceof CryptoKey ? await crypto.subtle.sign("Ed25519", signer, message) : await signer.sign(message);
  const entry = { key: keyId, signature: b64uEncode(new Uint8Array(signature)) };
  return jcs({ body, signatures: [entry] });
}

/** SHA-256 of the wire bytes. @param {Uint8Array} wire @returns {Promise<Uint8Array>} */
export const txHash = (wire) => sha256(wire);

/**
 * The transaction that wire bytes spell; a CanonicalError for any other spelling or shape.
 * @param {Uint8Array} wire @returns {{body: Body, keyId: string, signature: Uint8Array}}
 */
export function decodeTx(wire) {
  if (wire.length > MAX_TX_BYTES) throw new CanonicalError(`${wire.length} bytes; at most ${MAX_TX_BYTES}`);
  const document = parseCanonical(wire);
  const signatures = document?.signatures;
  if (Object.keys(document ?? {}).join() !== "body,signatures" || signatures.length !== 1) {
    throw new CanonicalError("a transaction is a body and exactly one signature");
  }
  checkFields(document.body);
  return { body: document.body, keyId: signatures[0].key, signature: b64uDecode(signatures[0].signature, 64) };
}

function checkFields(body) {
  const own = OWN[Object.hasOwn(OWN, body?.type) ? body.type : ""];
  if (!own) throw new CanonicalError("unknown transaction type");
  const expected = [...COMMON, ...own].sort().join();
  const actual = Object.keys(body).sort().join();
  if (actual !== expected) throw new CanonicalError(`${body.type} has the fields ${expected}; got ${actual}`);
}
