// The light client's steps and scenarios, played in the page; Python compares the answers with its own.
import { utf8 } from "../../../mobile_api/static/ledger/bytes.js";
import { verifyBundle } from "../../../mobile_api/static/ledger/light.js";
import { decodeLightBlock, decodeTrusted } from "../../../mobile_api/static/ledger/light_block.js";
import { FollowedLedger } from "../../../mobile_api/static/ledger/light_ledger.js";
import { LightClient } from "../../../mobile_api/static/ledger/light_client.js";
import { consentKnowledge, verifyConsent } from "../../../mobile_api/static/ledger/light_consent.js";
import { ProviderError } from "../../../mobile_api/static/ledger/light_path.js";
import { guarded, makeOptions } from "../../../mobile_api/static/ledger/light_verdict.js";
import { verify } from "../../../mobile_api/static/ledger/light_verifier.js";

/** [outcome, rule] of each step; malformed is "invalid", "form". */
window.lightVerdicts = (steps) => Promise.all(steps.map(verdictOf));

async function verdictOf({ trusted, block, periodNs, nowNs }) {
  const options = { trustingPeriodNs: BigInt(periodNs), clockDriftNs: 0n, level: [1n, 3n] };
  try {
    const [from, to] = await guarded(async () => [await decodeTrusted(trusted), await decodeLightBlock(block)]);
    const { outcome, rule } = await verify(from, to, options, BigInt(nowNs));
    return [outcome, rule];
  } catch (error) {
    return error.rule === "form" ? ["invalid", "form"] : ["thrown", String(error)];
  }
}

class Node {
  asked = [];
  constructor(name, blocks) {
    Object.assign(this, { name, blocks });
  }
  async lightBlock(height) {
    if (this.blocks === null) throw new TypeError("Failed to fetch");
    this.asked.push(height);
    const found = this.blocks[height ?? Math.max(...Object.keys(this.blocks).map(Number))];
    if (!found) throw new ProviderError("absent", `${this.name}: ${height}`);
    return found;
  }
}

/** How a scenario of tests/ledger/light/scenarios.py ends here, in the words of its `play`. */
window.lightScenario = async ({ primary, witnesses, root, target, now, period, drift, level, oneByOne }) => {
  const first = new Node("primary", primary);
  const client = new LightClient({
    primary: first,
    witnesses: witnesses.map((blocks, at) => new Node(`witness ${at}`, blocks)),
    options: makeOptions({ trustingPeriodMs: period, clockDriftMs: drift, level }),
    clock: () => now,
    oneByOne,
  });
  await client.restore([root]);
  const ended = await endedAs(() => client.verifyTo(target));
  const kept = client.blocks.map(({ signed_header: { header } }) => Number(header.height));
  return { ...ended, asked: first.asked, kept, witnesses: client.witnesses.map(({ name }) => Number(name.split(" ")[1])) };
};

async function endedAs(run) {
  try {
    const { height, header } = await run();
    return { end: "verified", height: Number(height), hash: header.hash };
  } catch (error) {
    if (error.name === "AttackDetected") {
      return { end: "attack", evidence: error.evidence.map(({ kind, commonHeight, byzantine }) => [kind, commonHeight, byzantine]) };
    }
    if (error.name === "LightError") return { end: "refused", rule: error.rule };
    return { end: error.name === "ProviderError" ? `ProviderError ${error.code}` : error.name };
  }
}

/** The height and type that a transaction's bundle proves, or the rule that refuses it. */
window.lightBundle = async ({ bundle, trusted }) => {
  try {
    const { height, body } = await verifyBundle(bundle, trusted);
    return [height, body.type];
  } catch (error) {
    return ["refused", error.rule ?? String(error)];
  }
};

/** What follows about a consent: from two bundles, or from two facts taken as proven. */
window.lightConsent = async ({ consent, granted, latest, trusted, now }) => {
  try {
    const known = trusted
      ? await verifyConsent(consent, granted, latest, trusted, now)
      : consentKnowledge(consent, fact(granted), fact(latest), now);
    return [known.standing, known.grantedHeight, known.knownHeight, known.ageMs];
  } catch (error) {
    return ["refused", error.rule ?? String(error)];
  }
};

const fact = ({ key, value, height, time }) => ({ key: utf8(key), value: value === null ? null : utf8(value), height, time });

/** Vouching for a hash: the one given, then another. */
window.lightTrust = async ({ blocks, height, hash, now }) => {
  const options = makeOptions({ trustingPeriodMs: 3_600_000 });
  const primary = new Node("primary", blocks);
  const made = (at = now) => new LightClient({ primary, witnesses: [], options, clock: () => at });
  const good = await endedAs(() => made().trust(height, hash));
  const bad = await endedAs(() => made().trust(height, "AA".repeat(32)));
  const early = await endedAs(() => made(0).trust(height, hash));
  const empty = await endedAs(() => made().verifyTo(height));
  const torn = structuredClone(blocks[height]);
  torn.signed_header.commit.signatures.pop();
  const restored = await endedAs(() => made().restore([torn]));
  return [good, bad, early, empty, restored];
};


/**
 * A device's visits to a ledger, in order; what it keeps goes from one visit to the next. Each visit: `nodes` (blocks by
 * height, null where one does not answer), `now`, and what it asks: `{reach: light block}` or `{latest: true}`.
 * Answers per visit: how each ended, how many blocks were fetched for it, and whether the device began again.
 */
window.followedVisits = async ({ genesis, period, visits, kept = null }) => {
  const keep = { read: () => kept, write: (text) => { kept = text; } };
  const ended = [];
  for (const { nodes, now, asks } of visits) {
    const providers = nodes.map((blocks, at) => new Node(`node ${at}`, blocks));
    const followed = new FollowedLedger({ genesis, trustingPeriodMs: period, providers, clock: () => now, keep });
    const told = [];
    for (const { reach } of asks) {
      const before = fetched(providers);
      const end = await endOf(() => (reach ? decodeLightBlock(reach).then((block) => followed.reach(block)) : followed.latest()));
      told.push([end, fetched(providers) - before]);
    }
    ended.push({ told, again: followed.beganAgain, kept: JSON.parse(kept ?? "[]").map((json) => Number(json.signed_header.header.height)) });
  }
  return ended;
};

const fetched = (providers) => providers.reduce((sum, { asked }) => sum + asked.length, 0);

async function endOf(run) {
  try {
    return (await run())?.height ?? "reached";
  } catch (error) {
    return error.name === "LightError" ? error.rule : error.name;
  }
}
