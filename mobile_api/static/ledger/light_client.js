// The light client: from a trusted block to any other, over nodes that are believed in nothing: mirror of
// ledger/light/client.py, which states the rules.
import { decodeLightBlock } from "./light_block.js";
import { examine, TESTIMONY } from "./light_detector.js";
import { backwards, fetchBlock, ProviderError, sequential, skipping } from "./light_path.js";
import { notFromFuture, withinTrustingPeriod } from "./light_predicates.js";
import { demand, guarded, invalid, isOk, LightError, trustedStateOf } from "./light_verdict.js";
import { verify, verifyBlock } from "./light_verifier.js";

/** No witness confirmed the header, so nothing is kept; try again later, or with other witnesses. */
export class NotConfirmed extends Error {
  name = "NotConfirmed";
}

/** Verified blocks of one chain. One request at a time. */
export class LightClient {
  #store = new Map();
  #alone;

  /**
   * `clock` answers milliseconds since 1970. With no witnesses at all there is no attack detection: say so by passing
   * none on purpose. Fill the client with `start`, `trust` or `restore` first.
   * @param {{primary: object, witnesses: object[], options: import("./light_verdict.js").Options, clock: () => number,
   *   oneByOne?: boolean}} given providers as light_path.js describes
   */
  constructor({ primary, witnesses, options, clock, oneByOne = false }) {
    Object.assign(this, { primary, witnesses: [...witnesses], options, clock, oneByOne });
    this.#alone = witnesses.length === 0;
  }

  /** The JSON of every block kept, lowest first: what a page stores, and gives to `restore`. */
  get blocks() {
    return this.kept.map(({ json }) => json);
  }

  /** Keep blocks that this browser verified before. Each is still checked to be whole. */
  async restore(blocks) {
    for (const json of blocks) {
      const block = await guarded(() => decodeLightBlock(json));
      demand(await verifyBlock(block));
      this.#store.set(block.height, block);
    }
  }

  /** Trust the primary's first block above `root` (`{header, nextValidators}`), which is trusted by other means: a genesis. */
  async start(root) {
    const nowNs = this.#nowNs();
    const block = await fetchBlock(this.primary, root.header.height + 1n);
    demand(await verify(root, block, this.options, nowNs));
    trustedStateOf(block);
    return this.#keep([block], nowNs);
  }

  /** Trust the primary's block of `height` since its header has this hash (hex), which the user vouches for. */
  async trust(height, hash) {
    const block = await fetchBlock(this.primary, BigInt(height));
    if (block.header.hash !== hash.toUpperCase()) demand(invalid("hash", "the header's hash is not the one vouched for"));
    demand(notFromFuture(block.header, this.options, this.#nowNs()));
    demand(await verifyBlock(block));
    trustedStateOf(block);
    return this.#keep([block], this.#nowNs());
  }

  /**
   * The verified block of `height`; null: of the primary's latest. Throws AttackDetected, NotConfirmed, and LightError
   * or ProviderError when no provider is left that does better. @returns {Promise<import("./light_block.js").LightBlock>}
   */
  async verifyTo(height = null) {
    const nowNs = this.#nowNs();
    for (;;) {
      try {
        return await this.#verifyTo(height === null ? null : BigInt(height), nowNs);
      } catch (error) {
        const lies = error instanceof LightError || error instanceof ProviderError;
        if (!lies || !this.witnesses.length) throw error;
        this.primary = this.witnesses.shift();
      }
    }
  }

  async #verifyTo(height, nowNs) {
    if (!this.#store.size) throw new LightError("trust", "nothing is trusted yet");
    if (this.#store.has(height)) return this.#store.get(height);
    const newest = this.kept.at(-1);
    const target = await fetchBlock(this.primary, height);
    if (height === null && target.height <= newest.height) return newest;
    const verified = await this.#way(target, nowNs);
    return this.#keep(verified, nowNs);
  }

  /** The trace from a kept block to `target`. */
  async #way(target, nowNs) {
    const kept = this.kept;
    const below = kept.findLast((block) => block.height < target.height);
    const higher = kept.find((block) => block.height > target.height);
    const fresh = below && isOk(withinTrustingPeriod(below.header, this.options, nowNs));
    const given = [target, this.options, nowNs, this.primary];
    if (higher && !fresh) return backwards(higher.header, ...given);
    const up = this.oneByOne ? sequential : skipping;
    return [below, ...(await up(trustedStateOf(below), ...given))];
  }

  /** Keep `trace` once a witness confirms its last block. */
  async #keep(trace, nowNs) {
    const said = await Promise.all(this.witnesses.map((witness) => examine(trace, witness, this.options, nowNs)));
    const heard = said.map((testimony, at) => `${this.witnesses[at].name} ${testimony}`).join(", ");
    this.witnesses = this.witnesses.filter((_, at) => said[at] !== TESTIMONY.FAULTY);
    const newest = trace.at(-1);
    if (!this.#alone && !said.includes(TESTIMONY.CONFIRMS)) {
      throw new NotConfirmed(`no witness confirms block ${newest.height}: ${heard || "none is left"}`);
    }
    for (const block of trace) this.#store.set(block.height, block);
    return newest;
  }

  /** The blocks kept, decoded, lowest first. */
  get kept() {
    return [...this.#store.values()].sort((a, b) => (a.height < b.height ? -1 : 1));
  }

  #nowNs() {
    return BigInt(this.clock()) * 1_000_000n;
  }
}
