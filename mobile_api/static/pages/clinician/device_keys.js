/**
 * The clinician's keys on this device: one identity (a did:key) with a sealing key, and one fresh access key for each
 * request. None can be read out; requests that ended take their access key with them.
 */
import { b64uDecode, b64uEncode, jcs } from "../../ledger/canonical.js";
import { freshId } from "../../ledger/tx.js";
import { didKey } from "../../wallet/didkey.js";
import { HYBRID } from "../../wallet/envelope.js";
import { openKeystore } from "../../wallet/keystore.js";
import { signRequest } from "../../wallet/request.js";
import { config } from "../config.js";
import { getJson } from "../http.js";
import { gettext } from "../i18n.js";

const SEAL_KEY = "#seal-1";
const LIFE_MS = 15 * 60_000;
const DEVICE_DOMAIN = new TextEncoder().encode("salus/device/v1\0");
const slot = `clinician/${config.person}`;
const accessSlot = (requestId) => `${slot}/access/${requestId}`;

let opened = null;
const keystore = () => (opened ??= openKeystore());

/** This device's did:key and public sealing key, made when they are not there. */
async function identity() {
  const store = await keystore();
  const known = (await store.slots("signing")).includes(slot);
  const publicKey = known ? (await store.signer(slot)).public : await store.createSigningKey(slot);
  const sealed = (await store.slots("sealing")).includes(slot);
  const sealing = sealed ? await store.sealingPublic(slot) : await store.createSealingKey(slot, { id: SEAL_KEY, suite: HYBRID });
  return { did: didKey(publicKey), seal_key: { suite: sealing.suite, public: b64uEncode(sealing.public), id: sealing.id } };
}

/** What the wallet needs to register this device. @param {{challenge: string, person_id: string}} challenge */
export async function proofOfPossession({ challenge, person_id }) {
  const { did, seal_key } = await identity();
  const signer = await (await keystore()).signer(slot);
  const document = jcs({ challenge, did, person: person_id, seal_key });
  const message = new Uint8Array([...DEVICE_DOMAIN, ...document]);
  return { did, seal_key, challenge, signature: b64uEncode(await signer.sign(message)) };
}

/** The wallet's entry for this very device, or null. Looking makes no keys. */
export async function thisDevice() {
  const store = await keystore();
  if (!(await store.slots("signing")).includes(slot)) return null;
  const did = didKey((await store.signer(slot)).public);
  return (await getJson("/api/clinician/devices")).find((device) => device.did === did) ?? null;
}

/** Refuses a device that cannot ask. */
async function registeredDevice() {
  const device = await thisDevice();
  if (device?.state === "registered") return device;
  throw Object.assign(new Error(gettext("This browser is not your registered device.")), {
    next: gettext("Register it first: reload this page."),
  });
}

/** The claims of the credential that the hospital issued: what a request has to say, word for word. */
function subjectOf(jwt) {
  const claims = JSON.parse(new TextDecoder().decode(b64uDecode(jwt.split(".")[1])));
  return claims.vc.credentialSubject;
}

/** A signed request to the patient: {document, signature}, ready to be sent. */
export async function signedRequest(patient, asked, now = Date.now()) {
  const device = await registeredDevice();
  const id = freshId();
  const store = await keystore();
  const access = await store.createSigningKey(accessSlot(id));
  const { name, role, organisation } = subjectOf(device.credential);
  const request = {
    version: 1, ledger: config.ledger, id, patient,
    requester: { did: device.did, organisation, credential: device.credential, name, role },
    purpose: asked.purpose, reason: asked.reason, types: asked.types, dates: asked.dates, mode: "view",
    duration_s: asked.duration_s, access_key: b64uEncode(access), seal_key: device.seal_key,
    created_at: now, expires_at: now + LIFE_MS, nonce: freshId(),
  };
  const signature = b64uEncode(await signRequest(request, await store.signer(slot)));
  return { document: new TextDecoder().decode(jcs(request)), signature };
}

/** The signer of a request's own access key. */
export const accessSigner = async (requestId) => (await keystore()).signer(accessSlot(requestId));

/** Whether this device holds the access key of that request. */
export const canOpen = async (requestId) => (await (await keystore()).slots("signing")).includes(accessSlot(requestId));

/** Runs `use(key)` with this device's sealing key. */
export const withSealingKey = async (use) => (await keystore()).withSealingKey(slot, use);

/** Destroys the access key of a request that is over. */
export const forgetRequest = async (requestId) => (await keystore()).remove(accessSlot(requestId));
