/**
 * How old this phone's knowledge of the ledger is, in words; a fresh word on demand; and whether each permission stands.
 * An idle ledger and one that is withheld look alike: only a fresh block tells them apart.
 */
import { announce, busy, byId, el, note, showError } from "../dom.js";
import { duration, gettext, interpolate } from "../i18n.js";
import { consentNote, freshBlock, inWords, newestBlock, signedBy } from "../proof.js";
import { ledger } from "../trust.js";

const TICK_MS = 1000;
let newest = null;

const age = () => duration(Math.max(0, Date.now() - newest.time));
const ageWords = () => interpolate(gettext("This phone knows the ledger as it was %(age)s ago."), { age: age() });

function draw(again) {
  const place = byId("ledger-age");
  place.dataset.height = newest.height;
  place.replaceChildren(
    el("p", {}, el("strong", { id: "ledger-age-words" }, ageWords())),
    el("p.quiet", {}, `${signedBy(newest)} ${gettext("Checked on this phone.")}`),
    ...(again ? [note("warn", gettext("This phone had not looked for a long time."),
      gettext("It started again from the hospitals that founded the ledger."))] : []),
  );
}

async function look(find) {
  try {
    newest = await find();
    draw((await ledger()).beganAgain);
    return true;
  } catch (error) {
    showError(byId("ledger-age"), inWords(error));
    return false;
  }
}

async function askFresh(button) {
  if (await busy(button, () => look(freshBlock))) announce(ageWords());
}

async function checkConsent(button) {
  const place = button.closest("li").querySelector("[data-standing]");
  try {
    place.replaceChildren(await busy(button, () => consentNote(button.dataset.check, button.dataset.tx)));
  } catch (error) {
    showError(place, inWords(error));
  }
}

/** Shows the age, keeps it true, and answers the buttons. */
export function showKnowledge() {
  look(newestBlock);
  setInterval(() => { if (newest && byId("ledger-age-words")) byId("ledger-age-words").textContent = ageWords(); }, TICK_MS);
  byId("ask-fresh").addEventListener("click", ({ target }) => askFresh(target));
  byId("live").addEventListener("click", ({ target }) => {
    const button = target.closest("[data-check]");
    if (button) checkConsent(button);
  });
}
