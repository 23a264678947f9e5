/** Asking: a code, then one tap on a preset, or the details. The request is signed by this device. */
import { config } from "../config.js";
import { busy, byId, note, showError } from "../dom.js";
import { postJson } from "../http.js";
import { gettext } from "../i18n.js";
import { follow, redraw } from "../live.js";
import { registerWorker } from "../shell.js";
import { signedRequest, thisDevice } from "./device_keys.js";
import { codeIn, scanCode } from "./scan.js";

const form = byId("ask");
const field = form.elements.code;
const DAY_MS = 86_400_000;

const isoDay = (ms) => new Date(ms).toISOString().slice(0, 10);

/** What a preset asks, or what the details say. */
function asked(presetId) {
  const preset = config.presets.find(({ id }) => id === presetId);
  if (preset) {
    const from = preset.days === null ? null : isoDay(Date.now() - preset.days * DAY_MS);
    return { purpose: preset.purpose, reason: preset.name, types: preset.types, dates: { from, to: null }, duration_s: preset.duration_s };
  }
  const { purpose, reason, duration, from, to } = form.elements;
  return {
    purpose: purpose.value, reason: reason.value.trim(),
    types: [...form.querySelectorAll("[name=types]:checked")].map((box) => box.value),
    dates: { from: from.value || null, to: to.value || null }, duration_s: Number(duration.value),
  };
}

function problemWith(code, what) {
  if (!code) return gettext("A patient code has eight letters and digits, such as 7K3M-9QXD.");
  if (!what.types.length) return gettext("Choose at least one type of record.");
  if (what.dates.from && what.dates.to && what.dates.from > what.dates.to) return gettext("The first date lies after the last.");
  return null;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const code = codeIn(field.value);
  const what = asked(event.submitter?.value ?? "");
  const problem = problemWith(code, what);
  if (problem) {
    byId("result").replaceChildren(note("bad", problem));
    return field.focus();
  }
  field.value = code;
  try {
    const made = await busy(event.submitter, async () => postJson("/api/clinician/requests/create", await signedRequest(code, what)));
    location.assign(`/clinician/requests/${made.request_id}/`);
  } catch (error) {
    showError(byId("result"), error);
  }
});

byId("scan").addEventListener("click", async () => {
  const camera = byId("camera");
  const stop = new AbortController();
  byId("stop-scan").onclick = () => stop.abort();
  byId("scan-note").replaceChildren();
  camera.hidden = false;
  try {
    const code = await scanCode(byId("video"), stop.signal);
    if (code) {
      field.value = code;
      byId("scan-note").replaceChildren(note("ok", gettext("Code read.")));
    }
  } catch (error) {
    showError(byId("scan-note"), error);
  } finally {
    camera.hidden = true;
    (field.value ? form.querySelector("[name=preset]") : field).focus();
  }
});

registerWorker();
// Another browser of the same clinician is another device: it registers first.
thisDevice().then((device) => device?.state === "registered" || location.replace("/clinician/device/"))
  .catch((error) => showError(byId("device-note"), error));
follow(() => redraw());
