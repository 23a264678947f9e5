/** The installable part: service worker and push. Every wait has an end: some browsers never answer. */
import { config } from "./config.js";
import { postJson } from "./http.js";
import { gettext } from "./i18n.js";

const PATIENCE_MS = 8000;

class PushUnavailable extends Error {
  constructor(message, next) { super(message); this.next = next; }
}

/** Settles with the promise, or refuses after a while: a browser without a push service never settles. */
function withTimeout(promise, ms, refusal) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(refusal), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function registerWorker() {
  if (!("serviceWorker" in navigator)) return null;
  return navigator.serviceWorker.register("/sw.js", { scope: "/" }).catch(() => null);
}

function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

/** Asks for permission and subscribes this browser. Call it from a tap. */
export async function ringMe() {
  const keep = gettext("Keep this page open instead: it rings by itself.");
  if (!("PushManager" in window) || !("Notification" in window)) {
    throw new PushUnavailable(gettext("This browser cannot ring."), keep);
  }
  if ((await Notification.requestPermission()) !== "granted") {
    throw new PushUnavailable(gettext("Ringing is switched off for this page."),
      gettext("Allow notifications in the browser's settings."));
  }
  const slow = new PushUnavailable(gettext("The browser's push service does not answer."), keep);
  const worker = await withTimeout(navigator.serviceWorker.ready, PATIENCE_MS, slow);
  const subscribing = worker.pushManager.subscribe({
    userVisibleOnly: true, applicationServerKey: bytesOf(config.push),
  });
  const subscription = await withTimeout(subscribing, PATIENCE_MS, slow).catch((error) => {
    throw error instanceof PushUnavailable ? error : slow;
  });
  const { endpoint, keys } = subscription.toJSON();
  await postJson("/api/push/subscribe", { endpoint, keys });
}
