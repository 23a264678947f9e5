/** A small curve of one result over time, drawn by uPlot; its numbers stay readable as a list. */
import uPlot from "../../vendor/uplot.js";
import { el } from "../dom.js";
import { fhirDate, gettext, interpolate, number } from "../i18n.js";
import { happened } from "./fhir.js";

const WIDTH = 320;
const HEIGHT = 150;

/** Points of items that carry a number in the newest one's unit, oldest first. */
function points(items) {
  const unit = items.find((item) => item.valueQuantity)?.valueQuantity?.unit;
  return items
    .filter((item) => typeof item.valueQuantity?.value === "number" && item.valueQuantity.unit === unit)
    .map((item) => ({ at: Date.parse(happened(item)) / 1000, date: happened(item), value: item.valueQuantity.value }))
    .filter((point) => Number.isFinite(point.at))
    .toSorted((a, b) => a.at - b.at);
}

/** The curve, or null when there are fewer than two points to join. */
export function trend(title, items) {
  const found = points(items);
  if (found.length < 2) return null;
  const unit = items[0].valueQuantity?.unit ?? "";
  const spoken = found.map((point) => `${fhirDate(point.date)}: ${number(point.value)} ${unit}`).join("; ");
  const place = el("div.trend", { role: "img", "aria-label": interpolate(gettext("Trend of %(name)s: %(values)s"), { name: title, values: spoken }) });
  const figure = el("figure", {}, el("figcaption", {}, `${title}${unit ? ` (${unit})` : ""}`), place);
  requestAnimationFrame(() => place.isConnected && draw(place, found));
  return figure;
}

function draw(place, found) {
  const style = getComputedStyle(place);
  const ink = style.color;
  const line = getComputedStyle(document.documentElement).getPropertyValue("--pico-primary").trim() || ink;
  const axis = { stroke: ink, grid: { stroke: "rgb(128 128 128 / 25%)", width: 1 }, font: "12px system-ui" };
  const plot = new uPlot({
    width: Math.max(200, Math.min(WIDTH * 1.5, place.clientWidth || WIDTH)), height: HEIGHT,
    legend: { show: false }, cursor: { show: false },
    axes: [{ ...axis, space: 70, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toISOString().slice(0, 7)) },
      { ...axis, size: 48 }],
    series: [{}, { stroke: line, width: 2, points: { show: true, size: 7, fill: line } }],
  }, [found.map((point) => point.at), found.map((point) => point.value)], place);
  place.addEventListener("salus:close", () => plot.destroy(), { once: true });
}
