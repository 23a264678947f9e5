// One step of light-client verification, from a trusted header to another: mirror of ledger/light/verifier.py.
//
// Rules: checks run from cheap to dear, and the first that fails gives the verdict; a badly signed commit is INVALID,
// even where trust would not have been enough.
import * as predicates from "./light_predicates.js";
import { isOk, SUCCESS } from "./light_verdict.js";

/**
 * Whether `block` may be trusted, given what is trusted already.
 * @param {{header: object, nextValidators: object, prioritiesStated: boolean}} trusted @param {bigint} nowNs since 1970
 * @param {import("./light_block.js").LightBlock} block @param {import("./light_verdict.js").Options} options
 * @returns {Promise<import("./light_verdict.js").Verdict>}
 */
export function verify(trusted, block, options, nowNs) {
  const { header } = block;
  return firstFailure([
    () => predicates.withinTrustingPeriod(trusted.header, options, nowNs),
    () => predicates.trustedStateIsWhole(trusted),
    () => predicates.sameChain(trusted.header, header),
    () => predicates.heightGrows(trusted.header, header),
    () => predicates.timeGrows(trusted.header, header),
    () => predicates.notFromFuture(header, options, nowNs),
    () => predicates.followsTrusted(trusted, block),
    () => predicates.prioritiesMatchTrusted(trusted, block),
    () => verifyBlock(block),
    () => enoughTrust(trusted, block, options),
  ]);
}

/** Whether header, validators and commit belong together and +2/3 signed. The set is not yet trusted. */
export function verifyBlock(block) {
  const { header, commit, validators } = block;
  return firstFailure([
    () => predicates.validatorsMatch(block),
    () => predicates.nextValidatorsMatch(block),
    () => predicates.prioritiesAdvance(block),
    () => predicates.headerMatchesCommit(block),
    () => predicates.slotsMatchValidators(commit, validators),
    () => predicates.enoughSigned(commit, validators),
    () => predicates.signaturesAreGood(commit, validators, header.chainId),
  ]);
}

function enoughTrust(trusted, block, { level }) {
  if (block.height === trusted.header.height + 1n) return SUCCESS;
  return predicates.enoughTrustedSigned(block.commit, trusted.nextValidators, level);
}

async function firstFailure(checks) {
  for (const check of checks) {
    const verdict = await check();
    if (!isOk(verdict)) return verdict;
  }
  return SUCCESS;
}
