// Light blocks from CometBFT's JSON, checked in shape and hashed: mirror of ledger/light/light_json.py and of the
// shapes in ledger/types. Heights, powers and times (nanoseconds since 1970) are bigint; hashes and addresses upper-case
// hex. What does not fit is a TypeError, whoever sent it.
import { concat, fromBase64, fromHex, sha256, toHex, utf8 } from "./bytes.js";
import { root } from "./merkle.js";
import * as proto from "./proto.js";

const PRECOMMIT = 2;
export const ABSENT = 1;
export const COMMITTED = 2;
const NIL = 3;
const NO_TIME_NS = -62_135_596_800n * 1_000_000_000n;
const MAX_TOTAL_POWER = (2n ** 63n - 1n) / 8n;
const MAX_SLOTS = 10_000;
const MAX_ROUND = 2n ** 31n - 1n;
const DIGESTS = ["last_commit", "data", "validators", "next_validators", "consensus", "app", "last_results", "evidence"];

/**
 * A light block from `{signed_header: {header, commit}, validators, next_validators?}`.
 * `json` is what it was made from. @returns {Promise<LightBlock>}
 * @typedef {{header: object, commit: object, validators: ValidatorSet, nextValidators: ValidatorSet | null,
 *   prioritiesStated: boolean, height: bigint, json: object}} LightBlock
 * @typedef {{members: {address: string, key: Uint8Array, power: bigint, priority: bigint}[], total: bigint, hash: string}} ValidatorSet
 */
export async function decodeLightBlock(json) {
  const { signed_header: signed, validators, next_validators: after } = json;
  const header = await decodeHeader(signed.header);
  const nextValidators = after ? await decodeValidators(after) : null;
  const [commit, own] = [decodeCommit(signed.commit), await decodeValidators(validators)];
  const prioritiesStated = stated([...validators, ...(after ?? [])]);
  return { header, commit, validators: own, nextValidators, prioritiesStated, height: header.height, json };
}

/** What is trusted by other means, from `{header, next_validators}`; for light_verifier.js. */
export async function decodeTrusted({ header, next_validators: after }) {
  return { header: await decodeHeader(header), nextValidators: await decodeValidators(after), prioritiesStated: stated(after) };
}

/** The genesis as if it were the header before the first, from `{chain_id, genesis_time, validators}`; for light_verifier.js. */
export async function decodeGenesis({ chain_id: chainId, genesis_time: time, validators }) {
  const nextValidators = await decodeValidators(validators);
  const [validatorsHash, timeNs] = [nextValidators.hash, nanoseconds(time) - 1n];
  return { header: { chainId, height: 0n, timeNs, validatorsHash, nextValidatorsHash: validatorsHash }, nextValidators };
}

/** A block in a page's words: `time` in ms; `signed` of `total` validators signed it. */
export function viewOf({ header, commit }) {
  const signed = commit.slots.filter(({ flag }) => flag === COMMITTED).length;
  const time = Number(header.timeNs / 1_000_000n);
  return { height: Number(header.height), time, signed, total: commit.slots.length, hash: header.hash };
}

const stated = (members) => members.every(({ proposer_priority: given }) => ![undefined, null, ""].includes(given));

async function decodeHeader(json) {
  const hashes = Object.fromEntries(DIGESTS.map((name) => [name, hexOf(json[`${name}_hash`], name === "app" ? null : [0, 32])]));
  hexOf(json.proposer_address, [20]);
  const size = utf8(text(json.chain_id)).length;
  const height = whole(json.height);
  if (height < 1n || size < 1 || size > 50) throw new TypeError("a header needs a height and a chain id");
  const found = { chainId: json.chain_id, height, timeNs: nanoseconds(json.time), hash: toHex(await headerHash(json)) };
  const { validators: validatorsHash, next_validators: nextValidatorsHash, consensus, app, last_results: results } = hashes;
  const lastBlockHash = json.last_block_id ? hexOf(json.last_block_id.hash, [0, 32]) : "";
  const derived = [validatorsHash, nextValidatorsHash, consensus, app, results];
  return { ...found, validatorsHash, nextValidatorsHash, lastBlockHash, derived: derived.join() };
}

/** A commit with slots in order; each has `flag`, `address`, `timeNs`, `signature` and what was `signed`. */
function decodeCommit(json) {
  const [height, round] = [whole(json.height), whole(json.round)];
  const entries = json.signatures ?? [];
  if (!Array.isArray(entries) || entries.length > MAX_SLOTS || round > MAX_ROUND) throw new TypeError("not a commit");
  const { hash, total, partsHash } = decodeBlockId(json.block_id);
  const complete = hash.length === 64 && total > 0n && partsHash.length === 64;
  return { height, round, blockHash: hash, complete, slots: entries.map(decodeSlot), json };
}

function decodeSlot(json) {
  const flag = json.block_id_flag;
  if (![ABSENT, COMMITTED, NIL].includes(flag)) throw new TypeError("unknown kind of slot");
  const address = hexOf(json.validator_address);
  const [timeNs, signature] = [nanoseconds(json.timestamp), fromBase64(json.signature ?? "")];
  const empty = !address && !signature.length && timeNs === NO_TIME_NS;
  const filled = address.length === 40 && signature.length === 64;
  if (flag === ABSENT ? !empty : !filled) throw new TypeError("a slot is empty exactly when it is absent");
  return { flag, address, timeNs, signature, json };
}

