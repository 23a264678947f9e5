// A request for access (docs/formats.md section 4). Mirrors wallet/core/request.py.
import { b64uEncode, concat, jcs, taggedHash, utf8, verifyEd25519 } from "./_ledger.js";
import { checkFields, is, require } from "./documents.js";
import { suiteSizes } from "./envelope.js";
import { Forged } from "./errors.js";

export const PURPOSES = ["TREAT", "ETREAT", "CAREMGT", "HPAYMT", "COVERAGE", "HOPERAT", "HRESCH", "PUBHLTH", "PATRQT"];
const MAX_LIFE_MS = 7 * 24 * 3600 * 1000;
const MAX_DURATION_S = 5 * 366 * 24 * 3600;
const LAST = Number.MAX_SAFE_INTEGER;
const JWT = /^[A-Za-z0-9_-]{1,8192}\.[A-Za-z0-9_-]{1,8192}\.[A-Za-z0-9_-]{86}$/;
const PREFIX = utf8("salus/request/v1\0");

/** Checks shared with the artefact. */
export const TYPES = is.list(is.matching(/^[A-Za-z][A-Za-z0-9./_-]{0,63}$/, "a record type"), 64);
export const DATES = (document, place, value) => {
  checkFields(document, place, value, { from: is.day, to: is.day });
  const ordered = value.from === null || value.to === null || value.from <= value.to;
  require(document, place, ordered, "from no later than to", "from after to");
};

const REQUESTER = {
  did: is.did(),
  organisation: is.did("salus"),
  credential: (document, place, value) => require(document, place, typeof value === "string", "text", typeof value),
  name: is.text(120),
  role: is.text(64),
};
const SEAL_KEY = (document, place, value) => {
  checkFields(document, place, value, {
    suite: is.text(64),
    public: is.bytes(),
    id: is.matching(/^#[a-z0-9-]{1,32}$/, "a key id such as #seal-1"),
  });
  is.bytes(suiteSizes(value.suite).publicSize)(document, `${place}.public`, value.public);
};
const FIELDS = {
  version: is.oneOf(1),
  ledger: is.text(50),
  id: is.id,
  patient: is.matching(/^[0-9A-HJKMNP-TV-Z]{4}-?[0-9A-HJKMNP-TV-Z]{4}$/, "a patient code XXXX-XXXX"),
  requester: is.object(REQUESTER),
  purpose: is.oneOf(...PURPOSES),
  reason: is.text(500, { empty: true }),
  types: TYPES,
  dates: DATES,
  mode: is.oneOf("view", "store"),
  duration_s: is.int(1, MAX_DURATION_S),
  access_key: is.bytes(32),
  seal_key: SEAL_KEY,
  created_at: is.int(0, LAST),
  expires_at: is.int(0, LAST),
  nonce: is.id,
};

/** The same request, checked. @throws {Malformed | UnknownSuite} */
export function parseRequest(value) {
  checkFields("request", "$", value, FIELDS);
  const { did, organisation, credential } = value.requester;
  if (did.startsWith("did:key:")) {
    require("request", "$.requester.credential", JWT.test(credential), "a clinician's VC-JWT", "another form");
  } else {
    require("request", "$.requester.credential", credential === "", "none for an organisation", "a credential");
    require("request", "$.requester.did", did === organisation, "the organisation's own DID", "another DID");
  }
  const life = value.expires_at - value.created_at;
  require("request", "$.expires_at", life > 0 && life <= MAX_LIFE_MS, "1 ms to 7 days after created_at", `${life} ms`);
  return value;
}

/** What the requester's key signs: "salus/request/v1" ‖ 0x00 ‖ JCS(request). */
function requestSignBytes(request) {
  return concat(PREFIX, jcs(request));
}

/** Signs a request with the requester's key; resolves to the 64 bytes. @param {import("./signer.js").Signer} signer */
export function signRequest(request, signer) {
  return signer.sign(requestSignBytes(parseRequest(request)));
}

/** Throws Forged unless the 64-byte `signature` verifies under the requester's Ed25519 key. */
export async function verifyRequest(request, signature, publicKey) {
  if (!(await verifyEd25519(publicKey, requestSignBytes(request), signature))) {
    throw new Forged("the request is not signed by its requester's key: refuse it");
  }
}

/** `H("salus/request/v1", JCS(request))` as b64u. */
export async function requestHash(request) {
  return b64uEncode(await taggedHash("salus/request/v1", jcs(request)));
}

/** `b64u(H("salus/credential/v1", JWT bytes))`; "" for no credential. */
export async function credentialHash(jwt) {
  return jwt ? b64uEncode(await taggedHash("salus/credential/v1", utf8(jwt))) : "";
}
