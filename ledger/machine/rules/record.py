"""Rules of record anchors.

- A hospital or an insurer, admitted and active, anchors a record that it holds; an anchor id is used once.
- The subject is a registered person's DID, never an organisation's: the source must have met the patient's
  pairwise DID before it can seal a data key to them.
- An anchor never changes. Erasing the record's key and salt leaves a commitment without meaning.
"""

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import AnchorEntry, anchor_key, write
from ledger.machine.results import Event
from ledger.machine.rules.organisation import active_organisation
from ledger.types.tx import RecordAnchored
from ledger.types.tx_errors import Code, Rejected

SOURCES = ("hospital", "insurer")


def anchor(context: Context, body: RecordAnchored) -> Outcome:
    """Raises Rejected: NOT_ORGANISATION, ORGANISATION_KIND, ANCHOR_TAKEN, SUBJECT_*."""
    kind = active_organisation(context, body.author).kind
    if kind not in SOURCES:
        raise Rejected(Code.ORGANISATION_KIND, f"a {kind} anchors no records; hospitals and insurers do")
    if context.view.anchor(body.anchor) is not None:
        raise Rejected(Code.ANCHOR_TAKEN, "this anchor id is used; a new record takes a new id")
    check_person(context, body.subject)
    entry = AnchorEntry(
        author=body.author,
        subject=body.subject,
        manifest=body.manifest,
        root=body.root,
        codec=body.codec,
        commitment=body.commitment,
        height=context.height,
    )
    event = Event("record_anchored", (("anchor", body.anchor), ("subject", body.subject)))
    return Outcome((write(anchor_key(body.anchor), entry),), (event,))


def check_person(context: Context, did: str) -> None:
    """Raises Rejected(SUBJECT_UNKNOWN or SUBJECT_NOT_PERSON) unless `did` is a registered person's."""
    if context.view.did(did) is None:
        raise Rejected(Code.SUBJECT_UNKNOWN, "the subject's DID is not registered; register it first")
    if context.view.organisation(did) is not None:
        raise Rejected(Code.SUBJECT_NOT_PERSON, "the subject is an organisation, not a person")
