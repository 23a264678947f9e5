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

/** Says something to those who listen to the page; nothing moves on the screen. @param {string} text */
export function announce(text) {
  byId("announce").textContent = text;
}

/** Moves the reader (and the keyboard) to what has just appeared. @param {HTMLElement} place */
export function moveTo(place) {
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
  place.scrollIntoView({ block: "start" });
}

/** Words for what a device's own key store or checks can refuse. */
const DEVICE = () => ({
  missing: [gettext("The keys for this are not on this device."), gettext("Use the device that holds them.")],
  unavailable: [gettext("This browser keeps no keys."), gettext("Leave the private window, or allow this site to store data.")],
  full: [gettext("This device has no room for keys."), gettext("Free some space and try again.")],
  cannot_open: [gettext("A record's key does not open on this device."), gettext("Use the device that holds the keys.")],
});

/** Shows an error where the person is looking. @param {HTMLElement} place @param {Error} error */
export function showError(place, error) {
  const own = DEVICE()[error.code];
  const told = typeof error.next === "string";
  const [title, next] = own ?? (told ? [error.message, error.next]
    : [gettext("Something went wrong on this device."), gettext("Reload the page and try again.")]);
  place.replaceChildren(note("bad", title, next));
  place.scrollIntoView({ block: "nearest" });
  if (!told) console.error(error);
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
