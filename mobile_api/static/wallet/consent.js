// The consent artefact: what a patient signs, and its commitments on the ledger. Mirrors wallet/core/consent.py.
import { b64uEncode, jcs, taggedHash, utf8 } from "./_ledger.js";
import { consentText } from "./consent_text.js";
import { checkFields, is, require } from "./documents.js";
import { DATES, PURPOSES, TYPES } from "./request.js";

export { consentText };

const LAST_TIME_MS = 253_370_764_800_000; // the year 9999
const MAX_RECORDS = 10_000;
const TIME = is.int(0, LAST_TIME_MS);
const GRANTEE = {
  did: is.did(),
  organisation: is.did("salus"),
  credential: (document, place, value) => require(document, place, typeof value === "string", "text", typeof value),
  name: is.text(120),
  role: is.text(64),
};
const DELEGATE = is.object({
  did: is.did(),
  name: is.text(120),
  relation: is.oneOf("parent", "guardian", "spouse", "child", "attorney"),
});
const FIELDS = {
  version: is.oneOf(1),
  ledger: is.text(50),
  id: is.id,
  subject: is.did("salus"),
  requester: is.object(GRANTEE),
  purpose: is.oneOf(...PURPOSES),
  types: TYPES,
  records: is.list(is.recordId, MAX_RECORDS),
  dates: DATES,
  mode: is.oneOf("view", "store"),
  valid_from: TIME,
  valid_until: TIME,
  erase_at: TIME,
  max_opens: is.int(0, 1_000_000),
  confidentiality: is.oneOf("N", "R", "V"),
  delegate: (document, place, value) => value === null || DELEGATE(document, place, value),
  locale: is.oneOf("en", "zh-Hans"),
  text: is.bytes(32),
  request: is.bytes(32),
  nonce: is.id,
};

/** The same artefact, checked. @throws {Malformed} */
export function parseArtefact(value) {
  checkFields("artefact", "$", value, FIELDS);
  const { did, organisation, credential } = value.requester;
  if (did.startsWith("did:key:")) is.bytes(32)("artefact", "$.requester.credential", credential);
  else {
    const itself = did === organisation && credential === "";
    require("artefact", "$.requester", itself, "an organisation as itself, without a credential", "another form");
  }
  const ascending = value.records.every((record, index, all) => index === 0 || all[index - 1] < record);
  require("artefact", "$.records", ascending, "ascending record ids", "another order");
  const ordered = value.valid_from < value.valid_until && value.valid_until <= value.erase_at;
  require("artefact", "$.valid_until", ordered, "valid_from < valid_until <= erase_at", "another order");
  return value;
}

/** The artefact with the hash of its own text, and that text, to be shown before anything is signed. */
export async function withText(artefact, names) {
  const text = consentText(artefact, names, artefact.locale);
  return { artefact: { ...artefact, text: await textHash(text) }, text };
}

/** `b64u(H("salus/shown/v1", text))`. */
async function textHash(text) {
  return b64uEncode(await taggedHash("salus/shown/v1", utf8(text)));
}

/** ConsentGranted's `artefact`, under the consent's 32-byte salt. */
export async function artefactCommitment(salt, artefact) {
  return commit("salus/consent/v1", salt, jcs(artefact));
}

/** ConsentGranted's `requester`. */
export async function requesterCommitment(salt, did) {
  return commit("salus/requester/v1", salt, utf8(did));
}

/** ConsentGranted's `organisation`. */
export async function organisationCommitment(salt, did) {
  return commit("salus/organisation/v1", salt, utf8(did));
}

async function commit(tag, salt, value) {
  require("opening", "$.salt", salt.length === 32, "32 bytes", `${salt.length} bytes`);
  return b64uEncode(await taggedHash(tag, salt, value));
}
