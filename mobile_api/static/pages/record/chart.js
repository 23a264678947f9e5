/**
 * The chart of one patient: records arrive decrypted, one by one, and are shown as they come. `clear` forgets
 * everything at once: bytes are overwritten, elements removed.
 */
import { el, note } from "../dom.js";
import { gettext, interpolate } from "../i18n.js";
import { config } from "../config.js";
import { cameFrom, resourcesIn } from "./fhir.js";
import { SECTIONS, heading, other } from "./sections.js";
import { isArchive } from "./archive.js";
import { ImageStack } from "./images.js";

export class Chart {
  #root;
  #code;
  #resources = new Map();
  #images = null;
  #broken = 0;
  #drawn = 0;

  /** @param {HTMLElement} root @param {string} code the patient's code, shown beside the name */
  constructor(root, code) {
    this.#root = root;
    this.#code = code;
  }

  /** @param {string} code shown beside the name */
  setCode(code) {
    this.#code = code;
  }

  /** Takes one record's plaintext (and the organisation it came from) and draws soon. A record that cannot be read is said, never skipped in silence. */
  add(bytes, source = null) {
    try {
      if (isArchive(bytes)) this.#images = (this.#images ?? new ImageStack()).add(bytes);
      else for (const resource of resourcesIn(bytes)) this.#keep(resource, source);
    } catch (error) {
      this.#broken += 1;
      console.warn("a record could not be shown:", error?.name);
    }
    if (!this.#drawn) this.#drawn = requestAnimationFrame(() => this.draw());
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
    this.#root.replaceChildren(patient || this.#code ? heading(patient, this.#code) : "",
      this.#broken ? note("warn", interpolate(gettext("%(n)s records could not be shown."), { n: this.#broken })) : "",
      el("div.grid-cards", {}, this.#cards()));
  }

  #cards() {
    const sections = SECTIONS();
    const known = new Set(["Patient", ...sections.flatMap((section) => section.types)]);
    for (const type of this.#resources.keys()) {
      if (!known.has(type)) sections.push({ ...other(config.words.type[type] ?? type), types: [type] });
    }
    const cards = sections.map((section) => this.#card(section)).filter(Boolean);
    if (this.#images) cards.push(el("section.panel", { class: "panel wide" }, el("h2", {}, gettext("Images")), this.#images.element));
    return cards;
  }

  #card({ types, title, draw, wide, always }) {
    const found = types.flatMap((type) => this.#resources.get(type) ?? []);
    // At the bedside "no allergy known here" is said; in one own record it would be noise.
    if (!found.length && !(always && this.#code)) return null;
    const body = found.length ? draw(found) : el("p", { class: "quiet" }, gettext("None in the records shared with you."));
    return el("section.panel", { class: `panel${wide ? " wide" : ""}` }, el("h2", {}, title), body);
  }

  /** Closes the view for good. */
  clear() {
    cancelAnimationFrame(this.#drawn);
    this.#root.querySelectorAll(".trend").forEach((place) => place.dispatchEvent(new Event("salus:close")));
    this.#images?.clear();
    this.#images = null;
    this.#resources.clear();
    this.#root.replaceChildren();
    this.#root.hidden = true;
  }
}
