"""Each transaction as one sentence and a few facts. Pure: the body in, words out.

The ledger names nobody: a patient is a pairwise pseudonym, requester and organisation of a consent are
commitments. The sentences say so rather than pretending to know more.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from oversight.standing import Step

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Sentence:
    """`title`: what happened. `facts`: label and value; `times`: label and milliseconds since 1970."""

    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    times: list[tuple[str, int]] = field(default_factory=list)


KINDS: dict[str, Promise] = {
    "hospital": gettext_lazy("hospital"),
    "insurer": gettext_lazy("insurer"),
    "regulator": gettext_lazy("regulator"),
    "research": gettext_lazy("research institute"),
}
CUSTODY: dict[str, Promise] = {
    "self": gettext_lazy("keys on the patient's own device"),
    "custodial": gettext_lazy("keys kept by the service under the patient's PIN"),
}
CHANGES: dict[str, Promise] = {
    "join": gettext_lazy("An organisation proposed that a validator joins"),
    "leave": gettext_lazy("An organisation proposed that a validator leaves"),
    "power": gettext_lazy("An organisation proposed another voting power for a validator"),
    "rotate": gettext_lazy("An organisation proposed a new key for a validator"),
    "candidate": gettext_lazy("An organisation proposed a candidate for the election of validators"),
    "election": gettext_lazy("An organisation proposed how validators are elected"),
}


TYPES: dict[str, Promise] = {
    "OrganisationRegistered": gettext_lazy("Organisations registered"),
    "DidRegistered": gettext_lazy("Pseudonyms registered"),
    "DidRotated": gettext_lazy("Changes of keys"),
    "ClinicianRegistered": gettext_lazy("Clinicians' credentials registered"),
    "ClinicianRevoked": gettext_lazy("Clinicians' credentials revoked"),
    "RecordAnchored": gettext_lazy("Records anchored"),
    "ConsentGranted": gettext_lazy("Permissions given"),
    "ConsentRevoked": gettext_lazy("Permissions stopped"),
    "AccessOpened": gettext_lazy("Openings of records"),
    "GovernanceProposed": gettext_lazy("Proposals"),
    "GovernanceVoted": gettext_lazy("Votes on proposals"),
    "CheckpointRequested": gettext_lazy("Requests for a fresh block"),
}
_TYPE_OF_EVENT = {
    "checkpoint": "CheckpointRequested",
    "governance_accepted": "GovernanceVoted",
    "governance_void": "GovernanceVoted",
}
_OF_BLOCKS = ("validator_punished",)
"""Events of blocks, not of transactions."""
STEPS: dict[str, Promise] = {
    "joined": gettext_lazy("Joined at block %(height)s with power %(power)s"),
    "left": gettext_lazy("Left at block %(height)s"),
    "rotated_to": gettext_lazy("Replaced its key at block %(height)s"),
    "rotated_from": gettext_lazy("New key of a validator since block %(height)s"),
    "faulty": gettext_lazy("Voted twice for one place; without power since block %(height)s"),
    "power": gettext_lazy("Power changed from %(before)s to %(power)s at block %(height)s"),
}


def type_words(type_: str) -> str:
    """What transactions of this type are called in a list; an unknown type by its own name."""
    return str(TYPES.get(type_, type_))


def by_type(event_counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Transactions by type in words, the most frequent first, from counts of events."""
    counts: Counter[str] = Counter()
    for event, count in event_counts.items():
        if event not in _OF_BLOCKS:
            type_ = _TYPE_OF_EVENT.get(event) or "".join(word.title() for word in event.split("_"))
            counts[type_] += count
    return [(type_words(type_), count) for type_, count in counts.most_common()]


def step_words(step: Step) -> str:
    """One step of a validator's history."""
    told = {"height": step.height, "power": step.power, "before": step.before}
    return str(STEPS[step.kind]) % told


def short(text: str) -> str:
    """The end of a long identifier: enough to tell two apart on a page."""
    return text if len(text) <= 16 else f"…{text[-12:]}"


def _organisation(body: Body) -> Sentence:
    kind = str(KINDS.get(body["kind"], body["kind"]))
    title = _("The authority registered the %(kind)s “%(name)s”") % {"kind": kind, "name": body["name"]}
    return Sentence(title, [(_("Region"), body["region"]), (_("DID"), short(body["did"]))])


def _did(body: Body) -> Sentence:
    custody = str(CUSTODY.get(body["custody"], body["custody"]))
    return Sentence(
        _("A patient's pseudonym was registered"),
        [(_("Pseudonym"), short(body["did"])), (_("Custody"), custody)],
    )


def _rotated(body: Body) -> Sentence:
    facts = [(_("DID"), short(body["did"])), (_("Key set number"), str(body["seq"]))]
    return Sentence(_("A DID changed its keys"), facts)


