// A page's proofs at once: believe a transaction or a state because more than two thirds of the trusted
// validators signed the block that commits to it, and for no other reason. light_ledger.js follows changing validators.
//
// Rules (CometBFT v0.38)
// - The header is of the trusted chain; its validators hash is the trusted one, or it follows from what is trusted.
// - The validators shown hash to it; the commit is for this very header, at its height.
// - Slot i is validator i's, by address, too; one bad signature spoils the commit; nil and absent count for
//   nothing; the power that signed is more than two thirds of all (light_predicates.js).
// - The transaction lies under the header's data hash; a state under its app hash (the state after the block before).
import { fromBase64, fromHex, sha256, toHex } from "./bytes.js";
import { decodeLightBlock, viewOf, whole } from "./light_block.js";
import { demand, guarded, invalid, LightError, SUCCESS } from "./light_verdict.js";
import { verifyBlock } from "./light_verifier.js";
import { verifyInclusion } from "./merkle.js";
import { ProofError, verifyAbsence, verifyPresence } from "./state_proof.js";
import { decodeTx } from "./tx.js";

export { validatorsHash, voteSignBytes } from "./light_block.js";
export { LightError };

/**
 * @typedef {{chain_id: string, validators_hash: string} | {chain_id: string, reach: (block: object) => Promise<void>}} Trusted
 *   the one set to believe, its hash as hex; or a ledger followed (light_ledger.js), which throws for what it does not reach
 * @typedef {{height: number, time: number, signed: number, total: number, hash: string}} Block `time` in ms;
 *   `signed` of `total` validators signed it
 */

/**
 * Verify that a transaction is committed.
 * @param {{signed_header: object, validators: object[], tx: string, proof: object}} bundle CometBFT's RPC JSON forms
 * @param {Trusted} trusted @returns {Promise<Block & {body: import("./tx.js").Body, txHash: string}>}
 */
export async function verifyBundle(bundle, trusted) {
  return guarded(async () => {
    const block = await verifySignedHeader(bundle, trusted);
    const wire = fromBase64(bundle.tx);
    const hash = await sha256(wire);
    const proof = inclusionProof(bundle.proof);
    const dataHash = fromHex(bundle.signed_header.header.data_hash);
    claim(await verifyInclusion(dataHash, hash, proof), "inclusion", "the transaction is not in this block");
    const { body } = decodeTx(wire);
    claim(body.ledger === trusted.chain_id, "chain", "the transaction is for another ledger");
    return { ...block, body, txHash: toHex(hash) };
  });
}

/**
 * Verify a key's value, or its absence (`value` null), in the state before this header's block.
 * @param {{signed_header: object, validators: object[]}} bundle @param {Trusted} trusted
 * @param {Uint8Array} key @param {Uint8Array | null} value @param {Uint8Array} proof ICS-23 CommitmentProof
 * @returns {Promise<Block>}
 */
export async function verifyState(bundle, trusted, key, value, proof) {
  return guarded(async () => {
    const block = await verifySignedHeader(bundle, trusted);
    const appHash = fromHex(bundle.signed_header.header.app_hash);
    const shown = value === null ? verifyAbsence(appHash, key, proof) : verifyPresence(appHash, key, value, proof);
    await shown.catch((error) => {
      throw error instanceof ProofError ? new LightError("state", error.message) : error;
    });
    return block;
  });
}

/** Verify that more than two thirds of the trusted validators signed this header. @returns {Promise<Block>} */
export async function verifySignedHeader({ signed_header, validators }, trusted) {
  return guarded(async () => {
    const block = await decodeLightBlock({ signed_header, validators });
    claim(block.header.chainId === trusted.chain_id, "chain", "the header is of another ledger");
    await (trusted.reach ? trusted.reach(block) : ofOneSet(block, trusted));
    return viewOf(block);
  });
}

async function ofOneSet(block, trusted) {
  const known = block.header.validatorsHash === toHex(fromHex(trusted.validators_hash));
  claim(known, "validators", "the header trusts other validators");
  demand(await verifyBlock(block));
}

function inclusionProof({ total, index, leaf_hash: leaf, aunts }) {
  const decoded = (aunts ?? []).map(fromBase64);
  return { total: Number(whole(total)), index: Number(whole(index)), leafHash: fromBase64(leaf), aunts: decoded };
}

const claim = (holds, rule, detail) => demand(holds ? SUCCESS : invalid(rule, detail));
