/**
 * The live feed of one open page: a socket that always catches up from a cursor, and a page that redraws
 * its `#live` part from the server. The socket may die at any moment; nothing is lost by that.
 */
import { config } from "./config.js";
import { gettext } from "./i18n.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
const KEY = `salus.feed.${config.person ?? "page"}`;

function remembered() {
  const kept = Number(sessionStorage.getItem(KEY));
  return Number.isSafeInteger(kept) && kept > 0 ? kept : 0;
}

/** Waits grow and are spread, so that a restarted server is not met by everybody at once. */
export function waitBefore(attempt, random = Math.random()) {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt) * (0.5 + random / 2);
}

function showState(state) {
  const place = document.getElementById("link-state");
  if (!place) return;
  place.hidden = false;
  place.dataset.state = state;
  place.textContent = state === "open" ? gettext("Live") : gettext("Connecting…");
}

/**
 * Calls `onEntries(entries)` for every feed entry after the page's cursor, in order, each once.
 * @param {(entries: {seq: number, kind: string, payload: Record<string, string>}[]) => unknown} onEntries
 */
export function follow(onEntries) {
  let cursor = remembered();
  let attempt = 0;
  let socket = null;
  let timer = 0;

  async function take(message) {
    const fresh = message.entries.filter((entry) => entry.seq > cursor);
    cursor = Math.max(cursor, message.cursor);
    sessionStorage.setItem(KEY, String(cursor));
    if (fresh.length) await onEntries(fresh);
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "ack", cursor }));
  }

  function connect() {
    clearTimeout(timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/ws/feed`);
    socket.onopen = () => {
      attempt = 0;
      showState("open");
      socket.send(JSON.stringify({ type: "hello", cursor }));
    };
    socket.onmessage = (event) => take(JSON.parse(event.data)).catch(console.error);
    socket.onclose = (event) => {
      showState("closed");
      if (event.code === 4401) return location.assign("/");
      timer = setTimeout(connect, waitBefore(attempt++));
    };
  }
  const wake = () => { if (socket?.readyState === WebSocket.CLOSED) { attempt = 0; connect(); } };
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
  addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
  connect();
}

/** Draws `#live` again from the server's page, keeping what the person has unfolded. */
export async function redraw(afterwards) {
  const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return;
  if (answer.redirected && new URL(answer.url).pathname !== location.pathname) return location.assign(answer.url);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  const present = document.getElementById("live");
  if (!fresh || !present) return;
  const open = [...present.querySelectorAll("details")].map((part) => part.open);
  fresh.querySelectorAll("details").forEach((part, i) => { part.open = open[i] ?? false; });
  present.replaceChildren(...fresh.childNodes);
  afterwards?.();
}
