/**
 * What the patient leaves of a request. Pure: a choice in, the records and the narrowed scope out.
 * Sensitive records (labels R and V) are separate lines and are never preselected.
 */
import { fits, narrow, scopeOf } from "../../wallet/narrow.js";

const isSensitive = (label) => label !== "N" && !["U", "L", "M"].includes(label);

/** A record as narrowing sees it. */
export const facts = (record) => ({
  record: record.record_id, type: record.type, label: record.label, start: record.period_start, end: record.period_end,
});

/** One line a type and sensitivity that occurs: [{key, type, sensitive, count, chosen}]; types without records last. */
export function lines(document, records) {
  const found = [];
  for (const type of document.types) {
    const mine = records.filter((record) => record.type === type);
    for (const sensitive of [false, true]) {
      const count = mine.filter((record) => isSensitive(record.label) === sensitive).length;
      if (count) found.push({ key: `${type}/${sensitive ? "sensitive" : "usual"}`, type, sensitive, count, chosen: !sensitive });
    }
  }
  return found;
}

/** The highest label among the records: the consent's ceiling. An unknown label counts as the highest. */
function ceilingOf(records) {
  const labels = records.map((record) => record.label);
  if (labels.some((label) => isSensitive(label) && label !== "R")) return "V";
  return labels.includes("R") ? "R" : "N";
}

/**
 * @param {object} document the request
 * @param {object[]} records the offered RecordViews
 * @param {{lines: {type: string, sensitive: boolean, chosen: boolean}[], from: string|null, to: string|null, duration_s: number}} choice
 * @returns {{scope: object, records: object[], confidentiality: "N"|"R"|"V"}} @throws {NothingLeft}
 */
export function chosen(document, records, choice) {
  const on = choice.lines.filter((line) => line.chosen);
  const types = [...new Set(on.map((line) => line.type))];
  const scope = narrow(scopeOf(document), {
    types, dates: { from: choice.from, to: choice.to }, duration_s: choice.duration_s, mode: document.mode,
  });
  const within = records.filter((record) => on.some((line) => line.type === record.type && line.sensitive === isSensitive(record.label))
    && fits(facts(record), { ...scope, confidentiality: "V" }));
  return { scope, records: within, confidentiality: ceilingOf(within) };
}