def _clinician(body: Body) -> Sentence:
    return Sentence(
        _("An organisation registered a clinician's credential"),
        [(_("Organisation"), short(body["author"])), (_("Role"), body["role"])],
        [(_("Valid until"), body["valid_until"])],
    )


def _clinician_revoked(body: Body) -> Sentence:
    return Sentence(
        _("An organisation revoked a clinician's credential"), [(_("Organisation"), short(body["author"]))]
    )


def _anchored(body: Body) -> Sentence:
    return Sentence(
        _("An organisation anchored an encrypted record"),
        [
            (_("Organisation"), short(body["author"])),
            (_("Pseudonym"), short(body["subject"])),
            (_("Manifest"), short(body["manifest"])),
        ],
    )


def _acknowledged(body: Body) -> Sentence:
    count = len(body["anchors"])
    title = ngettext(
        "A patient acknowledged %(n)s record as theirs",
        "A patient acknowledged %(n)s records as theirs",
        count,
    ) % {"n": count}
    return Sentence(title, [(_("Pseudonym"), short(body["subject"]))])


def _audited(body: Body) -> Sentence:
    title = (
        _("An organisation audited another's record: it passed")
        if body["outcome"] == "passed"
        else _("An organisation audited another's record: it failed")
    )
    return Sentence(title, [(_("Organisation"), short(body["author"]))])


def _renewed(body: Body) -> Sentence:
    return Sentence(
        _("A candidate showed that it follows the ledger"),
        [(_("Key"), short(body["public"])), (_("Epoch"), str(body["epoch"]))],
    )


def _granted(body: Body) -> Sentence:
    count = body["handles"]
    title = ngettext(
        "A patient allowed the reading of %(n)s record",
        "A patient allowed the reading of %(n)s records",
        count,
    ) % {"n": count}
    return Sentence(
        title,
        [
            (_("Consent"), body["consent"]),
            (_("Pseudonym"), short(body["subject"])),
            (_("Requester"), _("known to patient and requester only")),
            (_("Custody"), str(CUSTODY.get(body["custody"], body["custody"]))),
        ],
        [(_("From"), body["valid_from"]), (_("Until"), body["valid_until"])],
    )


def _revoked(body: Body) -> Sentence:
    return Sentence(_("A patient stopped a permission"), [(_("Consent"), body["consent"])])


def _opened(body: Body) -> Sentence:
    count = len(body["handles"])
    title = ngettext(
        "%(n)s record was opened under a consent", "%(n)s records were opened under a consent", count
    ) % {"n": count}
    return Sentence(title, [(_("Consent"), body["consent"])])


def _proposed(body: Body) -> Sentence:
    change = body["change"]
    title = CHANGES.get(change["kind"])
    named = [(_("Validator"), change["moniker"])] if "moniker" in change else []
    key = [(_("Key"), short(change["public"]))] if "public" in change else []
    power = [(_("Voting power"), str(change["power"]))] if "power" in change else []
    every = [(_("Blocks in an epoch"), str(change["every"]))] if "every" in change else []
    return Sentence(
        str(title) if title else _("An organisation proposed a change of the validators"),
        [*named, *key, *power, *every, (_("Proposal"), body["proposal"])],
        [(_("Votes are taken until"), body["not_after"])],
    )


def _voted(body: Body) -> Sentence:
    title = (
        _("An organisation voted for a proposal")
        if body["approve"]
        else _("An organisation voted against a proposal")
    )
    return Sentence(title, [(_("Organisation"), short(body["author"])), (_("Proposal"), body["proposal"])])


def _checkpoint(body: Body) -> Sentence:
    return Sentence(
        _("An organisation asked for a fresh block"), [(_("Organisation"), short(body["author"]))]
    )


TELL: dict[str, Callable[[Body], Sentence]] = {
    "OrganisationRegistered": _organisation,
    "DidRegistered": _did,
    "DidRotated": _rotated,
    "ClinicianRegistered": _clinician,
    "ClinicianRevoked": _clinician_revoked,
    "RecordAnchored": _anchored,
    "RecordAcknowledged": _acknowledged,
    "RecordAudited": _audited,
    "ConsentGranted": _granted,
    "ConsentRevoked": _revoked,
    "AccessOpened": _opened,
    "GovernanceProposed": _proposed,
    "GovernanceVoted": _voted,
    "CheckpointRequested": _checkpoint,
    "CandidacyRenewed": _renewed,
}


def sentence(body: Body) -> Sentence:
    """The transaction in the reader's language; an unknown type is named, not guessed at."""
    tell = TELL.get(body["type"])
    if tell is None:
        return Sentence(_("A transaction of type %(type)s") % {"type": body["type"]})
    told = tell(body)
    return Sentence(told.title, told.facts, [*told.times, (_("Signed at"), body["issued_at"])])
