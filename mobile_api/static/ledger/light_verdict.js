// What a light client can conclude, and from what: mirror of ledger/light/verdict.py.

export const OUTCOME = Object.freeze({ SUCCESS: "success", NOT_ENOUGH_TRUST: "not enough trust", INVALID: "invalid" });

/**
 * @typedef {{outcome: string, rule: string, reason: string}} Verdict the outcome and, unless it is success, the rule
 *   that failed and why. NOT_ENOUGH_TRUST: verify a header between first. INVALID: whoever served this lies or is broken.
 * @typedef {{trustingPeriodNs: bigint, clockDriftNs: bigint, level: [bigint, bigint]}} Options
 */

/** @type {Verdict} */
export const SUCCESS = Object.freeze({ outcome: OUTCOME.SUCCESS, rule: "", reason: "" });
/** A refusal: no honest chain has this. @returns {Verdict} */
export const invalid = (rule, reason) => ({ outcome: OUTCOME.INVALID, rule, reason });
/** No conclusion in one step. @returns {Verdict} */
export const notEnoughTrust = (rule, reason) => ({ outcome: OUTCOME.NOT_ENOUGH_TRUST, rule, reason });
/** Whether the header may be trusted. @param {Verdict} verdict */
export const isOk = (verdict) => verdict.outcome === OUTCOME.SUCCESS;

/** What was given does not prove what it claims; `rule` names the check that failed. Do not show it as proven. */
export class LightError extends Error {
  name = "LightError";
  constructor(rule, detail) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
  }
}

/** Whatever is malformed is a LightError of the rule "form": a page has one thing to catch. */
export async function guarded(check) {
  try {
    return await check();
  } catch (error) {
    throw error instanceof LightError ? error : new LightError("form", error.message);
  }
}

/** Throws a LightError unless the verdict is success. @param {Verdict} verdict */
export function demand(verdict) {
  if (!isOk(verdict)) throw new LightError(verdict.rule, verdict.reason);
}

/**
 * How long a header is trusted, how far clocks may differ, how much of the trusted power must sign on.
 * @param {{trustingPeriodMs: number, clockDriftMs?: number, level?: [number, number]}} given @returns {Options}
 */
export function makeOptions({ trustingPeriodMs, clockDriftMs = 0, level = [1, 3] }) {
  const [numerator, denominator] = level.map(BigInt);
  if (numerator * 3n < denominator || numerator > denominator) throw new RangeError("trust level must lie in 1/3..1");
  if (!(trustingPeriodMs > 0) || clockDriftMs < 0) throw new RangeError("trusting period or clock drift out of range");
  const ns = (ms) => BigInt(ms) * 1_000_000n;
  return { trustingPeriodNs: ns(trustingPeriodMs), clockDriftNs: ns(clockDriftMs), level: [numerator, denominator] };
}

/**
 * What a verified block lets us trust; a LightError when it lacks the next, other validators.
 * @returns {{header: object, nextValidators: object, prioritiesStated: boolean}}
 */
export function trustedStateOf({ header, validators, nextValidators, prioritiesStated }) {
  if (nextValidators) return { header, nextValidators, prioritiesStated };
  if (header.nextValidatorsHash !== header.validatorsHash) throw new LightError("form", "the next validators are missing");
  return { header, nextValidators: validators, prioritiesStated: false };
}

