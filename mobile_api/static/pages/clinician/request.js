/** One request at the bedside: says truthfully where it stands, opens by itself, closes when the consent ends. */
import { config } from "../config.js";
import { keepTicking, tick } from "../countdown.js";
import { announce, busy, byId, el, note, showError } from "../dom.js";
import { getJson, postJson } from "../http.js";
import { gettext, interpolate, moment, ngettext } from "../i18n.js";
import { follow } from "../live.js";
import { Chart } from "../record/chart.js";
import { registerWorker } from "../shell.js";
import { canOpen, forgetRequest } from "./device_keys.js";
import { checkedGrant, openAll } from "./opening.js";

const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 30_000;
const panel = byId("state");
const result = byId("result");
const chart = new Chart(byId("chart"), "");
let opening = null;
let timer = 0;
let pause = FIRST_PAUSE_MS; // before the next try while the ledger does not answer
let painted = false;
let total = 0; // records that the open consent covers
let known = null; // this page's request, once the server has shown it

const WORDS = () => ({
  requested: [gettext("Waiting for the patient's answer."), gettext("Their phone rings now. This page opens the record by itself.")],
  signed: [gettext("The patient approved. The hospitals are writing it down…"), gettext("The record opens as soon as they agree.")],
  refused: [gettext("The patient refused."), gettext("No record is shown. Speak with the patient before you ask again.")],
  withdrawn: [gettext("You withdrew this request."), ""],
  expired: [gettext("Nobody answered in time."), gettext("Ask again when the patient can answer.")],
  revoked: [gettext("The patient stopped this permission."), gettext("The record was closed and removed from this page.")],
  ended: [gettext("The permission has ended."), gettext("The record was closed and removed from this page. Ask again if you still need it.")],
  rejected: [gettext("The ledger did not accept the approval."), gettext("No record is shown. Ask again.")],
});

/** Shows where the request stands. */
function say(state, ...more) {
  const [title, next] = WORDS()[state];
  panel.dataset.state = state;
  // The end of a permission interrupts what is being read aloud.
  const role = ["revoked", "ended", "rejected"].includes(state) ? "alert" : "status";
  byId("waiting").replaceChildren(el("p", { id: "waiting-text", role }, el("strong", {}, title), " ", next), ...more);
  byId("withdraw").hidden = state !== "requested";
}

/** Where things stand, from the server: the request and, once granted, its consent. */
async function present() {
  const { requests, consents } = await getJson("/api/clinician/requests");
  const request = requests.find((one) => one.request_id === config.request);
  const consent = consents.find((one) => one.request_id === config.request) ?? null;
  return { request, consent };
}

async function refresh() {
  const { request, consent } = await present();
  known = request;
  if (!consent) {
    const waiting = request.state === "requested";
    say(request.state, waiting ? el("p", { class: "quiet" }, el("span", { "data-until": request.expires_at })) : "");
    return tick();
  }
  if (consent.state === "signed") return say("signed");
  if (consent.state === "active") return open(request, consent);
  if (consent.state === "rejected") return say("rejected");
  return close(consent.state === "revoked" ? "revoked" : "ended");
}

function showActive(consent) {
  panel.dataset.state = "active";
  byId("withdraw").hidden = true;
  byId("waiting").replaceChildren(el("div", { class: "row" },
    el("span", {}, el("span", { class: "badge ok" }, gettext("Open")), " ", interpolate(gettext("until %(time)s"), { time: moment(consent.valid_until) })),
    el("span", { id: "count" }), el("span", { class: "quiet countdown", "data-until": consent.valid_until }),
    el("button", { type: "button", class: "outline secondary", onclick: () => print() }, gettext("Print"))));
  tick();
}

/** Opens once; a second call while it is open does nothing. @param {{consent_id: string, tx_hash: string}} consent */
async function open(request, consent) {
  if (opening) return;
  if (!(await canOpen(request.request_id))) {
    say("signed");
    return byId("waiting").replaceChildren(note("warn", gettext("This request was made on another device."), gettext("Open it there.")));
  }
  opening = new AbortController();
  performance.mark("grant-known");
  const grant = await checkedGrant(request, consent);
  performance.mark("grant-checked");
  showActive(grant.consent);
  closeOnTime(grant.consent.valid_until);
  chart.setCode(request.patient_code);
  total = grant.records.length;
  count();
  const { failed, said } = await openAll(request, grant, { signal: opening.signal, show, onKeys });
  if (!opening.signal.aborted) announce(count());
  if (failed && !opening.signal.aborted) {
    result.replaceChildren(note("warn", interpolate(ngettext("%(n)s record could not be opened.", "%(n)s records could not be opened.", failed), { n: failed }),
      said?.message ?? gettext("Reload to try them again; the patient will see it.")));
  }
  performance.mark("all-records");
}

function onKeys() {
  performance.mark("keys-here");
  pause = FIRST_PAUSE_MS;
  result.replaceChildren();
}

/** How much of what was granted is on the page: true at every moment. */
function count() {
  const words = interpolate(gettext("%(n)s of %(all)s records shown"), { n: chart.shown, all: total });
  const place = byId("count");
  if (place) place.textContent = words;
  return words;
}

/** The first record on the screen ends the journey that is measured. */
function show(record, bytes) {
  chart.add(bytes, record.source);
  count();
  if (painted) return;
  painted = true;
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("first-paint-record")));
}

function closeOnTime(until) {
  clearTimeout(timer);
  const left = until - Date.now();
  timer = setTimeout(() => (left > 2 ** 31 - 1 ? closeOnTime(until) : close("ended")), Math.max(0, Math.min(left, 2 ** 31 - 1)));
}

/** Closes the view at once and for good: nothing stays on the page or in its memory that we hold. */
function close(state) {
  opening?.abort();
  clearTimeout(timer);
  chart.clear();
  result.replaceChildren();
  say(state);
  forgetRequest(config.request).catch(() => {});
}

byId("withdraw").addEventListener("click", async (event) => {
  try {
    await busy(event.target, () => postJson(`/api/clinician/requests/${config.request}/withdraw`, {}));
    await refresh();
  } catch (error) {
    showError(result, error);
  }
});

function onEntries(entries) {
  const mine = entries.filter((entry) => entry.payload.request_id === config.request);
  if (!mine.length) return undefined;
  const ended = mine.find((entry) => entry.kind === "consent.ended");
  // The feed says it first: the view closes before anything is asked of the server.
  if (ended && opening) return close(ended.payload.state === "revoked" ? "revoked" : "ended");
  const active = mine.findLast((entry) => entry.kind === "consent.active");
  // Said at once and without asking: the ledger may take a moment, or be halted.
  if (!active && known && !opening && mine.at(-1).kind === "consent.signed") return say("signed");
  if (!active || opening || !known) return refresh();
  performance.mark("grant-told");
  return open(known, active.payload);
}

keepTicking();
registerWorker();
addEventListener("pagehide", () => { opening?.abort(); chart.clear(); });
addEventListener("pageshow", (event) => event.persisted && location.reload());
/** Says what failed. A ledger that does not answer is asked again, ever more seldom: each try may be written down. */
function failed(error) {
  opening = null;
  showError(result, error);
  if (error.code !== "ledger_unavailable") return;
  say("signed");
  clearTimeout(timer);
  timer = setTimeout(() => refresh().catch(failed), pause);
  pause = Math.min(LONGEST_PAUSE_MS, 2 * pause);
}
refresh().catch(failed);
follow((entries) => Promise.resolve(onEntries(entries)).catch(failed));
