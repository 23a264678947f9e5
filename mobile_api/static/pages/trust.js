/**
 * The ledger as this device follows it: what it trusts, kept here, and the validators asked through our server,
 * each for itself and none believed. The genesis that a device saw first is kept; another one later is refused.
 */
import { toHex } from "../ledger/bytes.js";
import { validatorsHash } from "../ledger/light.js";
import { FollowedLedger } from "../ledger/light_ledger.js";
import { ProviderError } from "../ledger/light_path.js";
import { config } from "./config.js";
import { getJson } from "./http.js";
import { gettext } from "./i18n.js";

class TrustChanged extends Error {
  constructor() {
    super(gettext("The ledger's validators are not those that this device knows."));
    this.code = "trust-changed";
    this.next = gettext("Do not approve anything. Ask your hospital whether the validators were changed.");
  }
}

let followed = null;

/** The ledger that this device follows. Throws TrustChanged, or "no-ledger" while there is none. */
export async function ledger() {
  if (followed) return followed;
  const told = config.trust;
  if (!told) throw Object.assign(new Error(gettext("The ledger is not set up yet.")), { code: "no-ledger", next: gettext("Try again shortly.") });
  await checkGenesis(told);
  return (followed ??= new FollowedLedger({
    genesis: told,
    trustingPeriodMs: told.trusting_period_ms,
    providers: inAnyOrder(Array.from({ length: told.sources }, (_, source) => validator(source))),
    clock: Date.now,
    keep: keeper(`salus.blocks.${told.chain_id}`),
  }));
}

async function checkGenesis({ chain_id: chain, validators }) {
  const [slot, hash] = [`salus.trust.${chain}`, toHex(await validatorsHash(validators))];
  const kept = localStorage.getItem(slot);
  if (kept !== null && kept !== hash) throw new TrustChanged();
  localStorage.setItem(slot, hash);
}

/** One validator behind our server, as a provider of light blocks (light_path.js). */
const validator = (source) => ({
  name: `validator ${source + 1}`,
  async lightBlock(height) {
    try {
      return await getJson(`/api/ledger/${source}/light-block${height === null ? "" : `?height=${height}`}`);
    } catch (error) {
      throw error.status === 404 ? new ProviderError("absent", error.message) : error;
    }
  },
});

/** Verified blocks in this browser. Without room, the next visit verifies them again. */
const keeper = (slot) => ({
  read: () => localStorage.getItem(slot),
  write(text) {
    try {
      localStorage.setItem(slot, text);
    } catch (error) {
      console.warn("verified blocks were not kept:", error.name);
    }
  },
});

/** So that not every phone asks the same validator first. */
const inAnyOrder = (things) => things.map((thing) => [Math.random(), thing]).sort(([a], [b]) => a - b).map(([, thing]) => thing);
