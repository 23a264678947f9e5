/**
 * Who is asking? Checked on this phone, from the ledger's signatures up; the server's word is not taken.
 * Each check says what it showed; one that fails is named, and nothing can be approved.
 */
import { b64uDecode } from "../../ledger/canonical.js";
import { verifyCredential } from "../../wallet/credential.js";
import { ed25519Of } from "../../wallet/didkey.js";
import { credentialHash, parseRequest, verifyRequest } from "../../wallet/request.js";
import { gettext, interpolate } from "../i18n.js";
import { verified } from "../proof.js";

class NotVerified extends Error {
  constructor(message) {
    super(message);
    this.code = "not-verified";
    this.next = gettext("Do not approve. Refuse, and tell the hospital.");
  }
}

function must(condition, message) {
  if (!condition) throw new NotVerified(message);
}

/** The organisation as the ledger registered it: {name, keys: Uint8Array[], signed, total, height}. */
async function organisation(detail) {
  const bundle = await verified(detail.organisation_proof).catch((error) => {
    console.warn(error);
    throw new NotVerified(gettext("The hospital's registration on the ledger does not verify."));
  });
  const { body } = bundle;
  const { document, organisation: told } = detail.request;
  // The name on the screen is the ledger's, and an organisation that asks for itself bears it, too.
  const named = told.name === body.name && (document.requester.credential !== "" || document.requester.name === body.name);
  must(body.type === "OrganisationRegistered" && body.did === document.requester.organisation && named,
    gettext("The ledger's registration is of another organisation."));
  return { ...bundle, name: body.name, keys: body.keyset.keys.map((key) => b64uDecode(key.public)) };
}

async function credential(detail, registered, now) {
  const { requester } = detail.request.document;
  const held = await verifyCredential(requester.credential, {
    subject: requester.did, organisation: requester.organisation, issuerKeys: registered.keys, now,
  }).catch((error) => {
    console.warn(error.code, error.reason);
    throw new NotVerified(gettext("The hospital's credential for this person does not verify."));
  });
  must(held.name === requester.name && held.role === requester.role, gettext("The request names another person than the credential."));
  const hash = await credentialHash(requester.credential);
  const { body } = await verified(detail.clinician_proof).catch(() => {
    throw new NotVerified(gettext("The ledger does not show this credential."));
  });
  must(body.type === "ClinicianRegistered" && body.author === requester.organisation && body.credential === hash && body.valid_until > now,
    gettext("The ledger does not show this credential."));
}

/** Signed by the requester's own key; an organisation's by a key of its ledger DID. */
async function signature(detail, registered) {
  const { document } = detail.request;
  const signed = b64uDecode(detail.signature);
  const keys = document.requester.credential ? [ed25519Of(document.requester.did)] : registered.keys;
  for (const key of keys) {
    try {
      return await verifyRequest(document, signed, key);
    } catch { /* another key of the set may fit */ }
  }
  throw new NotVerified(gettext("The request is not signed by the one who it says is asking."));
}

/** Checks the whole request; resolves to {organisation, lines: string[]}. @throws {NotVerified} */
export async function checkRequester(detail, code, now) {
  const { document } = detail.request;
  try {
    parseRequest(document);
  } catch {
    throw new NotVerified(gettext("The request breaks its format."));
  }
  must(document.patient.replace("-", "") === code.replace("-", ""), gettext("The request is for another patient."));
  must(document.ledger === detail.ledger, gettext("The request is for another ledger."));
  const registered = await organisation(detail);
  const lines = [interpolate(gettext("%(name)s is registered on the ledger (%(signed)s of %(total)s hospitals signed)."), registered)];
  if (document.requester.credential) {
    await credential(detail, registered, now);
    lines.push(interpolate(gettext("%(name)s holds the hospital's valid credential."), { name: document.requester.name }));
  }
  await signature(detail, registered);
  lines.push(gettext("The request is signed and was not changed on its way."));
  return { organisation: registered, lines };
}
