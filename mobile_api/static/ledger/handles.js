// Handles: how a consent names records without naming them: mirror of ledger/types/handles.py.
import { compareBytes, equalBytes, utf8 } from "./bytes.js";
import { b64uEncode, taggedHash } from "./canonical.js";
import { leafHash, MerkleError, multiproof, root, rootFromMultiproof } from "./merkle.js";

/** @typedef {{handles: Uint8Array[], indices: number[], path: Uint8Array[]}} HandleProof */

/** The 32-byte handle of a record under a consent's 32-byte salt. @returns {Promise<Uint8Array>} */
export const handle = (salt, recordId) => taggedHash("salus/handle/v1", salt, utf8(recordId));

/** The root that a consent commits to; order does not matter. @param {Uint8Array[]} handles */
export const handlesRoot = async (handles) => root(ascending(handles));

/**
 * Proof that every handle of `opened` is among the consent's; a RangeError for one that is not.
 * @param {Uint8Array[]} all @param {Uint8Array[]} opened @returns {Promise<HandleProof>}
 */
export async function proveHandles(all, opened) {
  const [leaves, chosen] = [ascending(all), ascending(opened)];
  const indices = chosen.map((one) => leaves.findIndex((leaf) => equalBytes(leaf, one)));
  if (indices.includes(-1)) throw new RangeError("a handle is not covered by the consent");
  return { handles: chosen, indices, path: await multiproof(leaves, indices) };
}

/** Whether `proof` shows its handles under the `expected` root of a consent that covers `size`. */
export async function handlesCovered(proof, size, expected) {
  try {
    const sorted = ascending(proof.handles).every((one, at) => equalBytes(one, proof.handles[at]));
    const hashes = await Promise.all(proof.handles.map(leafHash));
    return sorted && equalBytes(await rootFromMultiproof(size, proof.indices, hashes, proof.path), expected);
  } catch (error) {
    if (error instanceof MerkleError || error instanceof RangeError) return false;
    throw error;
  }
}

/** The fields `handles`, `indices`, `path` of AccessOpened. @param {HandleProof} proof */
export const proofFields = (proof) => ({
  handles: proof.handles.map(b64uEncode),
  indices: proof.indices,
  path: proof.path.map(b64uEncode),
});

/** The 32-byte hash of one wrapped data key. @param {Uint8Array} wrap */
export const wrapHash = (wrap) => taggedHash("salus/wrap/v1", wrap);

/** What AccessOpened's `wraps` holds for wrap hashes in the order of its handles. @returns {Promise<string>} */
export const wrapsHash = async (wrapHashes) => b64uEncode(await taggedHash("salus/wraps/v1", ...wrapHashes));

function ascending(handles) {
  const found = [...handles].sort(compareBytes);
  if (!found.length || found.some((one, at) => at > 0 && equalBytes(one, found[at - 1]))) {
    throw new RangeError("handles must be at least one and without repeats");
  }
  return found;
}
