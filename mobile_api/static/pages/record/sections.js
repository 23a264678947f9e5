/** The parts of a chart: one function per kind of resource, from resources to page elements. */
import { config } from "../config.js";
import { el } from "../dom.js";
import { fhirDate, gettext } from "../i18n.js";
import * as fhir from "./fhir.js";
import { trend } from "./trend.js";

const FLAGS = () => ({
  high: `↑ ${gettext("high")}`, low: `↓ ${gettext("low")}`, critical: `‼ ${gettext("critical")}`,
  abnormal: `! ${gettext("abnormal")}`,
});
const newestFirst = (a, b) => fhir.happened(b).localeCompare(fhir.happened(a));
const entry = (title, ...rest) => el("li", {}, el("strong", {}, title || gettext("without a name")),
  rest.filter(Boolean).map((line) => [el("br"), el("small", {}, line)]));
const joined = (...parts) => parts.filter(Boolean).join(" · ");

export function heading(patient, code) {
  const said = fhir.names(patient);
  const born = patient?.birthDate;
  const years = fhir.age(born);
  const facts = [
    fhir.gender(patient?.gender),
    born ? `${gettext("born")} ${fhirDate(born)}${years === null ? "" : ` (${years})`}` : "",
    code,
  ];
  return el("header.chart-head", {}, el("h1", {}, said[0] ?? code),
    said.slice(1).map((name) => el("span", { class: "chart-name" }, name)),
    el("span", { class: "quiet" }, joined(...facts)));
}

const allergies = (found) => el("ul.items", {}, found.map((item) => {
  const reactions = (item.reaction ?? []).map((one) => joined(fhir.concept(one.manifestation), fhir.status(one.severity)));
  const line = entry(fhir.concept(item.code), joined(...reactions),
    joined(fhir.status(item.clinicalStatus?.coding?.[0]?.code), item.criticality ? fhir.status(item.criticality) : "", fhir.origin(item)));
  line.classList.add("allergy");
  return line;
}));

const problems = (found) => el("ul.items", {}, found.toSorted(newestFirst).map((item) => entry(
  fhir.concept(item.code), joined(fhir.status(item.clinicalStatus?.coding?.[0]?.code),
    fhirDate(fhir.happened(item)), fhir.concept(item.severity), fhir.origin(item)), (item.note ?? []).map((n) => n.text).join(" "))));

const medication = (found) => el("ul.items", {}, found.toSorted(newestFirst).map((item) => entry(
  fhir.medicine(item), fhir.dosage(item), joined(fhir.status(item.status), fhirDate(fhir.happened(item)), fhir.origin(item)))));

const encounters = (found) => el("ul.items", {}, found.toSorted(newestFirst).map((item) => entry(
  fhir.concept(item.type) || item.class?.display || fhir.concept(item.serviceType),
  joined(fhirDate(item.period?.start), item.period?.end && item.period.end.slice(0, 10) !== item.period.start?.slice(0, 10)
    ? fhirDate(item.period.end) : "", fhir.status(item.status)),
  joined(fhir.concept(item.reasonCode), item.serviceProvider?.display))));

const reports = (found) => el("div.stack", {}, found.toSorted(newestFirst).map((item) => el("div", {},
  el("strong", {}, fhir.concept(item.code)), el("br"),
  el("small", {}, joined(fhirDate(fhir.happened(item)), fhir.status(item.status))),
  item.conclusion ? el("p", {}, item.conclusion) : fhir.concept(item.conclusionCode) ? el("p", {}, fhir.concept(item.conclusionCode)) : null)));

const happenings = (found) => el("ul.items", {}, found.toSorted(newestFirst).map((item) => entry(
  fhir.concept(item.vaccineCode ?? item.code ?? item.type ?? item.category) || fhir.named(item) || item.description || item.title,
  joined(fhirDate(fhir.happened(item)), fhir.status(item.status)))));

function billRows(item) {
  const totals = Array.isArray(item.total)
    ? item.total.map((sum) => [fhir.concept(sum.category), fhir.money(sum.amount)])
    : item.total ? [[gettext("Total"), fhir.money(item.total)]] : [];
  return [
    ...(item.item ?? []).map((line) => [fhir.concept(line.productOrService), fhir.money(line.net ?? line.unitPrice)]),
    ...totals,
    ...(item.payment ? [[gettext("Paid"), fhir.money(item.payment.amount)]] : []),
  ];
}

const bills = (found) => el("div.stack", {}, found.toSorted(newestFirst).map((item) => el("div.panel", {},
  el("strong", {}, joined(config.words.type[item.resourceType], fhir.concept(item.type))), el("br"),
  el("small", {}, joined(fhirDate(fhir.happened(item)), fhir.status(item.status), item.provider?.display)),
  table([gettext("What"), gettext("Amount")], billRows(item)))));

/** A table that scrolls inside itself. */
function table(head, rows) {
  if (!rows.length) return null;
  return el("div.scroll", { tabindex: 0, role: "region", "aria-label": head.join(", ") }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell) => (cell instanceof Node ? cell : el("td", {}, cell))))))));
}

function resultRow(title, item) {
  const flagged = fhir.flag(item);
  return [
    el("th", { scope: "row" }, title),
    el("td", { class: `number ${flagged ? `flag-${flagged}` : ""}` }, fhir.observed(item), flagged ? ` ${FLAGS()[flagged]}` : ""),
    el("td", { class: "number" }, fhir.range(item)),
    el("td", { class: "number" }, fhirDate(fhir.happened(item))),
  ];
}

/** Observations by what was observed: the newest value, its range and flag, and a trend where there are two. */
function results(found) {
  const byCode = Map.groupBy(found.toSorted(newestFirst), (item) => fhir.concept(item.code));
  const rows = [];
  const trends = [];
  for (const [title, items] of byCode) {
    const [newest] = items;
    rows.push(resultRow(title, newest));
    const parts = newest.component?.length > 2 || (newest.component && !newest.component.every((c) => c.valueQuantity)) ? newest.component : [];
    for (const part of parts) rows.push(resultRow(`– ${fhir.concept(part.code)}`, { ...part, effectiveDateTime: fhir.happened(newest) }));
    const drawn = trend(title, items);
    if (drawn) trends.push(drawn);
  }
  return el("div", {}, table([gettext("Result"), gettext("Value"), gettext("Reference"), gettext("Date")], rows),
    trends.length ? el("div.grid-cards", {}, trends) : null);
}

/** In the order of the bedside: what can kill first. `wide` takes the whole width. */
export const SECTIONS = () => [
  { types: ["AllergyIntolerance"], title: gettext("Allergies"), draw: allergies, always: true },
  { types: ["Condition"], title: gettext("Problems"), draw: problems },
  { types: ["MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"], title: gettext("Medication"), draw: medication },
  { types: ["Observation"], title: gettext("Results"), draw: results, wide: true },
  { types: ["DiagnosticReport"], title: gettext("Reports"), draw: reports },
  { types: ["Encounter"], title: gettext("Visits and stays"), draw: encounters },
  { types: ["Immunization"], title: gettext("Vaccinations"), draw: happenings },
  { types: ["Procedure", "ServiceRequest", "CarePlan"], title: gettext("Procedures and plans"), draw: happenings },
  { types: ["Claim", "ExplanationOfBenefit"], title: gettext("Bills and settlements"), draw: bills, wide: true },
];

/** Whatever has no section of its own is still shown, under its type. */
export const other = (title) => ({ types: [], title, draw: happenings });
