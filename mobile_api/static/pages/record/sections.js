/** The parts of a chart: one function per kind of resource, from resources to page elements. */
import { config } from "../config.js";
import { el } from "../dom.js";
import { fhirDate, gettext, interpolate, listed, ngettext } from "../i18n.js";
import * as fhir from "./fhir.js";
import { identity, merged } from "./merge.js";
import { trend } from "./trend.js";

const FLAGS = () => ({
  high: `↑ ${gettext("high")}`, low: `↓ ${gettext("low")}`, critical: `‼ ${gettext("critical")}`,
  abnormal: `! ${gettext("abnormal")}`,
});
const URGENCY = ["critical", "high", "low", "abnormal", ""];
const newestFirst = (a, b) => fhir.happened(b).localeCompare(fhir.happened(a));
const joined = (...parts) => parts.filter(Boolean).join(" · ");
const lines = (...texts) => texts.filter(Boolean).map((line) => [el("br"), el("small", {}, line)]);
const entry = (title, ...rest) => el("li", {}, el("strong", {}, title || gettext("without a name")), lines(...rest));

export function heading(patient, code) {
  const said = fhir.names(patient);
  const born = patient?.birthDate;
  const years = fhir.age(born);
  const facts = [
    fhir.gender(patient?.gender),
    born ? `${gettext("born")} ${fhirDate(born)}${years === null ? "" : ` (${years})`}` : "",
    said.length ? code : "",
  ];
  return el("header.chart-head", {}, el("h1", {}, said[0] ?? code),
    said.slice(1).map((name) => el("span", { class: "chart-name" }, name)),
    el("span", { class: "quiet" }, joined(...facts)));
}

/** Who reported it and when: "Riverside General (3 May 2026), Harbour". */
const saidBy = (said) => listed(said.map(({ source, date }) => (source && date
  ? interpolate(gettext("%(source)s (%(date)s)"), { source, date: fhirDate(date) }) : source || fhirDate(date))));

/** A list in which equal reports of several hospitals are one entry. */
function mergedList(found, { title, state, wording, same, className = "" }) {
  const entries = merged(found, { key: same, wording, date: (item) => fhir.happened(item).slice(0, 10), source: fhir.origin });
  return el("ul.items", {}, entries.map(({ item, wordings }) => el("li", { class: className },
    el("strong", {}, title(item) || gettext("without a name")), lines(state(item)),
    wordings.map(({ text, said }) => lines(text, saidBy(said))))));
}

const clinical = (item) => item.clinicalStatus?.coding?.[0]?.code ?? "";
const verified = (item) => item.verificationStatus?.coding?.[0]?.code ?? "";
/** What makes two reports the same: what it is and the states it is in. No code and no words: never the same. */
const sameAs = (concept, ...states) => (identity(concept) ? [identity(concept), ...states.map((state) => state ?? "")].join("\n") : "");
/** "confirmed" goes without saying; a doubt does not. */
const doubt = (item) => (verified(item) === "confirmed" ? "" : fhir.status(verified(item)));

const allergies = (found) => mergedList(found, {
  title: (item) => fhir.concept(item.code),
  state: (item) => joined(fhir.status(clinical(item)), item.criticality ? fhir.risk(item.criticality) : "", doubt(item)),
  wording: (item) => joined(...(item.reaction ?? []).map((one) => joined(fhir.concept(one.manifestation), fhir.status(one.severity)))),
  same: (item) => sameAs(item.code, clinical(item), verified(item), item.criticality),
  className: "allergy",
});

const problems = (found) => mergedList(found.toSorted(newestFirst), {
  title: (item) => fhir.concept(item.code),
  state: (item) => joined(fhir.status(clinical(item)), doubt(item)),
  wording: (item) => joined(fhir.concept(item.severity), (item.note ?? []).map((n) => n.text).join(" ")),
  same: (item) => sameAs(item.code, clinical(item), verified(item)),
});

const medication = (found) => mergedList(found.toSorted(newestFirst), {
  title: fhir.medicine,
  state: (item) => joined(item.resourceType === "MedicationRequest" ? "" : config.words.type[item.resourceType], fhir.status(item.status)),
  wording: fhir.dosage,
  same: (item) => (item.medicationCodeableConcept ? sameAs(item.medicationCodeableConcept, item.resourceType, item.status) : ""),
});

const encounters = (found) => el("ul.items", {}, found.toSorted(newestFirst).map((item) => entry(
  fhir.concept(item.type) || item.class?.display || fhir.concept(item.serviceType),
  joined(fhirDate(item.period?.start), item.period?.end && item.period.end.slice(0, 10) !== item.period.start?.slice(0, 10)
    ? fhirDate(item.period.end) : "", fhir.status(item.status)),
  fhir.concept(item.reasonCode), fhir.origin(item) || item.serviceProvider?.display)));

const reports = (found) => el("ul.items", {}, found.toSorted(newestFirst).map((item) => el("li", {},
  el("strong", {}, fhir.concept(item.code)), lines(joined(fhirDate(fhir.happened(item)), fhir.status(item.status), fhir.origin(item))),
  el("p", { class: "reading" }, item.conclusion || fhir.concept(item.conclusionCode)))));

