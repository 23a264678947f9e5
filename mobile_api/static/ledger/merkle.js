// RFC 6962 Merkle trees, one leaf or many proven at once: mirror of ledger/types/merkle.py.
import { equalBytes, sha256 } from "./bytes.js";

const LEAF = new Uint8Array([0]);
const INNER = new Uint8Array([1]);
const EMPTY = new Uint8Array(0);

/** The proof does not fit the tree it claims to be from. */
export class MerkleError extends Error {
  name = "MerkleError";
}

/** @param {Uint8Array} leaf @returns {Promise<Uint8Array>} */
export const leafHash = (leaf) => sha256(LEAF, leaf);
const innerHash = (left, right) => sha256(INNER, left, right);

/** The root over leaves in their order. @param {Uint8Array[]} leaves @returns {Promise<Uint8Array>} */
export async function root(leaves) {
  return rootOfHashes(await Promise.all(leaves.map(leafHash)));
}

async function rootOfHashes(hashes) {
  if (hashes.length === 0) return sha256(EMPTY);
  let level = hashes;
  // Pairing neighbours level by level gives the same tree as splitting at the largest power of two.
  while (level.length > 1) {
    const pairs = [];
    for (let at = 0; at + 1 < level.length; at += 2) pairs.push(innerHash(level[at], level[at + 1]));
    const odd = level.length % 2 ? [level[level.length - 1]] : [];
    level = [...(await Promise.all(pairs)), ...odd];
  }
  return level[0];
}

/**
 * The root that an inclusion proof leads to; a MerkleError when its aunts do not fit.
 * @param {{total: number, index: number, leafHash: Uint8Array, aunts: Uint8Array[]}} proof aunts from the leaf up
 * @returns {Promise<Uint8Array>}
 */
async function rootFromProof({ total, index, leafHash: leaf, aunts }) {
  if (!Number.isSafeInteger(total) || !Number.isSafeInteger(index) || index < 0 || index >= total) {
    throw new MerkleError("the index lies outside the tree");
  }
  return climb(leaf, index, total, aunts);
}

async function climb(leaf, index, total, aunts) {
  if (total === 1) {
    if (aunts.length) throw new MerkleError("the proof has too many aunts");
    return leaf;
  }
  if (!aunts.length) throw new MerkleError("the proof has too few aunts");
  const [below, aunt] = [aunts.slice(0, -1), aunts[aunts.length - 1]];
  const middle = split(total);
  if (index < middle) return innerHash(await climb(leaf, index, middle, below), aunt);
  return innerHash(aunt, await climb(leaf, index - middle, total - middle, below));
}

/** Whether `proof` shows `leaf` under `expected`. @returns {Promise<boolean>} */
export async function verifyInclusion(expected, leaf, proof) {
  if (!equalBytes(proof.leafHash, await leafHash(leaf))) return false;
  try {
    return equalBytes(await rootFromProof(proof), expected);
  } catch (error) {
    if (error instanceof MerkleError) return false;
    throw error;
  }
}

/**
 * The sibling hashes that prove the leaves at `indices` (ascending, at least one) together, depth first.
 * @param {Uint8Array[]} leaves @param {number[]} indices @returns {Promise<Uint8Array[]>}
 */
export async function multiproof(leaves, indices) {
  checkIndices(leaves.length, indices);
  const hashes = await Promise.all(leaves.map(leafHash));
  return siblings(hashes, 0, hashes.length, indices);
}

/**
 * The root of a tree of `size` leaves in which `hashes` stand at `indices`; a MerkleError when it does not fit.
 * @param {number} size @param {number[]} indices @param {Uint8Array[]} hashes leaf hashes @param {Uint8Array[]} path
 */
export async function rootFromMultiproof(size, indices, hashes, path) {
  checkIndices(size, indices);
  if (hashes.length !== indices.length) throw new MerkleError("one leaf hash per index");
  const rest = [...path];
  const known = new Map(indices.map((index, at) => [index, hashes[at]]));
  const found = await fold(0, size, known, indices, rest);
  if (rest.length) throw new MerkleError(`${rest.length} hashes of the path are left over`);
  return found;
}

async function siblings(hashes, low, high, indices) {
  if (!indices.length) return [await rootOfHashes(hashes.slice(low, high))];
  if (high - low === 1) return [];
  const [middle, left, right] = halves(low, high, indices);
  return [...(await siblings(hashes, low, middle, left)), ...(await siblings(hashes, middle, high, right))];
}

async function fold(low, high, known, indices, rest) {
  if (!indices.length) {
    if (!rest.length) throw new MerkleError("the path ends too early");
    return rest.shift();
  }
  if (high - low === 1) return known.get(low);
  const [middle, left, right] = halves(low, high, indices);
  const before = await fold(low, middle, known, left, rest);
  return innerHash(before, await fold(middle, high, known, right, rest));
}

function halves(low, high, indices) {
  const middle = low + split(high - low);
  return [middle, indices.filter((index) => index < middle), indices.filter((index) => index >= middle)];
}

/** The largest power of two below `size`, by doubling: exact beyond 32 bits, too. */
function split(size) {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

function checkIndices(size, indices) {
  const ascending = indices.every((index, at) => Number.isSafeInteger(index) && (at === 0 || indices[at - 1] < index));
  if (!indices.length || !ascending || indices[0] < 0 || indices[indices.length - 1] >= size) {
    throw new MerkleError(`indices must be ascending, each once, within 0..${size - 1}`);
  }
}
