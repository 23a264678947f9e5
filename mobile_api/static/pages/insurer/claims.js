/** Claims and settlements under a payment consent, through the FHIR face. */
import { config } from "../config.js";
import { announce, busy, byId, note, showError } from "../dom.js";
import { gettext, interpolate, ngettext } from "../i18n.js";
import { SECTIONS } from "../record/sections.js";

const TYPES = ["ExplanationOfBenefit", "Claim"];

/** What an OperationOutcome says, as an error to be shown. */
function refusal(outcome) {
  const issue = outcome?.issue?.[0];
  return Object.assign(new Error(issue?.details?.text ?? issue?.diagnostics ?? gettext("The claims cannot be read.")),
    { next: issue?.details?.text ? issue?.diagnostics ?? "" : "" });
}

async function search(type) {
  const found = [];
  let url = `/fhir/${type}?patient=${encodeURIComponent(config.patient)}`;
  while (url) {
    const answer = await fetch(url, { headers: { Accept: "application/fhir+json" }, credentials: "same-origin" });
    const bundle = await answer.json().catch(() => null);
    if (!answer.ok || bundle?.resourceType !== "Bundle") throw refusal(bundle);
    found.push(...(bundle.entry ?? []).map((entry) => entry.resource));
    const next = bundle.link?.find((link) => link.relation === "next")?.url;
    url = next ? new URL(next, location.href) : null;
    if (url && url.origin !== location.origin) url = null; // the credentials stay with our own server
  }
  return found;
}

byId("read").addEventListener("click", async (event) => {
  byId("result").replaceChildren();
  try {
    const resources = (await busy(event.target, () => Promise.all(TYPES.map(search)))).flat();
    const section = SECTIONS().find(({ types }) => types.includes("Claim"));
    announce(interpolate(ngettext("%(n)s document shown", "%(n)s documents shown", resources.length), { n: resources.length }));
    byId("claims").replaceChildren(resources.length ? section.draw(resources) : note("", gettext("The consent covers no claims."), ""));
  } catch (error) {
    showError(byId("result"), error);
  }
});
