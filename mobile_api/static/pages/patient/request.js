/** One request: who, why, what, how long; narrowed if the patient wants; approved or refused with one tap. */
import { config } from "../config.js";
import { announce, busy, byId, moveTo, note, showError } from "../dom.js";
import { getJson, postJson } from "../http.js";
import { gettext, interpolate, ngettext } from "../i18n.js";
import { follow } from "../live.js";
import { registerWorker } from "../shell.js";
import { draft, prepare, signed } from "./approval.js";
import { checkRequester } from "./check.js";
import { chosen, lines } from "./choice.js";
import { keySet, openEnvelopes } from "./keys.js";
import { showOutcome } from "./outcome.js";
import { draw } from "./request_view.js";
import { didOf } from "../../ledger/did.js";

const STALE_MS = 120_000;
const DOCTOR_FIRST_MS = 600;
const place = byId("request");
const result = byId("result");

/** What the page knows; `prepared` is null while it does not match the screen. */
const state = { detail: null, choice: null, view: null, picked: null, artefact: null, prepared: null, shownAt: 0, skew: 0, keys: null, verified: null, run: 0, answered: false, renewal: 0 };
const now = () => Date.now() + state.skew;

async function load() {
  const detail = await getJson(`/api/patient/requests/${config.request}`);
  const profile = await getJson("/api/patient/profile");
  Object.assign(state, { detail: { ...detail, ledger: profile.ledger }, skew: detail.server_time - Date.now() });
  if (detail.request.state !== "requested") return showAnswer(detail.request);
  state.verified = await checkRequester(state.detail, profile.code, now()).then((ok) => ({ ok }), (bad) => ({ bad }));
  const records = detail.records.map(({ record }) => record);
  const { document } = detail.request;
  state.choice = { lines: lines(document, records), from: document.dates.from, to: document.dates.to, duration_s: document.duration_s };
  state.view = draw(place, state, { change: () => reshape(), approve, refuse });
  if (state.verified.bad) return undefined;
  if (config.custody === "self") state.keys = openEnvelopes(detail.records);
  return reshape();
}

/** The DID under which this patient answers that organisation; made now when there is none yet. */
async function subject() {
  const { did, state: registered, organisation } = state.detail.subject;
  state.register = registered === "none" || registered === "rejected";
  return state.register ? didOf(await keySet(organisation.organisation_id)) : did;
}

const names = () => {
  const { organisation, document } = state.detail.request;
  const name = config.locale === "zh-Hans" && organisation.name_zh ? organisation.name_zh : state.verified.ok.organisation.name;
  return { [document.requester.organisation]: name };
};

function narrowing() {
  const { scope, records, confidentiality } = state.picked;
  return { types: scope.types, records: records.map((r) => r.record_id), date_from: scope.dates.from, date_to: scope.dates.to,
    duration_s: scope.duration_s, confidentiality };
}

/** What a custodial approval asks for: the narrowing, and the very text that is on the screen. */
const asShown = () => ({ ...narrowing(), valid_from: state.artefact.valid_from, text: state.artefact.text });

/** Draws the text for the present choice and prepares the approval of exactly that text. */
async function reshape() {
  const run = (state.run += 1);
  state.prepared = null;
  state.view.ready(false);
  try {
    state.picked = chosen(state.detail.request.document, state.detail.records.map(({ record }) => record), state.choice);
    if (!state.picked.records.length) return state.view.text(null);
    const shown = config.custody === "custodial"
      ? await postJson(`/api/patient/requests/${config.request}/preview`, { narrowing: narrowing(), locale: config.locale })
      : await draft(state.detail, state.picked, await subject(), names(), now());
    if (run !== state.run) return undefined;
    Object.assign(state, { shownAt: Date.now(), artefact: shown.artefact });
    state.view.text(shown.text);
    const prepared = config.custody === "custodial" ? {} : await prepare(state.detail, state.picked, shown.artefact, await state.keys);
    if (run !== state.run) return undefined;
    state.prepared = prepared;
    announce(chosenWords());
    return state.view.ready(true);
  } catch (error) {
    if (run !== state.run) return undefined;
    if (error.code === "nothing_left") return state.view.text(null);
    return showError(result, error);
  }
}

/** What a listener hears after each change, instead of the whole text again. */
function chosenWords() {
  const n = state.picked.records.length;
  return interpolate(ngettext("%(n)s record is chosen. You can approve or refuse.",
    "%(n)s records are chosen. You can approve or refuse.", n), { n });
}

async function approve(button, pin) {
  performance.mark("approve-tap");
  result.replaceChildren();
  try {
    await busy(button, async () => {
      const to = `/api/patient/requests/${config.request}`;
      const consent = config.custody === "custodial"
        ? await postJson(`${to}/approve-custodial`, { pin, narrowing: asShown(), locale: config.locale })
        : await sendSigned(to);
      performance.mark("approve-sent");
      await answered(consent);
    });
  } catch (error) {
    showError(result, error);
    await afterRefusal(error);
  }
}

async function sendSigned(to) {
  const organisation = state.detail.subject.organisation.organisation_id;
  const approval = await signed(organisation, state.prepared, { register: state.register, now: now() });
  performance.mark("approve-signed");
  return postJson(`${to}/approve`, approval);
}

/** A text that has grown too old, or a request that is closed: show the present state. */
async function afterRefusal(error) {
  if (error.code === "invalid") await reshape();
  if (error.code === "refused") await load();
}

async function answered(consent) {
  forgetKeys();
  await showAnswer({ ...state.detail.request, state: "granted", consent_id: consent.consent_id }, consent);
  result.replaceChildren();
  moveTo(place);
  state.answered = true;
  later();
}

async function refuse(button) {
  try {
    const request = await busy(button, () => postJson(`/api/patient/requests/${config.request}/refuse`, {}));
    forgetKeys();
    await showAnswer(request);
    moveTo(place);
  } catch (error) {
    showError(result, error);
  }
}

/** The question has its answer: the page says so from its heading on. */
async function showAnswer(request, consent = null) {
  byId("question").textContent = gettext("Your answer");
  await showOutcome(place, request, consent);
}

function forgetKeys() {
  state.keys?.then((keys) => keys.forEach((key) => key.fill(0))).catch(() => {});
  Object.assign(state, { keys: null, prepared: null, run: state.run + 1 });
}

async function onEntries(entries) {
  const mine = entries.filter((entry) => entry.payload.request_id === config.request);
  if (mine.length) await (state.answered ? later() : renew());
}

/** After the own approval the doctor's page comes first: this one asks when that has had its moment. */
function later() {
  clearTimeout(state.renewal);
  state.renewal = setTimeout(() => renew().catch((error) => showError(result, error)), DOCTOR_FIRST_MS);
}

async function renew() {
  const fresh = await getJson(`/api/patient/requests/${config.request}`);
  if (fresh.request.state !== "requested") {
    forgetKeys();
    await showAnswer(fresh.request);
  }
}

setInterval(() => {
  if (state.prepared && Date.now() - state.shownAt > STALE_MS) reshape();
}, 10_000);
addEventListener("pagehide", forgetKeys);
registerWorker();
load().catch((error) => { place.replaceChildren(note("bad", gettext("The request cannot be shown."))); showError(result, error); })
  .finally(() => place.removeAttribute("aria-busy"));
follow(onEntries);
