/** Times that run: `[data-until]` elements say how long is left. */
import { duration, gettext, interpolate } from "./i18n.js";

export function tick(root = document, now = Date.now()) {
  for (const place of root.querySelectorAll("[data-until]")) {
    const left = Number(place.dataset.until) - now;
    place.textContent = left > 0
      ? interpolate(gettext("%(time)s left"), { time: duration(left) })
      : gettext("ended");
  }
}

/** Keeps all countdowns of the page true, to the second in the last minute. */
export function keepTicking() {
  tick();
  setInterval(() => tick(), 1000);
}
