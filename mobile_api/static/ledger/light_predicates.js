// One predicate per check of a light client; each answers with a Verdict: mirror of ledger/light/predicates.py, which
// states the rules. Names of rules are the same in both.
import { ABSENT, COMMITTED, voteSignBytes } from "./light_block.js";
import { invalid, notEnoughTrust, SUCCESS } from "./light_verdict.js";
import { verifyEd25519 } from "./signing.js";

const holds = (condition, rule, reason) => (condition ? SUCCESS : invalid(rule, reason));

/** Both headers are of one chain. */
export const sameChain = (trusted, untrusted) =>
  holds(trusted.chainId === untrusted.chainId, "chain", `expected chain ${trusted.chainId}, got ${untrusted.chainId}`);

/** The trusted header is young enough for its validators to be held to their word. */
export const withinTrustingPeriod = (trusted, options, nowNs) =>
  holds(trusted.timeNs + options.trustingPeriodNs > nowNs, "trusting period", "the trusted header is older than that");

/** The header's time has come, give or take clock drift. */
export const notFromFuture = (untrusted, options, nowNs) =>
  holds(untrusted.timeNs < nowNs + options.clockDriftNs, "future", "the header's time lies in the future");

/** The validators given are those that the header names. */
export const validatorsMatch = ({ header, validators }) =>
  holds(validators.hash === header.validatorsHash, "validators", "the validators are not those of the header");

/** The next validators, when given, are those that the header names. */
export const nextValidatorsMatch = ({ header, nextValidators }) =>
  holds(
    !nextValidators || nextValidators.hash === header.nextValidatorsHash,
    "validators",
    "the next validators are not those of the header",
  );

/** The commit is for this header. */
export function headerMatchesCommit({ header, commit }) {
  if (commit.height !== header.height) return invalid("commit", `header of height ${header.height}, commit of ${commit.height}`);
  return holds(commit.complete && commit.blockHash === header.hash, "commit", "the commit is for another block than this header");
}

/** BFT time rises with every block. */
export const timeGrows = (trusted, untrusted) =>
  holds(untrusted.timeNs > trusted.timeNs, "time", "the header is not later than the trusted one");

/** The header is above the trusted one. */
export const heightGrows = (trusted, untrusted) =>
  holds(untrusted.height > trusted.height, "height", `expected a height above ${trusted.height}, got ${untrusted.height}`);

const isNext = (trusted, block) => block.height === trusted.header.height + 1n;

/** The next height's validators are those that the trusted header announced. */
export const followsTrusted = (trusted, block) =>
  holds(
    !isNext(trusted, block) || block.header.validatorsHash === trusted.header.nextValidatorsHash,
    "validators",
    "the validators are not those that the trusted header announced",
  );

/** The trusted validators are those that the trusted header announced. */
export const trustedStateIsWhole = ({ header, nextValidators }) =>
  holds(nextValidators.hash === header.nextValidatorsHash, "validators", "the trusted validators are not the trusted header's");

/** Where both state proposer priorities, the next height's are those worked out from the trusted ones. */
export function prioritiesMatchTrusted(trusted, block) {
  if (!isNext(trusted, block) || !trusted.prioritiesStated || !block.prioritiesStated) return SUCCESS;
  const same = priorities(block.validators.members) === priorities(trusted.nextValidators.members);
  return holds(same, "priorities", "the proposer priorities do not follow from the trusted ones");
}

/** Where both sets of a block state priorities and nobody joined or left, one turn lies between them. */
export function prioritiesAdvance({ validators, nextValidators, prioritiesStated }) {
  if (!prioritiesStated || !nextValidators || nextValidators.hash !== validators.hash) return SUCCESS;
  const same = priorities(nextValidators.members) === priorities(oneTurnLater(validators));
  return holds(same, "priorities", "the next proposer priorities are not one turn after this block's");
}

/** `older` is the very header that `newer`, which is trusted, names as the one before it. */
export function linksBack(newer, older) {
  if (older.chainId !== newer.chainId) return invalid("chain", `expected chain ${newer.chainId}, got ${older.chainId}`);
  const named = older.height === newer.height - 1n && older.hash === newer.lastBlockHash;
  if (!named) return invalid("link", `header ${newer.height} names another one before it than this of ${older.height}`);
  return holds(older.timeNs < newer.timeNs, "time", "the header before is not earlier");
}

/** One slot per validator; each that is filled carries the address of its index. */
export function slotsMatchValidators({ slots }, { members }) {
  if (slots.length !== members.length) return invalid("commit", `expected ${members.length} slots, got ${slots.length}`);
  const wrong = slots.findIndex(({ flag, address }, at) => flag !== ABSENT && address !== members[at].address);
  return holds(wrong < 0, "commit", `slot ${wrong} of the commit has the address of another validator`);
}

/** Every filled slot is signed by the validator at its index. @returns {Promise<import("./light_verdict.js").Verdict>} */
export async function signaturesAreGood(commit, { members }, chainId) {
  const good = await Promise.all(
    commit.slots.map(({ flag, signature, json }, at) =>
      flag === ABSENT ? true : verifyEd25519(members[at].key, voteSignBytes(chainId, commit.json, json), signature),
    ),
  );
  return holds(good.every(Boolean), "signature", `slot ${good.indexOf(false)} of the commit has a bad signature`);
}

/** More than two thirds of the header's own validators signed for the block. */
export function enoughSigned({ slots }, { members, total }) {
  const power = members.reduce((sum, member, at) => (slots[at].flag === COMMITTED ? sum + member.power : sum), 0n);
  return holds(power * 3n > total * 2n, "quorum", `${power} of ${total} signed: not more than two thirds`);
}

/** More than `level` of the power trusted already signed for the block. */
export function enoughTrustedSigned({ slots }, { members, total }, [numerator, denominator]) {
  const signers = new Set(slots.filter(({ flag }) => flag === COMMITTED).map(({ address }) => address));
  const power = members.reduce((sum, member) => (signers.has(member.address) ? sum + member.power : sum), 0n);
  if (power * denominator > total * numerator) return SUCCESS;
  return notEnoughTrust("trust", `${power} of ${total} trusted signed: not more than ${numerator}/${denominator}`);
}

const priorities = (members) => members.map(({ priority }) => priority).join();

/** The members after one turn of proposing (ledger/types/validators.py: scaled, centred, grown, the highest pays). */
function oneTurnLater({ members, total }) {
  const ready = centred(scaled(members, 2n * total));
  const grown = ready.map((member) => ({ ...member, priority: member.priority + member.power }));
  const ahead = (a, b) => a.priority > b.priority || (a.priority === b.priority && a.address < b.address);
  const proposer = grown.reduce((best, member) => (ahead(member, best) ? member : best));
  return grown.map((member) => (member === proposer ? { ...member, priority: member.priority - total } : member));
}

function scaled(members, window) {
  const all = members.map(({ priority }) => priority);
  const spread = all.reduce((a, b) => (a > b ? a : b)) - all.reduce((a, b) => (a < b ? a : b));
  if (spread <= window) return members;
  const ratio = (spread + window - 1n) / window;
  return members.map((member) => ({ ...member, priority: member.priority / ratio }));
}

function centred(members) {
  const [sum, count] = [members.reduce((total, { priority }) => total + priority, 0n), BigInt(members.length)];
  const average = sum / count - (sum % count < 0n ? 1n : 0n); // bigint division truncates; the average is floored
  return members.map((member) => ({ ...member, priority: member.priority - average }));
}
