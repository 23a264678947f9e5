/** The patient's home: rings when a request comes, stops permissions, redraws itself. */
import { config } from "../config.js";
import { keepTicking, tick } from "../countdown.js";
import { announce, busy, byId, note, showError } from "../dom.js";
import { postJson } from "../http.js";
import { gettext, interpolate, ngettext } from "../i18n.js";
import { follow, redraw } from "../live.js";
import { registerWorker, ringMe } from "../shell.js";
import { followAnswers } from "./arrived.js";
import { showKnowledge } from "./knowledge.js";
import { askPin } from "./pin.js";
import { missingKeys, signRevocation } from "./keys.js";

const live = byId("live");
const result = () => byId("stop-result");

function consentsOnPage() {
  return [...live.querySelectorAll("[data-stop]")].map(({ dataset }) => ({ id: dataset.stop, subject: dataset.subject }));
}

/** Signs on this phone, one by one; the server only carries the signatures. */
async function stopSelfHeld(consents) {
  for (const consent of consents) {
    await postJson("/api/patient/consents/revoke", { wire: await signRevocation(consent) });
  }
}

async function stop(consents) {
  if (config.custody === "custodial") {
    const pin = await askPin();
    if (pin === null) return false;
    await postJson("/api/patient/consents/revoke-custodial", { consents: consents.map(({ id }) => id), pin });
  } else {
    await stopSelfHeld(consents);
  }
  return true;
}

async function stopped(button, consents) {
  try {
    if (!(await busy(button, () => stop(consents)))) return;
    await redraw(() => tick());
    result().replaceChildren(note("ok", interpolate(ngettext("Stopped %(n)s permission.", "Stopped %(n)s permissions.",
      consents.length), { n: consents.length }), gettext("What was already read cannot be unread.")));
  } catch (error) {
    showError(result(), error);
  }
}

live.addEventListener("click", (event) => {
  const one = event.target.closest("[data-stop]");
  if (one) return stopped(one, [{ id: one.dataset.stop, subject: one.dataset.subject }]);
  const all = event.target.closest("[data-stop-all]");
  return all ? stopped(all, consentsOnPage()) : undefined;
});

byId("ring-me")?.addEventListener("click", async (event) => {
  try {
    await busy(event.target, ringMe);
    byId("ring-result").replaceChildren(note("ok", gettext("This phone will ring.")));
  } catch (error) {
    showError(byId("ring-result"), error);
  }
});

/** A short sound and a shake, where the phone allows it; the page says the same in words. */
function ring() {
  navigator.vibrate?.([200, 100, 200]);
  document.title = `● ${document.title.replace(/^● /, "")}`;
}

async function warnAboutKeys() {
  if (config.custody !== "self") return;
  const problem = await missingKeys();
  if (problem) byId("device-note").replaceChildren(note("warn", problem.title, problem.next));
}

keepTicking();
registerWorker();
followAnswers(live);
showKnowledge();
warnAboutKeys().catch((error) => showError(byId("device-note"), error));
follow(async (entries) => {
  await redraw(() => tick());
  if (entries.some((entry) => entry.kind === "request.waiting") && live.querySelector("[data-request]")) {
    ring();
    announce(gettext("A request is waiting"));
  }
});
