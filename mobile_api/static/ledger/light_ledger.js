// One ledger as a device follows it: from the genesis, through every change of its validators, over visits and years.
//
// Rules
// - The genesis is the first trust, and does not run out: it is where a device begins, and where one begins again that
//   stayed away for longer than the trusting period. `beganAgain` says so, for people.
// - Above the newest block kept, a block follows by one step of verification from it. Without enough trust, the blocks
//   between are fetched and verified, and a witness must confirm them (light_client.js).
// - Below it, a block follows from the one kept below, whatever its age, when two thirds of those trusted then signed.
// - What is kept was verified here and confirmed by a witness. Reading it back checks that it is whole; what is not is dropped.
import { decodeGenesis, viewOf } from "./light_block.js";
import { LightClient } from "./light_client.js";
import { fetchBlock, ProviderError, skipping } from "./light_path.js";
import { withinTrustingPeriod } from "./light_predicates.js";
import { demand, invalid, isOk, LightError, makeOptions, OUTCOME, notEnoughTrust, trustedStateOf } from "./light_verdict.js";
import { verify, verifyBlock } from "./light_verifier.js";

const FOR_EVER_MS = 100 * 366 * 86_400_000;
const CLOCK_DRIFT_MS = 10 * 60_000;
const MAX_KEPT = 12;

/** The `reach` and `chain_id` that light.js asks of what is trusted. */
export class FollowedLedger {
  #given;
  #client = null;
  #turn = Promise.resolve();
  beganAgain = false;

  /**
   * @param {{genesis: {chain_id: string, genesis_time: string, validators: object[]}, trustingPeriodMs: number,
   *   providers: object[], clock: () => number, keep: {read: () => string | null, write: (text: string) => void}}} given
   *   providers as light_path.js describes, the first is asked and the others are its witnesses; `clock` in ms
   */
  constructor(given) {
    this.#given = given;
    const common = { clockDriftMs: CLOCK_DRIFT_MS };
    this.options = makeOptions({ ...common, trustingPeriodMs: given.trustingPeriodMs });
    this.ageless = makeOptions({ ...common, trustingPeriodMs: FOR_EVER_MS });
    this.past = makeOptions({ ...common, trustingPeriodMs: FOR_EVER_MS, level: [2, 3] });
  }

  get chain_id() {
    return this.#given.genesis.chain_id;
  }

  /** The newest block of the ledger, verified and kept, as light_block.js's `viewOf`. Throws what LightClient throws. */
  latest() {
    return this.#inTurn(async () => viewOf(await this.#verifyTo(null)));
  }

  /** Resolves when `block` (decoded) follows from what is trusted. Throws a LightError, AttackDetected, NotConfirmed. */
  async reach(block) {
    await this.#inTurn(() => this.#begin());
    const verdict = await this.#judge(block);
    if (isOk(verdict)) return;
    if (verdict.outcome === OUTCOME.INVALID && verdict.rule !== "trusting period") demand(verdict);
    await this.#inTurn(() => this.#follow(block));
  }

  /** One step from the nearest block kept. @returns {Promise<import("./light_verdict.js").Verdict>} */
  async #judge(block) {
    const { same, below, higher } = this.#around(block.height);
    if (same) return same.header.hash === block.header.hash ? verifyBlock(block) : conflict(block);
    if (!below) return notEnoughTrust("trust", `nothing at or below block ${block.height} is trusted`);
    return verify(trustedStateOf(below), block, higher ? this.past : this.options, this.#nowNs());
  }

  async #follow(block) {
    await this.#freshen();
    if (isOk(await this.#judge(block))) return;
    const { below, higher } = this.#around(block.height);
    if (below && higher) await this.#followPast(block, below);
    else if ((await this.#verifyTo(block.height)).header.hash !== block.header.hash) demand(conflict(block));
    demand(await verifyBlock(block));
  }

  /** Between two kept blocks there is no new history to agree on, only changes of validators to walk through. */
  async #followPast(block, below) {
    let failed;
    for (const provider of [this.#client.primary, ...this.#client.witnesses]) {
      try {
        const target = await fetchBlock(provider, block.height);
        if (target.header.hash !== block.header.hash) demand(conflict(block));
        return void (await skipping(trustedStateOf(below), target, this.past, this.#nowNs(), provider));
      } catch (error) {
        if (!(error instanceof ProviderError || error instanceof LightError)) throw error;
        failed = error;
      }
    }
    throw failed;
  }

  async #verifyTo(height) {
    await this.#freshen();
    const block = await this.#client.verifyTo(height);
    this.#write();
    return block;
  }

  /** Begin again where even the newest block kept is beyond the trusting period. */
  async #freshen() {
    await this.#begin();
    const newest = this.#client.kept.at(-1);
    if (!isOk(withinTrustingPeriod(newest.header, this.options, this.#nowNs()))) await this.#beginAgain();
  }

  /** Take up what earlier visits kept. */
  async #begin() {
    if (this.#client) return;
    const kept = this.#read();
    const client = this.#newClient(this.options);
    const whole = kept.length > 0 && (await client.restore(kept).then(() => true, () => false));
    this.#client = whole ? client : null;
    if (!whole) await this.#beginAgain();
  }

  async #beginAgain() {
    this.beganAgain = this.#client !== null;
    const first = await this.#fromGenesis();
    const client = this.#newClient(this.options);
    await client.restore(first.blocks);
    this.#client = client;
    this.#write();
  }

  /** A client that has gone from the genesis to the newest block, with the first provider that answers. */
  async #fromGenesis(skip = 0) {
    const client = this.#newClient(this.ageless, skip);
    try {
      await client.start(await decodeGenesis(this.#given.genesis));
      await client.verifyTo(null);
      return client;
    } catch (error) {
      const another = error instanceof ProviderError && skip + 1 < this.#given.providers.length;
      if (!another) throw error;
      return this.#fromGenesis(skip + 1);
    }
  }

  #newClient(options, skip = 0) {
    const { providers, clock } = this.#given;
    const [primary, ...witnesses] = [...providers.slice(skip), ...providers.slice(0, skip)];
    return new LightClient({ primary, witnesses, options, clock });
  }

  #around(height) {
    const kept = this.#client.kept;
    const same = kept.find((block) => block.height === height);
    const below = kept.findLast((block) => block.height < height);
    return { same, below, higher: kept.some((block) => block.height > height) };
  }

  #nowNs() {
    return BigInt(this.#given.clock()) * 1_000_000n;
  }

  #read() {
    try {
      const kept = JSON.parse(this.#given.keep.read() ?? "[]");
      return Array.isArray(kept) && kept.every((json) => json.signed_header.header.chain_id === this.chain_id) ? kept : [];
    } catch {
      return [];
    }
  }

  #write() {
    const [lowest, ...others] = this.#client.blocks;
    this.#given.keep.write(JSON.stringify([lowest, ...others.slice(-MAX_KEPT)]));
  }

  /** One request at a time: the client below has no other way. */
  #inTurn(work) {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

const conflict = ({ height }) => invalid("conflict", `another block ${height} is trusted: show both to the consortium`);
