/** First visit: keys on this phone, or under a PIN; then the records arrive. */
import { config } from "../config.js";
import { busy, byId, el, note, showError } from "../dom.js";
import { getJson, postJson } from "../http.js";
import { gettext, interpolate } from "../i18n.js";
import { inLanguage } from "../record/fhir.js";
import { follow } from "../live.js";
import { registerWorker } from "../shell.js";
import { makeRegistrations, requestPersistence } from "./keys.js";
import { weakPin } from "./weak_pin.js";

const result = byId("result");

const nameOf = (organisation) => inLanguage([organisation.name, organisation.name_zh]);

/** How far the keys and the records are: drawn from the server's present state, never from hope. */
function show(profile, records) {
  const registered = profile.organisations.filter((o) => o.state === "registered").length;
  const anchored = records.filter((record) => record.state === "anchored").length;
  const total = profile.organisations.length + records.length;
  Object.assign(byId("bar"), { max: Math.max(1, total), value: registered + anchored });
  byId("steps").replaceChildren(
    ...profile.organisations.map((o) => el("li", { class: "row" }, nameOf(o.organisation),
      o.state === "registered" ? el("span", { class: "badge ok" }, gettext("registered"))
        : o.state === "rejected" ? el("span", { class: "badge bad" }, gettext("rejected"))
          : el("span", { class: "badge warn" }, gettext("being registered")))),
    el("li", {}, interpolate(gettext("%(done)s of %(all)s records are locked with your keys."),
      { done: anchored, all: records.length })));
  byId("go-on").hidden = registered < profile.organisations.length;
  return registered + anchored >= total;
}

async function refresh() {
  const [profile, records] = await Promise.all([getJson("/api/patient/profile"), getJson("/api/patient/records")]);
  if (show(profile, records)) result.replaceChildren(note("ok", gettext("Your record is ready.")));
}

function begun() {
  for (const id of ["choose", "pin-form"]) byId(id)?.remove();
  byId("progress").hidden = false;
  return refresh();
}

async function selfHeld(button) {
  try {
    await busy(button, async () => {
      byId("progress").hidden = false;
      const registrations = await makeRegistrations(config.organisations, (done, all) => {
        Object.assign(byId("bar"), { max: all, value: done });
        byId("steps").replaceChildren(el("li", {}, interpolate(gettext("Making keys: %(done)s of %(all)s"), { done, all })));
      });
      await postJson("/api/patient/dids", { registrations });
    });
    await begun();
    if (!(await requestPersistence())) {
      result.replaceChildren(note("warn", gettext("This browser may delete the keys when space runs short."),
        gettext("Install this page on the home screen to keep them.")));
    }
  } catch (error) {
    byId("progress").hidden = true;
    showError(result, error);
  }
}

async function custodial(event) {
  event.preventDefault();
  const form = event.target;
  const { pin, again } = form.elements;
  const problem = weakPin(pin.value) ?? (pin.value === again.value ? null : gettext("The two PINs differ."));
  if (problem) return result.replaceChildren(note("bad", problem));
  try {
    await busy(form.querySelector("[type=submit]"), () => postJson("/api/patient/pin", { pin: pin.value }));
    result.replaceChildren();
    await begun();
  } catch (error) {
    showError(result, error);
  } finally {
    pin.value = again.value = "";
  }
}

registerWorker();
byId("self-held")?.addEventListener("click", (event) => selfHeld(event.target));
byId("custodial")?.addEventListener("click", () => {
  byId("choose").hidden = true;
  byId("pin-form").hidden = false;
  byId("pin-form").elements.pin.focus();
});
byId("pin-form")?.addEventListener("submit", custodial);
if (config.custody) refresh().catch((error) => showError(result, error));
follow(() => (byId("progress").hidden ? undefined : refresh()));
