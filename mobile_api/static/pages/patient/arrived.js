/** New records: "these are mine", signed by this phone or with the PIN, or "this is not mine". */
import { config } from "../config.js";
import { tick } from "../countdown.js";
import { busy, byId, note, showError } from "../dom.js";
import { getJson, postJson } from "../http.js";
import { gettext, interpolate, ngettext } from "../i18n.js";
import { redraw } from "../live.js";
import { signAcknowledgements } from "./keys.js";
import { askPin } from "./pin.js";

const result = () => byId("arrived-result");

/** The records that the page shows as arrived for that DID: what the person has seen, and nothing that came since. */
const shownFor = (card) => new Set([...card.querySelectorAll("[data-not-mine]")].map(({ dataset }) => dataset.notMine));

async function anchorsOf(subject, shown) {
  const waiting = await getJson("/api/patient/records/new");
  return waiting.filter((each) => each.subject === subject).flatMap(({ records, anchors }) =>
    anchors.filter((_, i) => shown.has(records[i].record_id)));
}

/** How many were acknowledged; null when the person thought better of it. */
async function acknowledge(card) {
  const subject = card.dataset.arrived;
  const shown = shownFor(card);
  if (config.custody === "custodial") {
    const pin = await askPin();
    if (pin === null) return null;
    return (await postJson("/api/patient/records/acknowledge-custodial", { records: [...shown], pin })).length;
  }
  const anchors = await anchorsOf(subject, shown);
  if (!anchors.length) return 0;
  return (await postJson("/api/patient/records/acknowledge", { wires: await signAcknowledgements(subject, anchors) })).length;
}

async function mine(button) {
  const count = await acknowledge(button.closest("[data-arrived]"));
  if (count === null) return;
  await redraw(() => tick());
  result().replaceChildren(note("ok", interpolate(ngettext("You acknowledged %(n)s record.",
    "You acknowledged %(n)s records.", count), { n: count })));
}

async function notMine(button) {
  await postJson("/api/patient/records/dispute", { records: [button.dataset.notMine] });
  await redraw(() => tick());
  result().replaceChildren(note("ok", gettext("Noted: this record is not yours."),
    gettext("The hospital that sent it is told.")));
}

/** Answers every press inside `live`. @param {HTMLElement} live */
export function followAnswers(live) {
  live.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-mine], [data-not-mine]");
    if (!button) return;
    try {
      await busy(button, () => (button.matches("[data-mine]") ? mine(button) : notMine(button)));
    } catch (error) {
      showError(result(), error);
    }
  });
}
