// ICS-23 proofs of presence and absence in the state tree: mirror of ledger/machine/proofs.py (its verifier).
//
// Rules (ICS-23, SmtSpec): see the Python module; both refuse every form but the state tree's own.
import { compareBytes, concat, equalBytes, sha256 } from "./bytes.js";
import { BYTES, fields, integer, message, ProtoError, VARINT } from "./proto.js";

const SHA256 = 1;
const LEAF = new Uint8Array([0]);
const EMPTY = new Uint8Array(32);
const LEAF_OP = concat(integer(1, SHA256), integer(2, SHA256), integer(3, SHA256), message(5, LEAF));

/** The proof does not show what it claims; whoever sent it is wrong or lies. */
export class ProofError extends Error {
  name = "ProofError";
}

/** Throws a ProofError unless `proof` shows that `key` has `value` in the map with this root. */
export async function verifyPresence(root, key, value, proof) {
  const { exist } = decode(proof);
  if (!exist) throw new ProofError("a proof of absence where presence was claimed");
  if (!equalBytes(exist.key, key) || !equalBytes(exist.value, value)) {
    throw new ProofError("the proof is for another key or value");
  }
  await checkRoot(exist, root);
}

/** Throws a ProofError unless `proof` shows that `key` is not in the map with this root. */
export async function verifyAbsence(root, key, proof) {
  const { absent } = decode(proof);
  if (!absent) throw new ProofError("a proof of presence where absence was claimed");
  const { left, right } = absent;
  if (!left && !right) throw new ProofError("a proof of absence needs a neighbour");
  const path = await sha256(key);
  for (const neighbour of [left, right]) if (neighbour) await checkRoot(neighbour, root);
  if (left && compareBytes(await sha256(left.key), path) >= 0) throw new ProofError("the left neighbour is not left");
  if (right && compareBytes(await sha256(right.key), path) <= 0) throw new ProofError("the right neighbour is not right");
  if (!adjacent(left, right)) throw new ProofError("the neighbours have something between them");
}

async function checkRoot({ key, value, path }, root) {
  let digest = await sha256(LEAF, await sha256(key), await sha256(value));
  for (const { prefix, suffix } of path) digest = await sha256(prefix, digest, suffix);
  if (!equalBytes(digest, root)) throw new ProofError("the proof leads to another root");
}

function adjacent(left, right) {
  if (!left) return isEdge(right.path, atLeft);
  if (!right) return isEdge(left.path, atRight);
  const [lefts, rights] = [[...left.path], [...right.path]];
  while (lefts.length && rights.length && sameStep(lefts.at(-1), rights.at(-1))) {
    lefts.pop();
    rights.pop();
  }
  const [forkLeft, forkRight] = [lefts.pop(), rights.pop()];
  if (!forkLeft || !forkRight) return false;
  return isLeft(forkLeft) && !isLeft(forkRight) && isEdge(lefts, atRight) && isEdge(rights, atLeft);
}

const isLeft = (step) => step.suffix.length === EMPTY.length;
const isEdge = (path, at) => path.every(at);
const atRight = (step) => !isLeft(step) || equalBytes(step.suffix, EMPTY);
const atLeft = (step) => isLeft(step) || equalBytes(step.prefix.subarray(1), EMPTY);
const sameStep = (one, two) => equalBytes(one.prefix, two.prefix) && equalBytes(one.suffix, two.suffix);

function decode(proof) {
  try {
    const outer = read(proof, { 1: BYTES, 2: BYTES });
    if (outer.has(1) === outer.has(2)) throw new ProofError("expected a proof of presence or one of absence");
    return outer.has(1) ? { exist: decodeExistence(outer.get(1)[0]) } : { absent: decodeAbsence(outer.get(2)[0]) };
  } catch (error) {
    if (error instanceof ProtoError) throw new ProofError(`not an ICS-23 proof: ${error.message}`);
    throw error;
  }
}

function decodeAbsence(encoded) {
  const found = read(encoded, { 1: BYTES, 2: BYTES, 3: BYTES });
  const [left, right] = [2, 3].map((field) => (found.has(field) ? decodeExistence(found.get(field)[0]) : undefined));
  return { left, right };
}

function decodeExistence(encoded) {
  const found = read(encoded, { 1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES }, 4);
  const [key, value, leaf] = [1, 2, 3].map((field) => found.get(field)?.[0] ?? new Uint8Array(0));
  if (!equalBytes(leaf, LEAF_OP)) throw new ProofError("the leaf is hashed in another way than the state tree's");
  const steps = found.get(4) ?? [];
  if (!key.length || !value.length || steps.length > 256) throw new ProofError("an empty pair or too long a path");
  return { key, value, path: steps.map(decodeStep) };
}

function decodeStep(encoded) {
  const found = read(encoded, { 1: VARINT, 2: BYTES, 3: BYTES });
  const [prefix, suffix] = [2, 3].map((field) => found.get(field)?.[0] ?? new Uint8Array(0));
  const sizes = `${prefix.length},${suffix.length}`;
  const form = sizes === "1,32" || sizes === "33,0";
  if (found.get(1)?.[0] !== BigInt(SHA256) || !form || prefix[0] === LEAF[0]) {
    throw new ProofError("an inner step has another form than the state tree's");
  }
  return { prefix, suffix };
}

/** The fields of a message that may hold only `known`, each once but for `repeated`. */
function read(encoded, known, repeated) {
  const found = fields(encoded);
  for (const [field, values] of found) {
    const wireType = typeof values[0] === "bigint" ? VARINT : BYTES;
    const mixed = values.some((value) => typeof value !== typeof values[0]);
    if (known[field] !== wireType || mixed || (values.length > 1 && field !== repeated)) {
      throw new ProtoError(`field ${field} is not part of this message, or occurs twice`);
    }
  }
  return found;
}
