// The light client of a page: believe a transaction or a state because more than two thirds of the trusted
// validators signed the block that commits to it, and for no other reason.
//
// Rules (CometBFT v0.38)
// - The header is of the trusted chain, and its validators hash is the trusted one.
// - The validators shown hash to it; the commit is for this very header, at its height.
// - Signature i is validator i's, by address, too; one bad signature spoils the commit; nil and absent count for
//   nothing; the power that signed is more than two thirds of all.
// - The transaction lies under the header's data hash; a state under its app hash (the state after the block before).
import { concat, equalBytes, fromBase64, fromHex, sha256, toHex } from "./bytes.js";
import { root, verifyInclusion } from "./merkle.js";
import * as proto from "./proto.js";
import { verifyEd25519 } from "./signing.js";
import { verifyAbsence, verifyPresence } from "./state_proof.js";
import { decodeTx } from "./tx.js";

const PRECOMMIT = 2;
const ABSENT = 1;
const COMMITTED = 2;
const NIL = 3;

/**
 * @typedef {{chain_id: string, validators_hash: string}} Trusted hash as hex, from the genesis or the service worker
 * @typedef {{height: number, time: number, signed: number, total: number, hash: string}} Block `time` in ms;
 *   `signed` of `total` validators signed it
 */

/** The bundle does not prove what it claims; `rule` names the check that failed. Do not show it as proven. */
export class LightError extends Error {
  name = "LightError";
  constructor(rule, detail) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
  }
}

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
    demand(await verifyInclusion(dataHash, hash, proof), "inclusion", "the transaction is not in this block");
    const { body } = decodeTx(wire);
    demand(body.ledger === trusted.chain_id, "chain", "the transaction is for another ledger");
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
    await (value === null ? verifyAbsence(appHash, key, proof) : verifyPresence(appHash, key, value, proof));
    return block;
  });
}

/** Verify that more than two thirds of the trusted validators signed this header. @returns {Promise<Block>} */
export async function verifySignedHeader({ signed_header: { header, commit }, validators }, trusted) {
  return guarded(async () => {
    const expected = fromHex(trusted.validators_hash);
    demand(header.chain_id === trusted.chain_id, "chain", "the header is of another ledger");
    demand(equalBytes(fromHex(header.validators_hash), expected), "validators", "the header trusts other validators");
    demand(equalBytes(await validatorsHash(validators), expected), "validators", "other validators are shown");
    const hash = await headerHash(header);
    demand(equalBytes(hash, fromHex(commit.block_id.hash)), "commit", "the commit is for another block");
    demand(whole(header.height) === whole(commit.height), "commit", "the commit is for another height");
    const signed = await verifyCommit(header.chain_id, commit, validators);
    const time = milliseconds(parseTime(header.time));
    return { height: Number(whole(header.height)), time, signed, total: validators.length, hash: toHex(hash) };
  });
}

/** The hash of a header in CometBFT's JSON form. @returns {Promise<Uint8Array>} */
export function headerHash(header) {
  const digests = ["last_commit", "data", "validators", "next_validators", "consensus", "app", "last_results", "evidence"];
  return root([
    concat(proto.integer(1, whole(header.version.block)), proto.integer(2, whole(header.version.app ?? 0))),
    proto.text(1, header.chain_id),
    proto.integer(1, whole(header.height)),
    proto.timestamp(parseTime(header.time)),
    blockId(header.last_block_id),
    ...digests.map((name) => proto.data(1, fromHex(header[`${name}_hash`]))),
    proto.data(1, fromHex(header.proposer_address)),
  ]);
}

/** The hash of a validator set in its order. @returns {Promise<Uint8Array>} */
export function validatorsHash(validators) {
  const leaf = (validator) =>
    concat(
      proto.message(1, proto.data(1, publicKeyOf(validator))),
      proto.integer(2, whole(validator.voting_power)),
    );
  return root(validators.map(leaf));
}

