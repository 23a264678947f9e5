/**
 * Reading FHIR R4 as a person does: plain functions from resources to words and numbers. No page, no network.
 * Everything returned is plain text; data from a record never becomes markup.
 */
import { config } from "../config.js";
import { fhirDate, gettext, interpolate, number } from "../i18n.js";

const CJK = /[\u3400-\u9fff\uf900-\ufaff]/;
const list = (value) => (Array.isArray(value) ? value : value ? [value] : []);
const text = (value) => (typeof value === "string" ? value.trim() : "");

/** Of several wordings the one in the reader's language, else the first. @param {string[]} wordings */
export function inLanguage(wordings, language = config.language) {
  const said = wordings.map(text).filter(Boolean);
  const chinese = language.startsWith("zh");
  return said.find((word) => CJK.test(word) === chinese) ?? said[0] ?? "";
}

/** A CodeableConcept in words; the code itself when nobody gave words. */
export function concept(value) {
  const all = list(value);
  const words = all.flatMap((one) => [one?.text, ...list(one?._text?.extension).flatMap(translated),
    ...list(one?.coding).map((coding) => coding?.display)]);
  return inLanguage(words) || text(all[0]?.coding?.[0]?.code);
}

function translated(extension) {
  if (extension?.url !== "http://hl7.org/fhir/StructureDefinition/translation") return [];
  return list(extension.extension).filter((part) => part?.url === "content")
    .map((part) => part.valueString ?? part.valueMarkdown);
}

const isChinese = (name) => CJK.test([name?.text, name?.family, ...list(name?.given)].map(text).join(""));

/** A HumanName as its people say it: the text as given, else put together in the order of its language. */
function spoken(name, familyFirst) {
  if (text(name?.text)) return text(name.text);
  const [family, given] = [text(name?.family), list(name?.given).map(text).join(" ")];
  if (isChinese(name)) return `${family}${given}`;
  return (familyFirst ? [family, given] : [given, family]).filter(Boolean).join(" ");
}

/**
 * Every name of a person, each once, the reader's language first. Who has a Chinese name keeps the family name in front in
 * Latin letters as well (GB/T 28039): Li Mei, 李梅.
 */
export function names(resource) {
  const present = list(resource?.name).filter((name) => name?.use !== "old");
  const familyFirst = present.some(isChinese);
  const said = [...new Set(present.map((name) => spoken(name, familyFirst)).filter(Boolean))];
  const first = inLanguage(said);
  return said.toSorted((a, b) => (b === first) - (a === first));
}

/** Whole years between a birth date and a day, or null. */
export function age(birthDate, now = new Date()) {
  const found = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?/.exec(text(birthDate));
  if (!found) return null;
  const [year, month, day] = [Number(found[1]), Number(found[2] ?? 1), Number(found[3] ?? 1)];
  const before = now.getMonth() + 1 < month || (now.getMonth() + 1 === month && now.getDate() < day);
  return now.getFullYear() - year - (before ? 1 : 0);
}

const GENDERS = () => ({
  female: gettext("female"), male: gettext("male"), other: gettext("other"), unknown: gettext("unknown"),
});
export const gender = (code) => GENDERS()[code] ?? text(code);

const STATUSES = () => ({
  active: gettext("active"), inactive: gettext("inactive"), resolved: gettext("resolved"),
  remission: gettext("in remission"), recurrence: gettext("recurring"), relapse: gettext("relapsed"),
  completed: gettext("completed"), stopped: gettext("stopped"), "on-hold": gettext("on hold"),
  cancelled: gettext("cancelled"), draft: gettext("draft"), final: gettext("final"),
  preliminary: gettext("preliminary"), amended: gettext("amended"), corrected: gettext("corrected"),
  finished: gettext("finished"), "in-progress": gettext("in progress"), planned: gettext("planned"),
  "not-done": gettext("not done"), "entered-in-error": gettext("entered in error"),
  confirmed: gettext("confirmed"), unconfirmed: gettext("unconfirmed"), provisional: gettext("provisional"),
  differential: gettext("differential"), refuted: gettext("refuted"), mild: gettext("mild"),
  moderate: gettext("moderate"), severe: gettext("severe"),
});
const RISKS = () => ({ low: gettext("low risk"), high: gettext("high risk"), "unable-to-assess": gettext("risk unknown") });
/** An allergy's criticality in words. */
export const risk = (code) => RISKS()[code] ?? text(code);
/** A status code in words. */
export const status = (code) => STATUSES()[code] ?? text(code);

const BILLS = () => ({
  submitted: gettext("Submitted"), benefit: gettext("Benefit"), eligible: gettext("Eligible"), copay: gettext("Own share"),
  deductible: gettext("Deductible"), professional: gettext("Doctors' services"), institutional: gettext("Hospital's services"),
  pharmacy: gettext("Pharmacy"), oral: gettext("Dental"), vision: gettext("Eye care"),
});
/** A billing code of HL7's claim-type and adjudication systems in words, else what the sender wrote. */
export const billing = (value) => BILLS()[text(list(value)[0]?.coding?.[0]?.code)] ?? concept(value);

/** The first date that says when a resource happened. */
export function happened(resource) {
  return text(resource.effectiveDateTime ?? resource.effectivePeriod?.start ?? resource.effectiveInstant
    ?? resource.onsetDateTime ?? resource.onsetPeriod?.start ?? resource.recordedDate ?? resource.authoredOn
    ?? resource.performedDateTime ?? resource.performedPeriod?.start ?? resource.occurrenceDateTime
    ?? resource.period?.start ?? resource.started ?? resource.created ?? resource.date ?? resource.issued);
}

