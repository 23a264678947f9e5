/** First visit of a clinician's device: keys here, the hospital's credential for them, its line on the ledger. */
import { busy, byId, el, note, showError } from "../dom.js";
import { postJson } from "../http.js";
import { gettext } from "../i18n.js";
import { follow } from "../live.js";
import { registerWorker } from "../shell.js";
import { proofOfPossession, thisDevice } from "./device_keys.js";

const STEPS = () => [gettext("Keys made on this device"), gettext("Credential issued by the hospital"), gettext("Written to the ledger")];

function step(done) {
  byId("progress").hidden = false;
  byId("bar").value = done;
  byId("steps").replaceChildren(...STEPS().map((name, i) => el("li", { class: "row" }, name,
    i < done ? el("span", { class: "badge ok" }, `✓ ${gettext("done")}`) : i === done ? el("span", { class: "badge warn" }, gettext("under way")) : "")));
}

let leaving = false;

/** Goes on as soon as the ledger has it. */
async function look() {
  const device = await thisDevice();
  if (!device || leaving) return;
  if (device.state === "pending") step(2);
  if (device.state === "registered") {
    leaving = true;
    step(3);
    location.assign("/clinician/");
  }
  if (device.state === "rejected" || device.state === "revoked") {
    byId("result").replaceChildren(note("bad", gettext("The hospital's registration of this device is not valid."),
      gettext("Clear this site's data in the browser, then register again.")));
  }
}

byId("register").addEventListener("click", async (event) => {
  try {
    await busy(event.target, async () => {
      step(0);
      const proof = await proofOfPossession(await postJson("/api/clinician/devices/challenge", {}));
      step(1);
      await postJson("/api/clinician/devices/register", proof);
      await look();
    });
  } catch (error) {
    byId("progress").hidden = true;
    showError(byId("result"), error);
  }
});

registerWorker();
look().catch((error) => showError(byId("result"), error));
follow(() => look());
