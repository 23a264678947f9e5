/**
 * The patient's keys on this phone: one signing and one sealing key per organisation, none shared, so that no two
 * organisations can join their pseudonyms. Slots of the key store are named after the organisation; the recovery
 * key that `next` commits to has a slot of its own.
 */
import { didOf, makeKeySet } from "../../ledger/did.js";
import { HYBRID, openEnvelope, recordKeyInfo } from "../../wallet/envelope.js";
import { openKeystore, requestPersistence } from "../../wallet/keystore.js";
import { config } from "../config.js";
import { getJson } from "../http.js";
import { gettext } from "../i18n.js";
import { bodyOf, signedWire } from "../tx.js";

export { requestPersistence };

const DEVICE_KEY = "#device-1";
const SEAL_KEY = "#seal-1";
/** Records that one transaction acknowledges. */
const ACKNOWLEDGED_AT_ONCE = 500;
const slotOf = (organisationId) => `patient/${config.person}/${organisationId}`;

let opened = null;
/** The key store of this browser, opened once. */
const keystore = () => (opened ??= openKeystore());

/** A key of that kind in `slot`: the one that is there, else a new one. Setting up again never replaces a key. */
async function signingKey(store, slot) {
  if ((await store.slots("signing")).includes(slot)) return (await store.signer(slot)).public;
  return store.createSigningKey(slot);
}
async function sealingKey(store, slot) {
  if ((await store.slots("sealing")).includes(slot)) return store.sealingPublic(slot);
  return store.createSealingKey(slot, { id: SEAL_KEY, suite: HYBRID });
}

/** The first key set of the DID with that organisation; its keys are made when they are not there. */
export async function keySet(organisationId) {
  const store = await keystore();
  const slot = slotOf(organisationId);
  const [device, sealing, recovery] = [
    await signingKey(store, slot), await sealingKey(store, slot), await signingKey(store, `${slot}/recovery`)];
  return makeKeySet([{ id: DEVICE_KEY, public: device }], [{ ...sealing, epoch: 1 }], recovery);
}

/** Signs `body` with this phone's key for that organisation; returns the wire text. */
export async function signFor(organisationId, body) {
  return signedWire(body, DEVICE_KEY, await (await keystore()).signer(slotOf(organisationId)));
}

/** Up to an hour back: what several DIDs sign together must not bear one time by which anyone could join them. */
const sometimeBefore = (now) => now - crypto.getRandomValues(new Uint32Array(1))[0] % 3_600_000;

/** A signed `DidRegistered` for one organisation: {did, wire}. */
export async function registration(organisationId, now = Date.now()) {
  const keyset = await keySet(organisationId);
  const did = await didOf(keyset);
  const body = bodyOf("DidRegistered", { author: did, now: sometimeBefore(now) }, { did, keyset, custody: "self" });
  return { did, wire: await signFor(organisationId, body) };
}

/** Registrations for all organisations that have none yet. `progress(done, all)` after each. */
export async function makeRegistrations(organisations, progress) {
  const missing = organisations.filter(({ state }) => state === "none" || state === "rejected");
  const made = [];
  for (const { id } of missing) {
    made.push({ organisation_id: id, wire: (await registration(id)).wire });
    progress(made.length, missing.length);
  }
  return made;
}

/** What is wrong with the keys on this phone, in words; null when all is well. */
export async function missingKeys() {
  const profile = await getJson("/api/patient/profile");
  const here = new Set(await (await keystore()).slots("signing"));
  const lacking = profile.organisations.filter((o) => o.did && !here.has(slotOf(o.organisation.organisation_id)));
  if (!lacking.length) return null;
  return {
    title: gettext("The keys to your record are not on this phone."),
    next: gettext("You can see requests here, but only the phone that holds the keys can answer them."),
  };
}

let byDid = null;
/** Which organisation a pairwise DID of this patient belongs to. */
async function organisationOf(did) {
  const find = (profile) => profile.organisations.find((o) => o.did === did)?.organisation.organisation_id;
  byDid ??= await getJson("/api/patient/profile");
  return find(byDid) ?? find(byDid = await getJson("/api/patient/profile"));
}

/** A signed `ConsentRevoked` for one consent. @param {{id: string, subject: string}} consent */
export async function signRevocation({ id, subject }) {
  const body = bodyOf("ConsentRevoked", { author: subject, now: Date.now() }, { consent: id, subject });
  return signFor(await organisationOf(subject), body);
}

/** Signed `RecordAcknowledged`s for the anchors of one source. @param {string} subject @param {string[]} anchors */
export async function signAcknowledgements(subject, anchors) {
  const organisation = await organisationOf(subject);
  const ordered = [...anchors].sort();
  const now = sometimeBefore(Date.now());
  const wires = [];
  for (let first = 0; first < ordered.length; first += ACKNOWLEDGED_AT_ONCE) {
    const own = { subject, anchors: ordered.slice(first, first + ACKNOWLEDGED_AT_ONCE) };
    wires.push(await signFor(organisation, bodyOf("RecordAcknowledged", { author: subject, now }, own)));
  }
  return wires;
}

/**
 * Opens the envelopes of records: [{record: RecordView, recipient, envelope}] to Map(record id → 32-byte data key).
 * Each source's sealing key is imported once and overwritten afterwards..
 */
export async function openEnvelopes(offers) {
  const store = await keystore();
  const keys = new Map();
  const bySource = Map.groupBy(offers, ({ recipient }) => recipient);
  for (const [recipient, mine] of bySource) {
    const organisation = await organisationOf(recipient);
    await store.withSealingKey(slotOf(organisation), (key) => Promise.all(mine.map(async ({ record, envelope }) => {
      const info = recordKeyInfo({ record: record.record_id, epoch: record.epoch, recipient });
      keys.set(record.record_id, await openEnvelope(key, envelope, info));
    })));
  }
  return keys;
}

/** The data key of one own record. @param {{record: object, recipient: string, envelope: object}} own */
export async function openOwnKey(own) {
  return (await openEnvelopes([own])).get(own.record.record_id);
}
