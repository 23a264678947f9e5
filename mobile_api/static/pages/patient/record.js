/** One own record, fetched as ciphertext and opened on this device. */
import { config } from "../config.js";
import { busy, byId, note, showError } from "../dom.js";
import { postJson } from "../http.js";
import { gettext } from "../i18n.js";
import { Chart } from "../record/chart.js";
import { readRecord } from "../record/read.js";
import { b64uDecode } from "../../ledger/canonical.js";
import { openOwnKey } from "./keys.js";

const chart = new Chart(byId("chart"), "");

async function show({ record, token }, dataKey) {
  try {
    chart.add(await readRecord({ record, token, dataKey }), record.source);
  } finally {
    dataKey.fill(0);
  }
}

async function selfHeld() {
  byId("result").replaceChildren(note("", gettext("Opening on this phone…")));
  const own = await postJson(`/api/patient/records/${config.record}/open`, {});
  await show(own, await openOwnKey(own));
  byId("result").replaceChildren();
}

byId("pin-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  try {
    await busy(form.querySelector("[type=submit]"), async () => {
      const own = await postJson(`/api/patient/records/${config.record}/open-custodial`, { pin: form.elements.pin.value });
      await show(own, b64uDecode(own.data_key));
    });
    form.remove();
    byId("result").replaceChildren();
  } catch (error) {
    showError(byId("result"), error);
  } finally {
    if (form.isConnected) form.elements.pin.value = "";
  }
});
if (config.custody === "self") selfHeld().catch((error) => showError(byId("result"), error));
addEventListener("pagehide", () => chart.clear());
