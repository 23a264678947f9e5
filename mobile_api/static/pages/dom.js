/** Building pages from data. Everything becomes text: nothing here ever parses markup. */
import { gettext } from "./i18n.js";

/**
 * @param {string} tag  may carry classes: "p.quiet"
 * @param {Record<string, unknown>} [attributes]  `on…` are listeners, null and false are left out
 * @param {...(Node|string|number|null|undefined|false|Array)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== ""));
  return node;
}

/** @param {string} id @returns {HTMLElement} */
export const byId = (id) => document.getElementById(id);

/** A note with a tone ("ok", "warn", "bad" or "") that screen readers announce. */
export function note(tone, title, text = "") {
  return el("div.note", { class: `note ${tone}`.trim(), role: tone === "bad" ? "alert" : "status" },
    el("p", {}, el("strong", {}, title), text ? ` ${text}` : ""));
}

/** Shows an error where the person is looking. @param {HTMLElement} place @param {Error} error */
export function showError(place, error) {
  const known = typeof error.code === "string" || typeof error.next === "string";
  place.replaceChildren(note("bad", known ? error.message : gettext("Something went wrong on this device."),
    error.next || (known ? "" : gettext("Reload the page and try again."))));
  place.scrollIntoView({ block: "nearest" });
  if (!known) console.error(error);
}

/** Keeps a button from being pressed twice while its work runs. */
export async function busy(button, work) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}
