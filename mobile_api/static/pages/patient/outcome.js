/** What became of a request, in words that are true at this moment; a committed consent is checked on this phone. */
import { el, note, showError } from "../dom.js";
import { getJson } from "../http.js";
import { gettext, interpolate, moment } from "../i18n.js";
import { signedBy, verifiedTransaction } from "../proof.js";

const back = () => el("p", {}, el("a", { role: "button", href: "/patient/" }, gettext("Back to my record")));

function plain(request) {
  switch (request.state) {
    case "refused": return note("ok", gettext("You refused."), gettext("Nobody sees anything."));
    case "withdrawn": return note("", gettext("The request was withdrawn."), gettext("There is nothing to answer."));
    case "expired": return note("", gettext("The request is too old to be answered."), gettext("They can ask again."));
    default: return note("", gettext("This request was answered."), "");
  }
}

async function consentOf(request, given) {
  if (given) return given;
  return (await getJson("/api/patient/consents")).find((consent) => consent.consent_id === request.consent_id);
}

async function proven(consent) {
  const block = await verifiedTransaction(consent.tx_hash);
  if (block.body.type !== "ConsentGranted" || block.body.consent !== consent.consent_id) throw new Error("another consent was proven");
  return note("ok", gettext("Approved."), `${signedBy(block)} ${gettext("Checked on this phone.")}`);
}

function ended(consent) {
  const tone = consent.state === "rejected" ? "bad" : "";
  const words = {
    rejected: gettext("The ledger did not accept your approval. Nobody sees anything."),
    revoked: gettext("You stopped this permission."), expired: gettext("This permission has ended."),
    exhausted: gettext("This permission is used up."),
  };
  return note(tone, words[consent.state] ?? consent.state, "");
}

/** Shows the request's outcome in `place`. `given`: the consent, when it has just been signed. */
export async function showOutcome(place, request, given = null) {
  if (request.state !== "granted") return place.replaceChildren(plain(request), back());
  const consent = await consentOf(request, given);
  if (!consent) return place.replaceChildren(plain(request), back());
  if (consent.state === "signed") {
    return place.replaceChildren(note("", gettext("Signed. The hospitals are writing it down…"),
      gettext("You can leave this page; nothing gets lost.")), back());
  }
  if (consent.state !== "active") return place.replaceChildren(ended(consent), back());
  const shown = el("div", {});
  place.replaceChildren(shown, el("p", {}, interpolate(gettext("They can read until %(time)s. You can stop it at any time."),
    { time: moment(consent.valid_until) })), back());
  try {
    shown.replaceChildren(await proven(consent));
  } catch (error) {
    console.warn(error);
    showError(shown, Object.assign(new Error(gettext("The approval could not be verified on this phone.")), {
      code: "unproven", next: gettext("Stop it on your home page if you did not mean it.") }));
  }
  return undefined;
}
