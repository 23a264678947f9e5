// What two proofs of state say about a consent: granted at H, not revoked at H', and how old that is. Mirror of
// ledger/light/consent.py, which states the rules.
import { equalBytes, fromBase64, utf8 } from "./bytes.js";
import { jcs } from "./canonical.js";
import { verifyBundle, verifyState } from "./light.js";
import { guarded, LightError } from "./light_verdict.js";

const STATES = ["granted", "revoked"];
const ENTRY = [
  ...["subject", "artefact", "handles_root", "handles", "requester", "organisation", "access_key"],
  ...["valid_from", "valid_until", "max_opens", "erase_at", "custody"],
];

/**
 * Granted at H and not revoked at H'. `latest` is a state bundle of the entry `consent/<id>`,
 * `{signed_header, validators, key: text, value: base64 | null, proof: base64}`; `granted`, too, or the transaction's.
 * @param {string} consent @param {object} granted @param {object} latest @param {number} nowMs since 1970
 * @param {import("./light.js").Trusted} trusted @param {number} clockDriftMs
 * @returns {Promise<Knowledge>} a LightError when nothing follows
 * @typedef {{consent: string, standing: "granted" | "revoked", grantedHeight: number, knownHeight: number, ageMs: number,
 *   entry: object}} Knowledge `ageMs`: how old the second part is; what happened since is not known
 */
export async function verifyConsent(consent, granted, latest, trusted, nowMs, clockDriftMs = 0) {
  const then = "tx" in granted ? await grantedFact(granted, trusted) : await stateFact(granted, trusted);
  return consentKnowledge(consent, then, await stateFact(latest, trusted), nowMs, clockDriftMs);
}

/** What a state bundle proves. @returns {Promise<{key: Uint8Array, value: Uint8Array | null, height: number, time: number}>} */
async function stateFact(bundle, trusted) {
  return guarded(async () => {
    if ("tx" in bundle) throw new LightError("consent", "a proof of state is needed: inclusion does not say what came later");
    const [key, proof] = [utf8(bundle.key), fromBase64(bundle.proof)];
    const value = bundle.value === null ? null : fromBase64(bundle.value);
    const { height, time } = await verifyState(bundle, trusted, key, value, proof);
    return { key, value, height: height - 1, time };
  });
}

/** What the state held after the block that includes this grant: the block holds only what the rules accept. */
async function grantedFact(bundle, trusted) {
  const { body, height, time } = await verifyBundle(bundle, trusted);
  if (body.type !== "ConsentGranted") throw new LightError("consent", "the first proof is of neither a grant nor a state");
  const kept = ENTRY.map((name) => [name, body[name]]);
  const entry = { ...Object.fromEntries(kept), state: "granted", opens: 0, height };
  return { key: utf8(`consent/${body.consent}`), value: jcs(entry), height, time };
}

/** What follows from two proven facts; a LightError when nothing does. @returns {Knowledge} */
export function consentKnowledge(consent, granted, latest, nowMs, clockDriftMs = 0) {
  const key = utf8(`consent/${consent}`);
  const about = [granted, latest].every((fact) => equalBytes(fact.key, key));
  demand(about, "consent", "the proofs are of another entry than this consent's");
  demand(latest.height >= granted.height, "consent", "the second proof is of an earlier state than the first");
  demand(latest.time < nowMs + clockDriftMs, "future", "the second proof's header lies in the future");
  const [first, second] = [entryOf(granted.value), entryOf(latest.value)];
  demand(first?.state === "granted", "consent", `the consent was not granted at block ${granted.height}`);
  demand(second && follows(first, second), "consent", "the proofs contradict each other: they are not of one ledger");
  const ageMs = Math.max(0, nowMs - latest.time);
  return { consent, standing: second.state, grantedHeight: granted.height, knownHeight: latest.height, ageMs, entry: second };
}

/** The entry of a consent; null when there is none or it is not one. */
function entryOf(value) {
  if (value === null) return null;
  try {
    const entry = JSON.parse(new TextDecoder().decode(value));
    return STATES.includes(entry?.state) && Number.isSafeInteger(entry.opens) ? entry : null;
  } catch {
    return null;
  }
}

function follows(first, second) {
  const constant = ({ state, opens, ...rest }) => jcs(rest);
  return equalBytes(constant(first), constant(second)) && first.opens <= second.opens;
}

function demand(holds, rule, detail) {
  if (!holds) throw new LightError(rule, detail);
}
