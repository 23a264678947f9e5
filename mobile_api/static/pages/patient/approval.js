/**
 * Making a consent on this phone. Everything but the signature is prepared while the patient reads, for exactly the
 * text that is on the screen; the tap signs and sends.
 */
import { b64uDecode } from "../../ledger/canonical.js";
import { freshId } from "../../ledger/tx.js";
import { artefactCommitment, organisationCommitment, requesterCommitment, withText } from "../../wallet/consent.js";
import { buildGrant, grantHandlesRoot } from "../../wallet/grant.js";
import { credentialHash, requestHash } from "../../wallet/request.js";
import { checkNarrowing, checkRecords } from "../../wallet/narrow.js";
import { config } from "../config.js";
import { bodyOf } from "../tx.js";
import { registration, signFor } from "./keys.js";
import { facts } from "./choice.js";

/** The artefact for a choice, with its text: what would be signed. */
export async function draft(detail, picked, subject, names, now) {
  const { document } = detail.request;
  const { did, organisation, credential, name, role } = document.requester;
  const valid_until = now + picked.scope.duration_s * 1000;
  const artefact = {
    version: 1, ledger: document.ledger, id: freshId(), subject,
    requester: { did, organisation, credential: await credentialHash(credential), name, role },
    purpose: document.purpose, types: picked.scope.types,
    records: picked.records.map((record) => record.record_id).toSorted(),
    dates: picked.scope.dates, mode: picked.scope.mode,
    valid_from: now, valid_until, erase_at: valid_until, max_opens: 0,
    confidentiality: picked.confidentiality, delegate: null, locale: config.locale,
    text: "", request: await requestHash(document), nonce: freshId(),
  };
  return withText(artefact, names);
}

/** Everything of the approval but the signature: grant pack and commitments. @param {Map<string, Uint8Array>} dataKeys */
export async function prepare(detail, picked, artefact, dataKeys) {
  const { document } = detail.request;
  await checkNarrowing(document, artefact);
  checkRecords(artefact, detail.records.map(({ record }) => facts(record)));
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const keys = picked.records.map(({ record_id, epoch }) => ({ record: record_id, epoch, key: dataKeys.get(record_id) }));
  const grantee = { id: document.seal_key.id, suite: document.seal_key.suite, public: b64uDecode(document.seal_key.public) };
  const [pack, commitment, requester, organisation, root] = await Promise.all([
    buildGrant(artefact, keys, grantee, salt), artefactCommitment(salt, artefact),
    requesterCommitment(salt, artefact.requester.did), organisationCommitment(salt, artefact.requester.organisation),
    grantHandlesRoot(salt, artefact.records),
  ]);
  const fields = {
    consent: artefact.id, subject: artefact.subject, artefact: commitment, handles_root: root,
    handles: artefact.records.length, requester, organisation, access_key: document.access_key,
    valid_from: artefact.valid_from, valid_until: artefact.valid_until, max_opens: artefact.max_opens,
    erase_at: artefact.erase_at, custody: "self",
  };
  return { pack, fields };
}

/** Signs what was prepared: {wires, pack}, ready to be sent. `register`: the DID is not registered yet. */
export async function signed(organisationId, prepared, { register, now }) {
  const { fields, pack } = prepared;
  const grant = await signFor(organisationId, bodyOf("ConsentGranted", { author: fields.subject, now }, fields));
  const first = register ? [(await registration(organisationId, now)).wire] : [];
  return { wires: [...first, grant], pack };
}
