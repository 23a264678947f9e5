// The plain words that a patient reads and signs. Mirrors wallet/core/consent_text.py byte for byte (vectors).
import { WORDS } from "./consent_words.js";
import { checkText } from "./documents.js";
import { Malformed } from "./errors.js";

/**
 * The text shown for `artefact`; its own `text` field is not used.
 * @param {object} artefact docs/formats.md section 4
 * @param {Record<string, string>} names the requester's organisation DID to the name to show
 * @param {"en" | "zh-Hans"} locale
 */
export function consentText(artefact, names, locale) {
  if (!Object.hasOwn(WORDS, locale)) throw new Malformed("artefact", "$.locale", "en or zh-Hans", "another locale");
  const words = WORDS[locale];
  const organisation = own(names, artefact.requester.organisation, "");
  checkText("artefact", "$.requester.organisation", organisation, 120);
  const types = artefact.types.map((name) => own(words.typeNames, name, name));
  const lines = [
    who(artefact, organisation, words),
    fill(words.purpose, own(words.purposes, artefact.purpose, artefact.purpose)),
    fill(words.types, types.join(words.comma)),
    dates(artefact, words),
    time(artefact, words),
    opens(artefact, words),
    words.confidentiality[artefact.confidentiality],
    fill(words.copies[artefact.mode], moment(artefact.erase_at, words)),
  ];
  if (artefact.delegate) {
    const { name, relation } = artefact.delegate;
    lines.push(fill(words.delegate, name, own(words.relations, relation, relation)));
  }
  return [...lines, words.stop].join("\n");
}

function who({ requester, records }, organisation, words) {
  const count = records.length;
  if (requester.did === requester.organisation) return fill(words.organisation, organisation, count);
  const role = own(words.roles, requester.role, requester.role);
  return fill(words.person, requester.name, role, organisation, count);
}

function dates({ dates: { from, to } }, words) {
  return fill(words.dates[`${Number(from !== null)}${Number(to !== null)}`], from, to);
}

function time({ valid_from, valid_until }, words) {
  return fill(words.time, moment(valid_from, words), moment(valid_until, words), length(valid_until - valid_from, words));
}

function opens({ max_opens }, words) {
  if (max_opens === 0) return words.opensAny;
  return fill(max_opens === 1 ? words.opensOnce : words.opensMany, max_opens);
}

function moment(timeMs, words) {
  return new Date(timeMs + words.offsetHours * 3_600_000).toISOString().slice(0, 16).replace("T", " ");
}

function length(lengthMs, words) {
  const minutes = Math.ceil(lengthMs / 60_000);
  for (const [unit, size] of [["day", 1440], ["hour", 60]]) {
    if (minutes % size === 0) return amount(unit, minutes / size, words);
  }
  return amount("minute", minutes, words);
}

function amount(unit, count, words) {
  return fill(words.units[unit][Number(count !== 1)], count);
}

// One pass, so that a name holding "{1}" stays as it is.
function fill(template, ...values) {
  return template.replace(/\{(\d)\}/g, (_, index) => String(values[Number(index)]));
}

function own(table, key, otherwise) {
  return Object.hasOwn(table, key) ? table[key] : otherwise;
}
