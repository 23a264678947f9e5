// Narrowing: what a patient may take away from a request, and the check that nothing was added.
// Mirrors wallet/core/narrow.py; a scope is {types, dates: {from, to}, duration_s, mode}.
import { NothingLeft, Wider } from "./errors.js";
import { credentialHash, requestHash } from "./request.js";

const RANK = { N: 0, R: 1, V: 2 };
const FIRST = "0000-00-00";
const LAST = "9999-99-99";

/** What a request asks for. */
export function scopeOf({ types, dates, duration_s, mode }) {
  return { types, dates, duration_s, mode };
}

/** What is in both: always within `asked`. Throws NothingLeft when types, days or time become empty. */
export function narrow(asked, chosen) {
  const types = asked.types.filter((name) => chosen.types.includes(name));
  const from = later(asked.dates.from ?? FIRST, chosen.dates.from ?? FIRST);
  const to = earlier(asked.dates.to ?? LAST, chosen.dates.to ?? LAST);
  const duration_s = Math.min(asked.duration_s, chosen.duration_s);
  if (types.length === 0) throw new NothingLeft("types");
  if (from > to) throw new NothingLeft("dates");
  if (duration_s <= 0) throw new NothingLeft("duration_s");
  const mode = asked.mode === "store" && chosen.mode === "store" ? "store" : "view";
  return { types, dates: { from: from === FIRST ? null : from, to: to === LAST ? null : to }, duration_s, mode };
}

/** The first field in which `given` goes beyond `asked`, or null. */
export function firstWider(given, asked) {
  const within = {
    types: given.types.every((name) => asked.types.includes(name)),
    "dates.from": (given.dates.from ?? FIRST) >= (asked.dates.from ?? FIRST),
    "dates.to": (given.dates.to ?? LAST) <= (asked.dates.to ?? LAST),
    duration_s: given.duration_s <= asked.duration_s,
    mode: given.mode === "view" || asked.mode === "store",
  };
  return Object.keys(within).find((field) => !within[field]) ?? null;
}

/** Throws Wider unless `artefact` answers `request` and gives no more than it asks. */
export async function checkNarrowing(request, artefact) {
  await checkSame(request, artefact);
  const duration_s = Math.ceil((artefact.valid_until - artefact.valid_from) / 1000);
  const field = firstWider({ ...scopeOf(artefact), duration_s }, scopeOf(request));
  if (field !== null) throw new Wider(field);
  if (artefact.valid_from < request.created_at) throw new Wider("valid_from");
}

/**
 * Whether a record ({type, label, start, end}; days or "") is of these types, wholly within these days and not
 * above this ceiling. A record without a day is within any days, as the consent text says.
 */
export function fits(record, { types, dates, confidentiality }) {
  return types.includes(record.type) && withinDays(record, dates) && withinCeiling(record.label, confidentiality);
}

/** Throws Wider unless each of the artefact's records is among `offered` and fits. */
export function checkRecords(artefact, offered) {
  const known = new Map(offered.map((facts) => [facts.record, facts]));
  for (const record of artefact.records) {
    if (!known.has(record) || !fits(known.get(record), artefact)) throw new Wider("records");
  }
}

function withinDays({ start, end }, dates) {
  if (!start && !end) return true;
  const first = start ? earlier(start, end || start) : FIRST;
  return (dates.from ?? FIRST) <= first && later(start, end) <= (dates.to ?? LAST);
}

function withinCeiling(label, ceiling) {
  return (Object.hasOwn(RANK, label) ? RANK[label] : RANK.V) <= RANK[ceiling];
}

async function checkSame(request, artefact) {
  const [asker, grantee] = [request.requester, artefact.requester];
  const same = {
    request: (await requestHash(request)) === artefact.request,
    ledger: request.ledger === artefact.ledger,
    purpose: request.purpose === artefact.purpose,
    "requester.did": asker.did === grantee.did,
    "requester.organisation": asker.organisation === grantee.organisation,
    "requester.credential": (await credentialHash(asker.credential)) === grantee.credential,
    "requester.name": asker.name === grantee.name,
    "requester.role": asker.role === grantee.role,
  };
  const field = Object.keys(same).find((name) => !same[name]);
  if (field) throw new Wider(field);
}

function later(left, right) {
  return left > right ? left : right;
}

function earlier(left, right) {
  return left < right ? left : right;
}
