/**
 * The chart of one patient: records arrive decrypted, one by one, and are shown as they come. `clear` forgets
 * everything at once: bytes are overwritten, elements removed.
 */
import { el, note } from "../dom.js";
import { gettext, interpolate, listed, ngettext } from "../i18n.js";
import { config } from "../config.js";
import { cameFrom, inLanguage, resourcesIn } from "./fhir.js";
import { SECTIONS, heading, other } from "./sections.js";
import { isArchive } from "./archive.js";
import { ImageStack } from "./images.js";

const panel = (place, title, ...body) => el("section.panel", { "data-place": place }, el("h2", {}, title), body);

export class Chart {
  #root;
  #code;
  #resources = new Map();
  #images = null;
  #imagesFrom = new Set();
  #shown = 0;
  #broken = 0;
  #drawn = 0;

  /** @param {HTMLElement} root @param {string} code the patient's code, shown beside the name */
  constructor(root, code) {
    this.#root = root;
    root.classList.add("chart");
    this.#code = code;
  }

  /** @param {string} code shown beside the name */
  setCode(code) {
    this.#code = code;
  }

  /** Takes one record's plaintext (and the organisation it came from) and draws soon. A record that cannot be read is said, never skipped in silence. */
  add(bytes, source = null) {
    try {
      if (isArchive(bytes)) this.#picture(bytes, source);
      else for (const resource of resourcesIn(bytes)) this.#keep(resource, source);
      this.#shown += 1;
    } catch (error) {
      this.#broken += 1;
      console.warn("a record could not be shown:", error?.name);
    }
    if (!this.#drawn) this.#drawn = requestAnimationFrame(() => this.draw());
  }

  /** How many records are on the page. */
  get shown() {
    return this.#shown;
  }

  #picture(bytes, source) {
    this.#images = (this.#images ?? new ImageStack()).add(bytes);
    if (source) this.#imagesFrom.add(inLanguage([source.name, source.name_zh]));
  }

  #keep(resource, source) {
    if (source) cameFrom(resource, source);
    const type = String(resource.resourceType ?? "");
    if (!this.#resources.has(type)) this.#resources.set(type, []);
    this.#resources.get(type).push(resource);
  }

  draw() {
    this.#drawn = 0;
    this.#root.hidden = false;
    const patient = this.#resources.get("Patient")?.[0];
    const unread = ngettext("%(n)s record could not be shown.", "%(n)s records could not be shown.", this.#broken);
    this.#closeTrends();
    this.#root.replaceChildren(patient || this.#code ? heading(patient, this.#code) : "",
      this.#broken ? note("warn", interpolate(unread, { n: this.#broken })) : "", this.#columns());
  }

  /** Two columns where there is room, in the order of `SECTIONS` where there is not. */
  #columns() {
    const cards = this.#cards();
    const at = (...places) => cards.filter((card) => places.includes(card.dataset.place));
    const main = at("main");
    if (!main.length) return el("div.grid-cards", {}, cards);
    const aside = at("beside", "after");
    return el("div.chart-columns", { class: `chart-columns${aside.length ? " two" : ""}` }, el("div", {}, aside), el("div", {}, main));
  }

  #cards() {
    const sections = SECTIONS();
    const known = new Set(["Patient", ...sections.flatMap((section) => section.types)]);
    for (const type of this.#resources.keys()) {
      if (!known.has(type)) sections.push({ ...other(config.words.type[type] ?? type), types: [type] });
    }
    const cards = sections.map((section) => this.#card(section)).filter(Boolean);
    if (this.#images) {
      cards.push(panel("main", gettext("Images"), el("p", { class: "quiet" }, listed([...this.#imagesFrom])), this.#images.element));
    }
    return cards;
  }

  #card({ types, title, draw, place, always }) {
    const found = types.flatMap((type) => this.#resources.get(type) ?? []);
    // At the bedside "no allergy known here" is said; in one own record it would be noise.
    if (!found.length && !(always && this.#code)) return null;
    return panel(place, title, found.length ? draw(found) : el("p", { class: "quiet" }, gettext("None in the records shared with you.")));
  }

  #closeTrends() {
    this.#root.querySelectorAll(".trend").forEach((place) => place.dispatchEvent(new Event("salus:close")));
  }

  /** Closes the view for good. */
  clear() {
    cancelAnimationFrame(this.#drawn);
    this.#closeTrends();
    this.#images?.clear();
    this.#images = null;
    this.#resources.clear();
    this.#root.replaceChildren();
    this.#root.hidden = true;
  }
}
