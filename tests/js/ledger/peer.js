// What a peer written in JavaScript makes, for Python to read: state proofs, inclusion proofs, handles, signed blocks.
// The tree and its proofs follow ICS-23's SmtSpec alone, not our Python: a map, its root, and who is next to a gap.
import { compareBytes, concat, fromBase64, fromHex, sha256, toHex, utf8 } from "../../../mobile_api/static/ledger/bytes.js";
import { b64uEncode } from "../../../mobile_api/static/ledger/canonical.js";
import { handle, handlesRoot, proofFields, proveHandles } from "../../../mobile_api/static/ledger/handles.js";
import { headerHash, validatorsHash, voteSignBytes } from "../../../mobile_api/static/ledger/light_block.js";
import { leafHash, root as merkleRoot } from "../../../mobile_api/static/ledger/merkle.js";
import * as proto from "../../../mobile_api/static/ledger/proto.js";
import { makeBody, signTx } from "../../../mobile_api/static/ledger/tx.js";
import { ed25519 } from "../../../mobile_api/static/vendor/noble-ed25519.js";

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const EMPTY = new Uint8Array(32);
const [LEAF, INNER] = [new Uint8Array([0]), new Uint8Array([1])];
const LEAF_OP = concat(proto.integer(1, 1), proto.integer(2, 1), proto.integer(3, 1), proto.message(5, LEAF));

/** The subtree of leaves (sorted by path) below `depth` bits: a leaf alone stands as high as it can. */
async function subtree(leaves, depth = 0) {
  if (!leaves.length) return { hash: EMPTY, leaves };
  if (leaves.length === 1) return { hash: await sha256(LEAF, leaves[0].path, await sha256(leaves[0].value)), leaves };
  const right = ({ path }) => (path[depth >> 3] >> (7 - (depth & 7))) & 1;
  const [left, below] = [leaves.filter((leaf) => !right(leaf)), leaves.filter(right)];
  const children = [await subtree(left, depth + 1), await subtree(below, depth + 1)];
  return { hash: await sha256(INNER, children[0].hash, children[1].hash), leaves, children };
}

/** ics23.InnerOp steps from `leaf` up to the root of `tree`. */
function stepsTo(tree, leaf) {
  if (!tree.children) return [];
  const [left, right] = tree.children;
  const goesLeft = left.leaves.includes(leaf);
  const [prefix, suffix] = goesLeft ? [INNER, right.hash] : [concat(INNER, left.hash), new Uint8Array(0)];
  const step = proto.message(4, concat(proto.integer(1, 1), proto.data(2, prefix), proto.data(3, suffix)));
  return [...stepsTo(goesLeft ? left : right, leaf), step];
}

const existence = (tree, leaf) =>
  concat(proto.data(1, leaf.key), proto.data(2, leaf.value), proto.message(3, LEAF_OP), ...stepsTo(tree, leaf));

/** A proof that the key is there, or of its neighbours by path. */
async function commitmentProof(tree, key) {
  const path = await sha256(key);
  const found = tree.leaves.find((leaf) => compareBytes(leaf.path, path) === 0);
  if (found) return proto.message(1, existence(tree, found));
  const left = tree.leaves.findLast((leaf) => compareBytes(leaf.path, path) < 0);
  const right = tree.leaves.find((leaf) => compareBytes(leaf.path, path) > 0);
  const sides = [[2, left], [3, right]].map(([field, leaf]) => (leaf ? proto.message(field, existence(tree, leaf)) : EMPTY.subarray(32)));
  return proto.message(2, concat(proto.data(1, key), ...sides));
}

/** The root of a map and proofs for keys, all text; hashes and proofs as hex. */
window.peerState = async ({ pairs, keys }) => {
  const leaves = await Promise.all(pairs.map(async ([key, value]) => ({ path: await sha256(utf8(key)), key: utf8(key), value: utf8(value) })));
  const tree = await subtree(leaves.sort((a, b) => compareBytes(a.path, b.path)));
  const proofs = await Promise.all(keys.map(async (key) => toHex(await commitmentProof(tree, utf8(key)))));
  return { root: toHex(tree.hash), proofs };
};

/** RFC 6962 inclusion: aunts from the leaf up, by the definition (split at the largest power of two). */
async function aunts(leaves, index) {
  if (leaves.length === 1) return [];
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return index < half ? [...(await aunts(left, index)), await merkleRoot(right)] : [...(await aunts(right, index - half)), await merkleRoot(left)];
}

/** A bundle of transaction `index` in a block that these seeds (hex) sign; `header` names everything but the hashes. */
window.peerBundle = async ({ header, seeds, powers, txs, index, signers, round }) => {
  const members = await Promise.all(seeds.map((seed, at) => validatorOf(fromHex(seed), powers[at])));
  members.sort((a, b) => b.power - a.power || compareBytes(fromHex(a.json.address), fromHex(b.json.address)));
  const validators = members.map(({ json }) => json);
  const own = toHex(await validatorsHash(validators));
  const hashes = await Promise.all(txs.map((tx) => sha256(fromBase64(tx))));
  const made = { ...header, validators_hash: own, next_validators_hash: own, data_hash: toHex(await merkleRoot(hashes)), proposer_address: validators[0].address };
  const blockId = { hash: toHex(await headerHash(made)), parts: { total: 1, hash: toHex(await sha256(utf8("part"))) } };
  const commit = { height: made.height, round, block_id: blockId };
  commit.signatures = members.map((member, at) => slot(member, signers[at], made, commit));
  const proof = { total: String(txs.length), index: String(index), leaf_hash: base64(await leafHash(hashes[index])), aunts: (await aunts(hashes, index)).map(base64) };
  return { signed_header: { header: made, commit }, validators, tx: txs[index], proof };
};

async function validatorOf(seed, power) {
  const key = ed25519.getPublicKey(seed);
  const address = toHex((await sha256(key)).subarray(0, 20));
  const json = { address, pub_key: { type: "tendermint/PubKeyEd25519", value: base64(key) }, voting_power: String(power) };
  return { seed, power, json };
}

/** `how`: "commit", "nil" or "absent". */
function slot({ seed, json }, how, header, commit) {
  if (how === "absent") return { block_id_flag: 1, validator_address: "", timestamp: "0001-01-01T00:00:00Z", signature: null };
  const entry = { block_id_flag: how === "nil" ? 3 : 2, validator_address: json.address, timestamp: header.time };
  return { ...entry, signature: base64(ed25519.sign(voteSignBytes(header.chain_id, commit, entry), seed)) };
}

/** An AccessOpened's proof of some records under a salt (hex): root and fields as they go on the ledger. */
window.peerHandles = async ({ salt, records, opened }) => {
  const all = await Promise.all(records.map((record) => handle(fromHex(salt), record)));
  const chosen = opened.map((at) => all[at]);
  return { root: b64uEncode(await handlesRoot(all)), size: all.length, ...proofFields(await proveHandles(all, chosen)) };
};

/** A transaction as a page makes and signs it, as text. */
window.peerTx = async ({ type, common, own, seed }) => {
  const signer = { sign: async (message) => ed25519.sign(message, fromHex(seed)) };
  return new TextDecoder().decode(await signTx(makeBody(type, common, own), "#key-1", signer));
};
