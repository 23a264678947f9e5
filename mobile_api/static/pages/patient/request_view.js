/** How a request looks: one decision on the screen, refusing as easy as approving. */
import { config } from "../config.js";
import { el, note } from "../dom.js";
import { gettext, interpolate, moment, ngettext } from "../i18n.js";
import { inLanguage } from "../record/fhir.js";

const DURATIONS = () => [
  [900, gettext("15 minutes")], [3600, gettext("1 hour")], [14_400, gettext("4 hours")], [28_800, gettext("8 hours")],
  [86_400, gettext("1 day")], [604_800, gettext("7 days")], [2_592_000, gettext("30 days")], [7_776_000, gettext("90 days")],
];
const word = (kind, code) => config.words[kind]?.[kind === "role" ? code.toLowerCase() : code] ?? code;

function typeWord(type) {
  const [whole, part] = type.split(".");
  return part ? `${word("type", whole)}: ${word("part", part)}` : word("type", whole);
}

function who({ detail, verified }) {
  const { document, organisation } = detail.request;
  const own = inLanguage([organisation.name, organisation.name_zh]);
  const name = own === organisation.name ? own : `${own} (${organisation.name})`; // the ledger vouches for the latter
  const person = document.requester.credential
    ? [el("strong", {}, document.requester.name), `, ${word("role", document.requester.role)}`, el("br"), name]
    : [el("strong", {}, name)];
  const checked = verified.ok
    ? el("details", {}, el("summary", {}, el("span", { class: "badge ok" }, "✓ ", gettext("Checked on this phone"))),
      el("ul", {}, verified.ok.lines.map((line) => el("li", {}, line))))
    : note("bad", verified.bad.message, verified.bad.next ?? "");
  return el("section.card", {}, el("h2", {}, gettext("Who")), el("p", { class: "asker" }, person), checked);
}

function why({ detail }) {
  const { purpose, reason, expires_at } = detail.request.document;
  return el("section.card", {}, el("h2", {}, gettext("Why")), el("p", {}, el("strong", {}, word("purpose", purpose))),
    reason ? el("p", {}, `“${reason}”`) : null,
    el("p", { class: "quiet" }, interpolate(gettext("Answer by %(time)s."), { time: moment(expires_at) })));
}

function what({ choice, detail }, change) {
  const empty = detail.request.document.types.filter((type) => !choice.lines.some((line) => line.type === type));
  const rows = choice.lines.map((line) => {
    const box = el("input", { type: "checkbox", role: "switch", name: line.key });
    box.checked = line.chosen;
    box.addEventListener("change", () => { line.chosen = box.checked; change(); });
    return el("label", { class: "switch" }, box, el("span", {}, typeWord(line.type),
      line.sensitive ? [" ", el("span", { class: "badge warn" }, gettext("sensitive"))] : null),
    el("span", { class: "quiet" }, interpolate(ngettext("%(n)s record", "%(n)s records", line.count), { n: line.count })));
  });
  return el("section.card", {}, el("h2", {}, gettext("What")),
    rows.length ? el("fieldset", {}, el("legend", { class: "quiet" }, gettext("Switch off what you do not want to show.")), rows) :
      el("p", {}, gettext("You have no records that this request could show.")),
    empty.length ? el("p", { class: "quiet" }, interpolate(gettext("Also asked for, but you have none: %(types)s."), { types: empty.map(typeWord).join(", ") })) : null);
}

function dates({ choice, detail }, change) {
  const asked = detail.request.document.dates;
  const field = (name, label) => {
    const input = el("input", { type: "date", min: asked.from, max: asked.to });
    input.value = choice[name] ?? "";
    input.addEventListener("change", () => { choice[name] = input.value || asked[name]; change(); });
    return el("label", {}, label, input);
  };
  return el("details", {}, el("summary", {}, gettext("Only certain dates")), field("from", gettext("From")), field("to", gettext("To")));
}

function howLong({ choice, detail }, change) {
  const asked = detail.request.document.duration_s;
  const known = DURATIONS().filter(([seconds]) => seconds < asked);
  const whole = DURATIONS().find(([seconds]) => seconds === asked)?.[1]
    ?? interpolate(gettext("%(n)s minutes"), { n: Math.round(asked / 60) });
  const select = el("select", {}, [...known, [asked, interpolate(gettext("%(time)s (as asked)"), { time: whole })]]
    .map(([seconds, text]) => el("option", { value: seconds }, text)));
  select.value = String(choice.duration_s);
  select.addEventListener("change", () => { choice.duration_s = Number(select.value); change(); });
  return el("section.card", {}, el("h2", {}, gettext("How long")), el("label", {}, gettext("They can read for"), select), dates({ choice, detail }, change));
}

function pinField() {
  if (config.custody !== "custodial") return null;
  return el("label", {}, gettext("Your 6-digit PIN"), el("input", { class: "pin", id: "pin", type: "password", inputmode: "numeric",
    maxlength: 6, autocomplete: "off" }));
}

function decide(state, act, ready, text) {
  const pin = pinField();
  const problem = el("div", {});
  const yes = el("button", { class: "yes", type: "button", id: "approve" }, gettext("Approve"));
  const no = el("button", { class: "plain", type: "button", id: "refuse" }, gettext("Refuse"));
  yes.addEventListener("click", () => {
    const entered = pin?.querySelector("input").value;
    if (pin && !/^[0-9]{6}$/.test(entered)) return problem.replaceChildren(note("bad", gettext("Enter your PIN to approve.")));
    problem.replaceChildren();
    if (pin) pin.querySelector("input").value = "";
    return act.approve(yes, entered);
  });
  no.addEventListener("click", () => act.refuse(no));
  ready.button = yes;
  return el("section.card", { class: "card urgent" }, el("h2", {}, gettext("This is what you sign")), text,
    el("p", { class: "quiet" }, gettext("If you refuse, nobody sees anything and your care goes on.")), pin, problem, el("div.choices", {}, yes, no));
}

/** Draws everything; returns what changes later: `text(words or null)` and `ready(bool)`. */
export function draw(place, state, act) {
  const text = el("div", { class: "consent-text" });
  const ready = { button: null };
  const parts = [who(state), why(state)];
  if (!state.verified.bad) parts.push(what(state, act.change), howLong(state, act.change));
  parts.push(decide(state, act, ready, text));
  place.replaceChildren(...parts);
  ready.button.disabled = true;
  if (state.verified.bad) text.replaceChildren(gettext("This request cannot be approved, because who is asking could not be verified."));
  return {
    text: (words) => text.replaceChildren(words ?? gettext("Nothing is chosen: there is nothing to approve.")),
    ready: (yes) => { ready.button.disabled = !yes; },
  };
}