/** What a validator signed for entry `entry` of a commit. @returns {Uint8Array} */
export function voteSignBytes(chainId, commit, entry) {
  return proto.delimited(
    concat(
      proto.integer(1, PRECOMMIT),
      proto.sfixed64(2, whole(commit.height)),
      proto.sfixed64(3, whole(commit.round)),
      proto.message(4, blockId(commit.block_id)),
      proto.message(5, proto.timestamp(parseTime(entry.timestamp))),
      proto.text(6, chainId),
    ),
  );
}

/** How many validators signed; a LightError unless their power is more than two thirds. */
async function verifyCommit(chainId, commit, validators) {
  const entries = commit.signatures;
  demand(entries.length === validators.length, "commit", "one entry per validator is expected");
  const powers = validators.map((validator) => whole(validator.voting_power));
  demand(powers.every((power) => power > 0n), "validators", "voting power must be positive");
  const signed = await Promise.all(entries.map((entry, at) => hasSigned(chainId, commit, entry, validators[at])));
  const total = powers.reduce((sum, power) => sum + power, 0n);
  const power = powers.reduce((sum, each, at) => (signed[at] ? sum + each : sum), 0n);
  demand(power * 3n > total * 2n, "quorum", `${power} of ${total} signed; more than two thirds are needed`);
  return signed.filter(Boolean).length;
}

async function hasSigned(chainId, commit, entry, validator) {
  demand([ABSENT, COMMITTED, NIL].includes(entry.block_id_flag), "commit", "unknown kind of entry");
  if (entry.block_id_flag !== COMMITTED) return false;
  const key = publicKeyOf(validator);
  const address = (await sha256(key)).subarray(0, 20);
  demand(equalBytes(fromHex(entry.validator_address), address), "commit", "an entry stands at another's place");
  const message = voteSignBytes(chainId, commit, entry);
  demand(await verifyEd25519(key, message, fromBase64(entry.signature)), "signature", "a signature does not hold");
  return true;
}

function publicKeyOf(validator) {
  demand(validator.pub_key.type === "tendermint/PubKeyEd25519", "validators", "unknown kind of key");
  const key = fromBase64(validator.pub_key.value);
  demand(key.length === 32, "validators", "an Ed25519 key has 32 bytes");
  return key;
}

function blockId({ hash, parts }) {
  const header = concat(proto.integer(1, whole(parts.total)), proto.data(2, fromHex(parts.hash)));
  return concat(proto.data(1, fromHex(hash)), proto.message(2, header));
}

function inclusionProof({ total, index, leaf_hash: leaf, aunts }) {
  const decoded = (aunts ?? []).map(fromBase64);
  return { total: Number(whole(total)), index: Number(whole(index)), leafHash: fromBase64(leaf), aunts: decoded };
}

/** A whole number that JSON carries as a number or, for 64 bits, as a string. @returns {bigint} */
function whole(value) {
  const text = String(value);
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) throw new TypeError("not a whole number");
  return BigInt(text);
}

/** RFC 3339 in UTC with up to nine decimals, as CometBFT writes it. @returns {{seconds: bigint, nanos: number}} */
function parseTime(text) {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  const ms = match ? Date.parse(`${match[1]}Z`) : NaN;
  if (Number.isNaN(ms)) throw new TypeError("not a time in UTC");
  return { seconds: BigInt(ms / 1000), nanos: Number((match[2] ?? "").padEnd(9, "0")) };
}

const milliseconds = ({ seconds, nanos }) => Number(seconds) * 1000 + Math.floor(nanos / 1e6);

function demand(holds, rule, detail) {
  if (!holds) throw new LightError(rule, detail);
}

/** Whatever is malformed in a bundle is a LightError: a page has one thing to catch. */
async function guarded(check) {
  try {
    return await check();
  } catch (error) {
    throw error instanceof LightError ? error : new LightError("form", error.message);
  }
}
