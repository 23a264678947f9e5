// Ways from what is trusted to a header: skipping with bisection, one by one, and backwards. Mirror of
// ledger/light/path.py and provider.py, which state the rules. A header that fails is a LightError and ends the way.
import { decodeLightBlock } from "./light_block.js";
import { linksBack, withinTrustingPeriod } from "./light_predicates.js";
import { demand, guarded, OUTCOME, trustedStateOf } from "./light_verdict.js";
import { verify, verifyBlock } from "./light_verifier.js";

/**
 * A provider is of no use for this request; another may be. `code`: "absent" (no such height), "unavailable" (no answer)
 * or "lied" (malformed, or another height than was asked).
 */
export class ProviderError extends Error {
  name = "ProviderError";
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

/**
 * The provider's block of `height` (bigint; null: its latest), decoded. Throws ProviderError.
 * @param {{name: string, lightBlock: (height: number | null) => Promise<object>}} provider one full node, believed in
 *   nothing: answers a light block's JSON, or throws a ProviderError ("absent"); anything else thrown is "unavailable"
 */
export async function fetchBlock(provider, height) {
  const json = await answerOf(provider, height === null ? null : Number(height));
  const block = await guarded(() => decodeLightBlock(json)).catch((error) => {
    throw new ProviderError("lied", `${provider.name}: ${error.message}`);
  });
  if (height !== null && block.height !== height) {
    throw new ProviderError("lied", `${provider.name}: asked for height ${height}, got ${block.height}`);
  }
  return block;
}

async function answerOf(provider, height) {
  try {
    return await provider.lightBlock(height);
  } catch (error) {
    throw error instanceof ProviderError ? error : new ProviderError("unavailable", `${provider.name}: ${error.message}`);
  }
}

/** Verify `target`, above `trusted`, in as few steps as its validators' overlap allows; the blocks verified, in order. */
export async function skipping(trusted, target, options, nowNs, provider) {
  const [waiting, verified] = [[target], []];
  while (waiting.length) {
    const block = waiting[waiting.length - 1];
    const verdict = await verify(trusted, block, options, nowNs);
    if (verdict.outcome === OUTCOME.NOT_ENOUGH_TRUST) {
      waiting.push(await fetchBlock(provider, (trusted.header.height + block.height) / 2n));
      continue;
    }
    demand(verdict);
    trusted = trustedStateOf(waiting.pop());
    verified.push(block);
  }
  return verified;
}

/** Verify every header from the one after `trusted` up to `target`. */
export async function sequential(trusted, target, options, nowNs, provider) {
  const verified = [];
  for (let height = trusted.header.height + 1n; height <= target.height; height++) {
    const block = height === target.height ? target : await fetchBlock(provider, height);
    demand(await verify(trusted, block, options, nowNs));
    trusted = trustedStateOf(block);
    verified.push(block);
  }
  return verified;
}

/** Verify `target`, below the trusted header, by the hashes that headers name. */
export async function backwards(trusted, target, options, nowNs, provider) {
  demand(withinTrustingPeriod(trusted, options, nowNs));
  demand(await verifyBlock(target));
  for (let newer = trusted; newer.height > target.height; ) {
    const older = newer.height === target.height + 1n ? target : await fetchBlock(provider, newer.height - 1n);
    demand(linksBack(newer, older.header));
    newer = older.header;
  }
  return [target];
}
