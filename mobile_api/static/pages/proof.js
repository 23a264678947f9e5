/**
 * Proofs checked on this device: a transaction counts when more than two thirds of the validators of its block signed
 * it, and that block follows from what this device trusts (trust.js).
 */
import { verifyBundle } from "../ledger/light.js";
import { verifyConsent } from "../ledger/light_consent.js";
import { note } from "./dom.js";
import { getJson, postJson } from "./http.js";
import { duration, gettext, interpolate, moment } from "./i18n.js";
import { ledger } from "./trust.js";

const CLOCK_DRIFT_MS = 10 * 60_000;

/** The bundle's block and body, verified. @returns {Promise<{body: object, height: number, time: number, signed: number, total: number}>} */
export const verified = async (bundle) => verifyBundle(bundle, await ledger());

/** Fetches and verifies the proof of a transaction. @param {string} txHash */
export async function verifiedTransaction(txHash) {
  const found = await verified(await getJson(`/api/proofs/${txHash}`));
  if (found.txHash.toUpperCase() !== txHash.toUpperCase()) throw new Error("another transaction was proven");
  return found;
}

/** "4 of 4 hospitals signed block 12", from what this device verified. */
export const signedBy = (block) =>
  interpolate(gettext("%(signed)s of %(total)s hospitals signed block %(height)s."), block);

/** What cannot be verified, as an error that a page can show; the details go to the console. @param {Error} error */
export function inWords(error) {
  if (typeof error.next === "string") return error;
  console.warn(error);
  const [message, next] = error.name === "AttackDetected"
    ? [gettext("The hospitals' ledger shows two histories."), gettext("Do not approve anything. Tell your hospital.")]
    : [gettext("This could not be verified on this device."), gettext("Try again shortly. If it stays, tell your hospital.")];
  return Object.assign(new Error(message), { code: "unproven", next });
}

/** A note that says what the proof of a transaction showed. */
export async function proofNote(txHash) {
  const block = await verifiedTransaction(txHash);
  return note("ok", signedBy(block), interpolate(gettext("Checked on this device; written %(time)s."), { time: moment(block.time) }));
}

/** What is proven of a consent: granted at one block, its standing at another. @param {string} consent @param {string} txHash of its grant */
export async function consentKnowledge(consent, txHash) {
  const [granted, latest] = await Promise.all([getJson(`/api/proofs/${txHash}`), getJson(`/api/ledger/consents/${consent}`)]);
  return verifyConsent(consent, granted, latest, await ledger(), Date.now(), CLOCK_DRIFT_MS);
}

/** A note that says whether a permission stood, when last looked at. */
export async function consentNote(consent, txHash) {
  const known = await consentKnowledge(consent, txHash);
  const said = { granted: known.grantedHeight, known: known.knownHeight, age: duration(known.ageMs) };
  const title = known.standing === "granted"
    ? gettext("Given in block %(granted)s, not stopped as of block %(known)s.")
    : gettext("Given in block %(granted)s, stopped as of block %(known)s.");
  return note(known.standing === "granted" ? "ok" : "warn", interpolate(title, said),
    interpolate(gettext("Checked on this device; this knowledge is %(age)s old."), said));
}

/** The newest block, verified here. @returns {Promise<{height: number, time: number, signed: number, total: number}>} */
export const newestBlock = async () => (await ledger()).latest();

/** Has a fresh block made and verifies it here. @returns {Promise<{height: number, time: number, signed: number, total: number}>} */
export async function freshBlock() {
  const { height } = await postJson("/api/ledger/checkpoint", {});
  const block = await newestBlock();
  if (block.height < height) throw Object.assign(new Error(gettext("The hospitals have not shown the fresh block yet.")), {
    code: "not-yet", next: gettext("Try again in a moment.") });
  return block;
}
