/**
 * Proofs checked on this device: a transaction counts when more than two thirds of the validators that this browser
 * has come to trust signed its block. The first set it sees is kept; another one later is refused, not adopted.
 */
import { toHex } from "../ledger/bytes.js";
import { validatorsHash, verifyBundle } from "../ledger/light.js";
import { config } from "./config.js";
import { note } from "./dom.js";
import { getJson } from "./http.js";
import { gettext, interpolate, moment } from "./i18n.js";

class TrustChanged extends Error {
  constructor() {
    super(gettext("The ledger's validators are not those that this device knows."));
    this.code = "trust-changed";
    this.next = gettext("Do not approve anything. Ask your hospital whether the validators were changed.");
  }
}

let known = null;
/** {chain_id, validators_hash} that this device trusts. @throws {TrustChanged} */
async function trusted() {
  if (known) return known;
  if (!config.trust) throw Object.assign(new Error(gettext("The ledger is not set up yet.")), { code: "no-ledger", next: gettext("Try again shortly.") });
  const told = { chain_id: config.trust.chain_id, validators_hash: toHex(await validatorsHash(config.trust.validators)) };
  const slot = `salus.trust.${told.chain_id}`;
  const kept = localStorage.getItem(slot);
  if (kept !== null && kept !== told.validators_hash) throw new TrustChanged();
  localStorage.setItem(slot, told.validators_hash);
  return (known = told);
}

/** The bundle's block and body, verified. @returns {Promise<{body: object, height: number, time: number, signed: number, total: number}>} */
export const verified = async (bundle) => verifyBundle(bundle, await trusted());

/** Fetches and verifies the proof of a transaction. @param {string} txHash */
export async function verifiedTransaction(txHash) {
  const found = await verified(await getJson(`/api/proofs/${txHash}`));
  if (found.txHash.toUpperCase() !== txHash.toUpperCase()) throw new Error("another transaction was proven");
  return found;
}

/** "4 of 4 hospitals signed block 12", from what this device verified. */
export const signedBy = (block) =>
  interpolate(gettext("%(signed)s of %(total)s hospitals signed block %(height)s."), block);

/** A note that says what the proof of a transaction showed. */
export async function proofNote(txHash) {
  const block = await verifiedTransaction(txHash);
  return note("ok", signedBy(block), interpolate(gettext("Checked on this device; written %(time)s."), { time: moment(block.time) }));
}