const happenings = (found) => mergedList(found.toSorted(newestFirst), {
  title: (item) => fhir.concept(item.vaccineCode ?? item.code ?? item.type ?? item.category) || fhir.named(item) || item.description || item.title,
  state: (item) => fhir.status(item.status),
  wording: () => "",
  same: (item) => sameAs(item.vaccineCode ?? item.code, item.resourceType, fhir.happened(item).slice(0, 10), item.status),
});

function billRows(item) {
  const totals = Array.isArray(item.total)
    ? item.total.map((sum) => [fhir.billing(sum.category), fhir.money(sum.amount)])
    : item.total ? [[gettext("Total"), fhir.money(item.total)]] : [];
  return [
    ...(item.item ?? []).map((line) => [fhir.concept(line.productOrService), fhir.money(line.net ?? line.unitPrice)]),
    ...totals,
    ...(item.payment ? [[gettext("Paid"), fhir.money(item.payment.amount)]] : []),
  ];
}

const bills = (found) => el("div.bills", {}, found.toSorted(newestFirst).map((item) => el("div.panel", {},
  el("strong", {}, joined(config.words.type[item.resourceType], fhir.billing(item.type))),
  lines(joined(fhirDate(fhir.happened(item)), fhir.status(item.status)), item.provider?.display || fhir.origin(item)),
  table([gettext("What"), gettext("Amount")], billRows(item)))));

/** A table that scrolls inside itself; on a phone each row stands alone and its cells carry their titles. */
function table(head, rows) {
  if (!rows.length) return null;
  const cell = (found, title) => {
    const node = found instanceof Node ? found : el("td", {}, found);
    if (node.localName === "td") node.dataset.title = title;
    return node;
  };
  return el("div.scroll", { tabindex: 0, role: "region", "aria-label": head.join(", ") }, el("table.stacked", {},
    el("thead", {}, el("tr", {}, head.map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((found, at) => cell(found, head[at])))))));
}

function resultRow(title, item, source = fhir.origin(item)) {
  const flagged = fhir.flag(item);
  return [
    el("th", { scope: "row" }, title),
    el("td", { class: `number ${flagged ? `flag-${flagged}` : ""}` }, fhir.observed(item), flagged ? ` ${FLAGS()[flagged]}` : ""),
    el("td", { class: "number" }, fhir.range(item)),
    el("td", {}, fhirDate(fhir.happened(item)), lines(source)),
  ];
}

/** An observation's rows: itself, and its parts where they say more than the one line can. */
function resultRows(title, item) {
  const whole = item.component?.length === 2 && item.component.every((part) => part.valueQuantity);
  const parts = whole ? [] : item.component ?? [];
  return [resultRow(title, item), ...parts.map((part) => resultRow(
    `– ${fhir.concept(part.code)}`, { ...part, effectiveDateTime: fhir.happened(item) }, fhir.origin(item)))];
}

/** Observations by what was observed: the newest value, its range and flag, and a trend where there are two; abnormal first. */
function results(found) {
  const groups = [...Map.groupBy(found.toSorted(newestFirst), (item) => fhir.concept(item.code))]
    .toSorted(([, [a]], [, [b]]) => URGENCY.indexOf(fhir.flag(a)) - URGENCY.indexOf(fhir.flag(b)));
  const head = [gettext("Result"), gettext("Value"), gettext("Reference"), gettext("Date and hospital")];
  const trends = groups.map(([title, items]) => trend(title, items)).filter(Boolean);
  const earlier = groups.flatMap(([title, items]) => items.slice(1).flatMap((item) => resultRows(title, item)));
  return el("div", {}, table(head, groups.flatMap(([title, [newest]]) => resultRows(title, newest))),
    trends.length ? el("div.trends", {}, trends) : null,
    earlier.length ? el("details", { class: "earlier" }, el("summary", {}, interpolate(ngettext("%(n)s earlier value", "%(n)s earlier values",
      earlier.length), { n: earlier.length })), table(head, earlier)) : null);
}

/**
 * In the order of the bedside: what can kill first. `place`: beside (what is read at a glance), main (what needs room) or
 * after (background); a phone shows them in this order.
 */
export const SECTIONS = () => [
  { types: ["AllergyIntolerance"], title: gettext("Allergies"), draw: allergies, place: "beside", always: true },
  { types: ["Condition"], title: gettext("Problems"), draw: problems, place: "beside" },
  { types: ["MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"], title: gettext("Medication"), draw: medication, place: "beside" },
  { types: ["Observation"], title: gettext("Results"), draw: results, place: "main" },
  { types: ["DiagnosticReport"], title: gettext("Reports"), draw: reports, place: "main" },
  { types: ["Claim", "ExplanationOfBenefit"], title: gettext("Bills and settlements"), draw: bills, place: "main" },
  { types: ["Encounter"], title: gettext("Visits and stays"), draw: encounters, place: "after" },
  { types: ["Immunization"], title: gettext("Vaccinations"), draw: happenings, place: "after" },
  { types: ["Procedure", "ServiceRequest", "CarePlan"], title: gettext("Procedures and plans"), draw: happenings, place: "after" },
];

/** Whatever has no section of its own is still shown, under its type. */
export const other = (title) => ({ types: [], title, draw: happenings, place: "after" });
