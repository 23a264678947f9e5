/** PINs that a thief tries first. The service refuses them as well; here the reason comes at once. */
import { gettext } from "../i18n.js";

const DIGITS = "01234567890123456789";

/** Why this PIN is refused, or null. @param {string} pin */
export function weakPin(pin) {
  if (!/^[0-9]{6}$/.test(pin)) return gettext("The PIN has six digits.");
  if (new Set(pin).size < 3) return gettext("Use at least three different digits.");
  if (DIGITS.includes(pin) || DIGITS.includes([...pin].reverse().join(""))) return gettext("Digits in a row are guessed first.");
  if (/^(..)\1\1$/.test(pin) || /^(...)\1$/.test(pin)) return gettext("A repeated pattern is guessed first.");
  return null;
}
