/**
 * Opening granted records: the grant is checked, the act of opening is signed and committed, and only then do keys
 * come. Data keys live in this module's hands just as long as the records take to open.
 */
import { b64uDecode, b64uEncode } from "../../ledger/canonical.js";
import { handlesRoot, proofFields, proveHandles, wrapsHash } from "../../ledger/handles.js";
import { ACCESS_KEY_ID } from "../../ledger/tx.js";
import { artefactCommitment, parseArtefact } from "../../wallet/consent.js";
import { openGrantKey, orderedHandles, unwrapDataKey, wrapHashOf } from "../../wallet/grant.js";
import { requestHash } from "../../wallet/request.js";
import { getJson, postJson } from "../http.js";
import { verified, verifiedTransaction } from "../proof.js";
import { readRecord } from "../record/read.js";
import { bodyOf, signedWire } from "../tx.js";
import { accessSigner, withSealingKey } from "./device_keys.js";

const MOST_AT_ONCE = 500; // one transaction stays well under its 64 KB
const PARALLEL = 6;
const FIRST = ["Patient", "AllergyIntolerance", "Condition", "MedicationRequest", "Observation"];

const demand = (holds, what) => { if (!holds) throw new Error(`the grant does not hold: ${what}`); };

/**
 * The grant, checked against the request this device made and the consent that the ledger committed.
 * @param {object} request @param {{consent_id: string, tx_hash: string}} consent
 */
export async function checkedGrant(request, { consent_id: consentId, tx_hash: txHash }) {
  const askedAt = Date.now();
  const [grant, { body }] = await Promise.all([
    getJson(`/api/clinician/consents/${consentId}/grant`), verifiedTransaction(txHash)]);
  const { artefact } = grant;
  parseArtefact(artefact);
  const salt = b64uDecode(grant.salt, 32);
  const handles = await orderedHandles(salt, artefact.records);
  demand(artefact.request === (await requestHash(request.document)), "it answers another request");
  demand(body.type === "ConsentGranted" && body.consent === consentId && artefact.id === consentId, "another consent");
  demand(body.artefact === (await artefactCommitment(salt, artefact)), "the ledger committed to another text");
  demand(body.access_key === request.document.access_key, "it is for another access key");
  demand(body.handles_root === b64uEncode(await handlesRoot(handles.map((h) => h.handle))), "other records");
  return { ...grant, handles, askedAt };
}

/** The records in the order in which a clinician wants to see them. */
function byImportance(records) {
  const rank = ({ record }) => (FIRST.indexOf(record.type) + 1 || (record.type === "ImagingStudy" ? 99 : 50));
  return records.toSorted((a, b) => rank(a) - rank(b));
}

/** Signs `AccessOpened` for these records (in the order of ascending handles) and sends it; the answer holds the keys. */
async function release(request, grant, part) {
  const all = grant.handles.map((h) => h.handle);
  const proof = await proveHandles(all, part.map((record) => b64uDecode(record.handle, 32)));
  const body = bodyOf("AccessOpened", { author: `access:${grant.artefact.id}`, now: grant.server_time + (Date.now() - grant.askedAt) }, {
    consent: grant.artefact.id, ...proofFields(proof), wraps: await wrapsHash(part.map((record) => b64uDecode(record.wrap_hash, 32))),
  });
  const released = await postJson("/api/clinician/open", {
    wire: await signedWire(body, ACCESS_KEY_ID, await accessSigner(request.request_id)) });
  const { body: committed } = await verified(released.proof);
  demand(committed.nonce === body.nonce && committed.wraps === body.wraps, "another act of opening was committed");
  return released;
}

/** Unwraps the released data keys: Map(record id → key). Each wrap must be the one that was signed for. */
async function dataKeys(grant, released, part) {
  const signedFor = new Map(part.map((record) => [record.record.record_id, record.wrap_hash]));
  const grantKey = await withSealingKey((key) => openGrantKey(key, released.sealed, grant.artefact));
  const found = await Promise.all(released.wraps.map(async ({ record_id, epoch, wrap }) => {
    const named = { record: record_id, epoch, wrap };
    demand(b64uEncode(await wrapHashOf(named)) === signedFor.get(record_id), "another wrap than was signed for");
    return [record_id, (await unwrapDataKey(grantKey, named, grant.artefact)).key];
  }));
  return new Map(found);
}

/**
 * Opens every granted record once and hands each plaintext to `show(record, bytes)` as it comes. `onKeys()` is called
 * when the keys are here. Stops when `signal` aborts. Resolves to how many could not be read and what the server said, if
 * it refused one: {failed: number, said: Error|null}.
 */
export async function openAll(request, grant, { show, onKeys, signal }) {
  let failed = 0;
  let said = null;
  const ordered = [...grant.records].sort((a, b) => a.index - b.index);
  for (let at = 0; at < ordered.length; at += MOST_AT_ONCE) {
    const part = ordered.slice(at, at + MOST_AT_ONCE);
    const released = await release(request, grant, part);
    const keys = await dataKeys(grant, released, part);
    onKeys();
    const waiting = byImportance(part);
    const next = async () => {
      const { record } = waiting.shift();
      const dataKey = keys.get(record.record_id);
      try {
        const bytes = await readRecord({ record, token: released.token, dataKey });
        if (signal.aborted) bytes.fill(0);
        else show(record, bytes);
      } catch (error) {
        failed += 1;
        if (error.status) said = error; // the server's own words
        console.warn("a record could not be opened:", error.code ?? error.name);
      } finally {
        dataKey.fill(0);
      }
    };
    const one = async () => {
      while (waiting.length && !signal.aborted) await next();
    };
    // The most important record has the line for itself: it is on the screen before the others compete for it.
    if (!signal.aborted) await next();
    await Promise.all(Array.from({ length: PARALLEL }, one));
    keys.forEach((key) => key.fill(0));
  }
  return { failed, said };
}