/** The set of these validators in its own order (power descending, then address). @returns {Promise<ValidatorSet>} */
async function decodeValidators(list) {
  if (!Array.isArray(list) || !list.length || list.length > MAX_SLOTS) throw new TypeError("a set needs validators");
  const members = await Promise.all(list.map(decodeValidator));
  members.sort((a, b) => (a.power === b.power ? (a.address < b.address ? -1 : 1) : a.power > b.power ? -1 : 1));
  const total = members.reduce((sum, { power }) => sum + power, 0n);
  if (total > MAX_TOTAL_POWER) throw new TypeError("too much voting power");
  if (new Set(members.map(({ address }) => address)).size !== members.length) throw new TypeError("a validator occurs twice");
  return { members, total, hash: toHex(await validatorsHash(members.map(({ json }) => json))) };
}

async function decodeValidator(json) {
  const key = publicKeyOf(json);
  const address = toHex((await sha256(key)).subarray(0, 20));
  if (json.address !== undefined && hexOf(json.address) !== address) throw new TypeError("the address is not the key's");
  const power = whole(json.voting_power);
  if (power < 1n) throw new TypeError("voting power must be at least 1");
  return { address, key, power, priority: signedWhole(json.proposer_priority || 0), json };
}

function publicKeyOf({ pub_key: { type, value } }) {
  if (type !== "tendermint/PubKeyEd25519") throw new TypeError("validators sign with Ed25519 only");
  const key = fromBase64(value);
  if (key.length !== 32) throw new TypeError("an Ed25519 key has 32 bytes");
  return key;
}

/** The hash of a header in CometBFT's JSON form. @returns {Promise<Uint8Array>} */
export function headerHash(header) {
  return root([
    concat(proto.integer(1, whole(header.version.block ?? 0)), proto.integer(2, whole(header.version.app ?? 0))),
    proto.text(1, header.chain_id),
    proto.integer(1, whole(header.height)),
    proto.timestamp(parts(nanoseconds(header.time))),
    encodeBlockId(header.last_block_id),
    ...DIGESTS.map((name) => proto.data(1, fromHex(header[`${name}_hash`]))),
    proto.data(1, fromHex(header.proposer_address)),
  ]);
}

/** The hash of validators in the order given. @returns {Promise<Uint8Array>} */
export function validatorsHash(validators) {
  const key = (validator) => proto.message(1, proto.data(1, publicKeyOf(validator)));
  return root(validators.map((validator) => concat(key(validator), proto.integer(2, whole(validator.voting_power)))));
}

/** What a validator signed for entry `entry` of a commit, both in JSON form. @returns {Uint8Array} */
export function voteSignBytes(chainId, commit, entry) {
  return proto.delimited(
    concat(
      proto.integer(1, PRECOMMIT),
      proto.sfixed64(2, whole(commit.height)),
      proto.sfixed64(3, whole(commit.round)),
      entry.block_id_flag === NIL ? new Uint8Array(0) : proto.message(4, encodeBlockId(commit.block_id)),
      proto.message(5, proto.timestamp(parts(nanoseconds(entry.timestamp)))),
      proto.text(6, chainId),
    ),
  );
}

function encodeBlockId(json) {
  const { hash, total, partsHash } = decodeBlockId(json);
  return concat(proto.data(1, fromHex(hash)), proto.message(2, concat(proto.integer(1, total), proto.data(2, fromHex(partsHash)))));
}

/** A block id; null is the empty one; parts are named as in RPC or as in protobuf JSON. */
function decodeBlockId(json) {
  if (json === null) return { hash: "", total: 0n, partsHash: "" };
  const { total, hash } = json.parts ?? json.part_set_header;
  return { hash: hexOf(json.hash, [0, 32]), total: whole(total), partsHash: hexOf(hash, [0, 32]) };
}

/** A whole number that JSON carries as a number or, for 64 bits, as a string. @returns {bigint} */
export function whole(value) {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(String(value))) throw new TypeError("not a whole number");
  return BigInt(value);
}

const signedWhole = (value) => (String(value).startsWith("-") ? -whole(String(value).slice(1)) : whole(value));

/** RFC 3339 in UTC with up to nine decimals, as nanoseconds since 1970. @returns {bigint} */
function nanoseconds(value) {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(value);
  const ms = match ? Date.parse(`${match[1]}Z`) : NaN;
  if (Number.isNaN(ms)) throw new TypeError("not a time in UTC");
  return BigInt(ms) * 1_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"));
}

function parts(ns) {
  const nanos = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: (ns - nanos) / 1_000_000_000n, nanos: Number(nanos) };
}

function hexOf(value, sizes = null) {
  const bytes = fromHex(value);
  if (sizes && !sizes.includes(bytes.length)) throw new TypeError("a hash or address has the wrong length");
  return toHex(bytes);
}

function text(value) {
  if (typeof value !== "string") throw new TypeError("not a text");
  return value;
}