/** A Quantity with its comparator and unit. */
function quantity(value) {
  if (typeof value?.value !== "number") return "";
  return `${text(value.comparator)}${number(value.value)} ${text(value.unit) || text(value.code)}`.trim();
}

/** An Observation's (or component's) value in words. */
export function observed(item) {
  if (item.valueQuantity) return quantity(item.valueQuantity);
  if (item.valueCodeableConcept) return concept(item.valueCodeableConcept);
  if (typeof item.valueString === "string") return item.valueString;
  if (typeof item.valueBoolean === "boolean") return item.valueBoolean ? gettext("yes") : gettext("no");
  if (typeof item.valueInteger === "number") return number(item.valueInteger);
  if (item.valueDateTime) return fhirDate(item.valueDateTime);
  if (item.valueRange) return `${quantity(item.valueRange.low)} – ${quantity(item.valueRange.high)}`;
  if (item.valueRatio) return `${quantity(item.valueRatio.numerator)} / ${quantity(item.valueRatio.denominator)}`;
  if (list(item.component).length) return observedTogether(item.component);
  return concept(item.dataAbsentReason);
}

/** Components side by side, the unit once where all share it: `132 / 84 mmHg`. */
function observedTogether(components) {
  const units = new Set(components.map((part) => part?.valueQuantity?.unit));
  if (units.size !== 1 || units.has(undefined)) return components.map(observed).filter(Boolean).join(" / ");
  return `${components.map((part) => number(part.valueQuantity.value)).join(" / ")} ${[...units][0]}`;
}

/** A reference range as people write it; "" for none. */
export function range(item) {
  const first = list(item.referenceRange)[0];
  if (!first) return "";
  if (text(first.text)) return text(first.text);
  const low = first.low?.value, high = first.high?.value;
  if (typeof low === "number" && typeof high === "number") return `${number(low)} – ${number(high)}`;
  if (typeof high === "number") return `≤ ${number(high)}`;
  return typeof low === "number" ? `≥ ${number(low)}` : "";
}

const HIGH = ["H", "HH", "HU", "U>", ">"];
const LOW = ["L", "LL", "LU", "<"];
const CRITICAL = ["HH", "LL", "AA"];

/** "high", "low", "critical", "abnormal" or "": the laboratory's word, else what the range says in the same unit. */
export function flag(item) {
  if (list(item.component).length) return item.component.map(flag).find(Boolean) ?? "";
  const codes = list(item.interpretation).flatMap((one) => list(one?.coding)).map((coding) => coding?.code);
  if (codes.some((code) => CRITICAL.includes(code))) return "critical";
  if (codes.some((code) => HIGH.includes(code))) return "high";
  if (codes.some((code) => LOW.includes(code))) return "low";
  if (codes.includes("A")) return "abnormal";
  if (codes.length) return "";
  const first = list(item.referenceRange)[0], value = item.valueQuantity;
  if (!first || list(item.referenceRange).length > 1 || typeof value?.value !== "number") return "";
  const same = (bound) => typeof bound?.value === "number" && text(bound.unit ?? bound.code ?? value.unit) ===
    text((bound.unit ? value.unit : bound.code ? value.code : value.unit));
  if (same(first.high) && value.value > first.high.value) return "high";
  return same(first.low) && value.value < first.low.value ? "low" : "";
}

/** Doses as the prescriber wrote them, else put together from the parts. */
export function dosage(resource) {
  return list(resource.dosageInstruction ?? resource.dosage).map((dose) => {
    const said = inLanguage([dose?.text, ...list(dose?._text?.extension).flatMap(translated)]);
    if (said) return said;
    const amount = quantity(list(dose?.doseAndRate)[0]?.doseQuantity ?? dose?.doseQuantity);
    const repeat = dose?.timing?.repeat;
    const often = concept(dose?.timing?.code) || (repeat?.frequency && repeat?.period
      ? interpolate(gettext("%(times)s × every %(period)s %(unit)s"),
        { times: repeat.frequency, period: repeat.period, unit: text(repeat.periodUnit) }) : "");
    return [amount, concept(dose?.route), often].filter(Boolean).join(", ");
  }).filter(Boolean).join("; ");
}

/** What a prescription is of. */
export const medicine = (resource) => concept(resource.medicationCodeableConcept)
  || text(resource.medicationReference?.display);

/** An organisation's or place's name, translated where it is. */
export const named = (resource) => inLanguage([typeof resource.name === "string" ? resource.name : "",
  ...list(resource._name?.extension).flatMap(translated)]);

/** Money as amount and currency. */
export const money = (value) => (typeof value?.value === "number"
  ? `${number(value.value)} ${text(value.currency)}`.trim() : "");

/** The resources inside a record's bytes: a Bundle's entries, or the one resource. Throws SyntaxError. */
export function resourcesIn(bytes) {
  const document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (document?.resourceType !== "Bundle") return [document];
  return list(document.entry).map((entry) => entry?.resource).filter((found) => found && typeof found === "object");
}

const origins = new WeakMap();
/** Remembers which organisation a resource came from. */
export const cameFrom = (resource, source) => origins.set(resource, source);
/** The name of the organisation that a resource came from; "" when it is not known. */
export const origin = (resource) => {
  const source = origins.get(resource);
  return source ? inLanguage([source.name, source.name_zh]) : "";
};
