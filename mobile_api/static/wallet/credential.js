// A clinician's credential (VC 1.1 JWT), checked on the patient's own device. Mirrors wallet/core/credential.py.
// Whether the ledger has registered or revoked it is shown by a ledger proof, not here.
import { b64uDecode, equalBytes, utf8, verifyEd25519 } from "./_ledger.js";
import { ed25519Of } from "./didkey.js";
import { CredentialRefused } from "./errors.js";

const CONTEXT = "https://www.w3.org/2018/credentials/v1";
const LONGEST = 8192;

/**
 * The credential in `jwt`, if it holds for clinician `subject` of hospital `organisation` at `now` (ms).
 * @param {string} jwt
 * @param {{subject: string, organisation: string, issuerKeys: Uint8Array[], now: number}} expected
 *   `issuerKeys`: the raw Ed25519 keys of the hospital's ledger DID, from its proof.
 * @returns {Promise<{issuer, subject, name, role, organisation, valid_from: number, valid_until: number}>}
 * @throws {CredentialRefused} with a `reason`
 */
export async function verifyCredential(jwt, { subject, organisation, issuerKeys, now }) {
  const { header, claims, signature, signed } = split(jwt);
  refuseUnless(header.alg === "EdDSA" && !("crit" in header), "wrong_algorithm", "EdDSA is required");
  const key = issuerKey(claims.iss);
  refuseUnless(issuerKeys.some((known) => equalBytes(known, key)), "wrong_issuer", "the issuer's key is not one of the hospital's");
  refuseUnless(await verifyEd25519(key, signed, signature), "forged", "the signature does not verify");
  const credential = read(claims);
  refuseUnless(credential.subject === subject, "wrong_subject", "it was issued to another DID");
  refuseUnless(credential.organisation === organisation, "wrong_organisation", "it names another hospital");
  refuseUnless(credential.valid_from <= now, "not_yet_valid", "check this device's clock, or ask again later");
  refuseUnless(now < credential.valid_until, "expired", "the clinician must have it renewed");
  return credential;
}

function split(jwt) {
  const parts = typeof jwt === "string" && jwt.length <= LONGEST ? jwt.split(".") : [];
  refuseUnless(parts.length === 3, "malformed", "not a compact JWT");
  let header, claims, signature;
  try {
    [header, claims] = [objectOf(parts[0]), objectOf(parts[1])];
    signature = b64uDecode(parts[2]);
  } catch {
    refuseUnless(false, "malformed", "not a compact JWT of JSON objects");
  }
  refuseUnless(signature.length === 64, "malformed", "not an Ed25519 signature");
  return { header, claims, signature, signed: utf8(`${parts[0]}.${parts[1]}`) };
}

function objectOf(part) {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(b64uDecode(part));
  const value = JSON.parse(text);
  if (value === null || typeof value !== "object" || Array.isArray(value) || repeatsMember(text)) throw new TypeError();
  return value;
}

// JSON.parse keeps the last of two members with one name; another reader might keep the first, so refuse both.
function repeatsMember(text) {
  const open = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token.endsWith(":")) {
      const name = JSON.parse(token.slice(0, -1));
      if (open.at(-1).has(name)) return true;
      open.at(-1).add(name);
    }
  }
  return false;
}

function issuerKey(issuer) {
  try {
    return ed25519Of(issuer);
  } catch {
    throw new CredentialRefused("wrong_issuer", "the issuer is not an Ed25519 did:key");
  }
}

function read(claims) {
  const { vc } = claims;
  const person = vc?.credentialSubject;
  refuseUnless(person !== null && typeof person === "object", "malformed", "no vc.credentialSubject");
  const good = Array.isArray(vc.type) && vc.type.includes("VerifiableCredential");
  const context = Array.isArray(vc["@context"]) && vc["@context"][0] === CONTEXT;
  refuseUnless(good && context, "malformed", "not a Verifiable Credential 1.1");
  for (const member of ["id", "name", "role", "organisation"]) {
    refuseUnless(typeof person[member] === "string", "malformed", `credentialSubject.${member} is no text`);
  }
  refuseUnless(claims.sub === person.id, "wrong_subject", "sub and credentialSubject.id differ");
  const { id, name, role, organisation } = person;
  const [valid_from, valid_until] = [milliseconds(claims.nbf), milliseconds(claims.exp)];
  return { issuer: claims.iss, subject: id, name, role, organisation, valid_from, valid_until };
}

function milliseconds(seconds) {
  const good = typeof seconds === "number" && seconds >= 0 && seconds < 2 ** 43;
  refuseUnless(good, "malformed", "nbf and exp must be seconds since 1970");
  return Math.trunc(seconds * 1000);
}

function refuseUnless(condition, reason, detail) {
  if (!condition) throw new CredentialRefused(reason, detail);
}
