// Attack detection: does another node tell the same history, and if not, who signed two? Mirror of
// ledger/light/detector.py and ledger/light/evidence.py, which state the rules.
import { COMMITTED } from "./light_block.js";
import { fetchBlock, ProviderError, skipping } from "./light_path.js";
import { LightError, trustedStateOf } from "./light_verdict.js";

export const TESTIMONY = Object.freeze({ CONFIRMS: "confirms", BEHIND: "is behind", SILENT: "does not answer", FAULTY: "cannot back what it says" });

/** Two histories are signed: trust neither; `evidence` has one piece for each side, for the consortium. */
export class AttackDetected extends Error {
  name = "AttackDetected";
  constructor(evidence) {
    super(`${evidence[0].kind} attack: two signed histories after height ${evidence[0].commonHeight}`);
    this.evidence = evidence;
  }
}

/**
 * Compare `trace` (the trusted block, then the verified ones, the newest last) with what `witness` has.
 * Throws AttackDetected when the witness proves another history. @returns {Promise<string>} a TESTIMONY
 */
export async function examine(trace, witness, options, nowNs) {
  try {
    const newest = trace[trace.length - 1];
    const other = await opposed(newest, witness);
    if (!other) return TESTIMONY.BEHIND;
    if (other.header.hash === newest.header.hash) return samePriorities(newest, other) ? TESTIMONY.CONFIRMS : TESTIMONY.FAULTY;
    await accuse(trace, witness, options, nowNs);
    return TESTIMONY.FAULTY;
  } catch (error) {
    if (error instanceof ProviderError) return error.code === "unavailable" ? TESTIMONY.SILENT : TESTIMONY.FAULTY;
    if (error instanceof LightError) return TESTIMONY.FAULTY;
    throw error;
  }
}

const shown = ({ validators }) => validators.members.map(({ priority }) => priority).join();
const samePriorities = (ours, other) => !ours.prioritiesStated || !other.prioritiesStated || shown(ours) === shown(other);

/** The witness's block to hold against ours: of its height or, too early to be above us, its latest. */
async function opposed(ours, witness) {
  try {
    return await fetchBlock(witness, ours.height);
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== "absent") throw error;
  }
  const latest = await fetchBlock(witness, null);
  if (latest.height >= ours.height) throw new ProviderError("lied", `${witness.name} has ${latest.height}, but not ${ours.height}`);
  return latest.header.timeNs >= ours.header.timeNs ? latest : null;
}

/** Find where the histories part, have the witness prove its own, and throw AttackDetected. */
async function accuse(trace, witness, options, nowNs) {
  let common = null;
  for (const ours of trace) {
    const other = await opposed(ours, witness);
    if (!other) return;
    if (other.header.hash === ours.header.hash) {
      common = ours;
      continue;
    }
    if (!common) throw new ProviderError("lied", `${witness.name} does not have our trusted header ${ours.height}`);
    const proven = (await skipping(trustedStateOf(common), other, options, nowNs, witness)).pop();
    throw new AttackDetected([evidenceOf(ours, proven, common), evidenceOf(proven, ours, common)]);
  }
}

/**
 * That `conflicting` contradicts `other`; both histories agree up to `common`.
 * @returns {{kind: string, conflicting: object, commonHeight: number, byzantine: string[], totalPower: string, timeNs: bigint}}
 *   `conflicting` in JSON form, `byzantine` addresses
 */
function evidenceOf(conflicting, other, common) {
  const kind = attackKind(conflicting, other);
  const base = kind === "lunatic" ? common : other;
  return {
    kind,
    conflicting: conflicting.json,
    commonHeight: Number(base.height),
    byzantine: guilty(kind, conflicting, other, common),
    totalPower: String(base.validators.total),
    timeNs: base.header.timeNs,
  };
}

function attackKind(conflicting, other) {
  if (conflicting.height !== other.height || conflicting.header.derived !== other.header.derived) return "lunatic";
  return conflicting.commit.round === other.commit.round ? "equivocation" : "amnesia";
}

function guilty(kind, conflicting, other, common) {
  const [first, second] = [signers(conflicting.commit), signers(other.commit)];
  if (kind === "amnesia") return [];
  const members = kind === "lunatic" ? common.validators.members : other.validators.members;
  const named = members.filter(({ address }) => first.has(address) && (kind === "lunatic" || second.has(address)));
  return named.map(({ address }) => address);
}

const signers = ({ slots }) => new Set(slots.filter(({ flag }) => flag === COMMITTED).map(({ address }) => address));
