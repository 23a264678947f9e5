/**
 * Words, dates and numbers in the reader's language and time zone. Strings come from Django's catalog
 * (`gettext` and `ngettext` are found by makemessages); formatting from Intl.
 */
import { config } from "./config.js";

const locale = config.language.startsWith("zh") ? "zh-Hans" : "en-GB";
const catalog = await fetch(config.catalog, { credentials: "same-origin" })
  .then((answer) => (answer.ok ? answer.json() : { catalog: {} }))
  .catch(() => ({ catalog: {} }));

/** @param {string} text @returns {string} */
export function gettext(text) {
  const found = catalog.catalog[text];
  if (found === undefined) return text;
  return Array.isArray(found) ? found[0] : found;
}

/** Chinese has one plural form, English two: the catalog's array is indexed accordingly. */
export function ngettext(one, many, count) {
  const found = catalog.catalog[one];
  if (!Array.isArray(found)) return found ?? (count === 1 ? one : many);
  return found[found.length === 1 || count === 1 ? 0 : 1];
}

/** Fills `%(name)s` places. @param {string} text @param {Record<string, unknown>} values */
export function interpolate(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
}

const dayForm = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: config.timeZone });
const plainDayForm = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const momentForm = new Intl.DateTimeFormat(locale, {
  dateStyle: "medium", timeStyle: "short", timeZone: config.timeZone,
});
const numberForm = new Intl.NumberFormat(locale, { maximumSignificantDigits: 6 });

/** A FHIR date, dateTime or partial date ("2024", "2024-05") as a person writes it; "" for none. */
export function fhirDate(value) {
  if (typeof value !== "string" || value === "") return "";
  if (/^\d{4}$/.test(value)) return value;
  if (/^\d{4}-\d{2}$/.test(value)) {
    return new Intl.DateTimeFormat(locale, { year: "numeric", month: "long", timeZone: "UTC" })
      .format(new Date(`${value}-01T00:00:00Z`));
  }
  const plain = /^\d{4}-\d{2}-\d{2}$/.test(value);
  const at = new Date(plain ? `${value}T00:00:00Z` : value);
  if (Number.isNaN(at.getTime())) return value;
  return plain ? plainDayForm.format(at) : momentForm.format(at);
}
/** @param {number} ms */
export const day = (ms) => dayForm.format(new Date(ms));
/** @param {number} ms */
export const moment = (ms) => momentForm.format(new Date(ms));
/** @param {number} value */
export const number = (value) => numberForm.format(value);

/** Several things in one line, as the language joins them. @param {string[]} things */
export const listed = (things) => things.filter(Boolean).join(locale === "zh-Hans" ? "、" : ", ");

/** A length of time in the largest two units that a person would say. @param {number} ms */
export function duration(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  if (days) return [sayDays(days), sayHours(hours)].filter(Boolean).join(" ");
  if (hours) return [sayHours(hours), sayMinutes(minutes % 60)].filter(Boolean).join(" ");
  if (minutes) return sayMinutes(minutes);
  return interpolate(ngettext("%(n)s second", "%(n)s seconds", Math.floor(ms / 1000)), {
    n: Math.max(0, Math.floor(ms / 1000)),
  });
}
const sayDays = (n) => (n ? interpolate(ngettext("%(n)s day", "%(n)s days", n), { n }) : "");
const sayHours = (n) => (n ? interpolate(ngettext("%(n)s hour", "%(n)s hours", n), { n }) : "");
const sayMinutes = (n) => (n ? interpolate(ngettext("%(n)s minute", "%(n)s minutes", n), { n }) : "");
