"""Rules of consents: the states that the ledger knows, and how one follows another.

| from    | by             | signed by               | to                          |
|---------|----------------|-------------------------|-----------------------------|
| none    | ConsentGranted | a key of the subject    | granted                     |
| granted | ConsentRevoked | a key of the subject    | revoked, for good           |
| granted | AccessOpened   | the consent's access key| granted, opens + 1 (access) |

- Only the subject grants and revokes: author and subject are one DID, a person's.
- `custody` repeats the DID's own label, so that a consent signed by the service always shows it.
- valid_from < valid_until, and valid_until lies ahead; erase_at is not before valid_from.
- The access key is a canonical Ed25519 point of large order.
- A consent is active while it is not revoked, valid_from <= now < valid_until, and opens remain
  (max_opens 0: no limit). Expiry and exhaustion need no transaction: they follow from time and count.
- A revoked consent is never granted again; the patient makes a new one.
- An expired consent may still be revoked: it changes nothing, and refusing would tell the patient "no".
"""

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import ConsentEntry, consent_key, write
from ledger.machine.results import Event
from ledger.machine.rules.record import check_person
from ledger.types.did import check_public_key
from ledger.types.tx import ConsentGranted, ConsentRevoked
from ledger.types.tx_errors import Code, Rejected


def grant(context: Context, body: ConsentGranted) -> Outcome:
    """Raises Rejected: CONSENT_{NOT_YOURS,TAKEN,PERIOD,EXPIRED}, SUBJECT_*, CUSTODY_MISMATCH, KEY_WEAK."""
    _check_subject(body.author, body.subject)
    check_person(context, body.subject)
    if context.view.consent(body.consent) is not None:
        raise Rejected(Code.CONSENT_TAKEN, "this consent id is used; a new consent takes a new id")
    _check_custody(context, body)
    _check_period(context, body)
    check_public_key(body.access_key, "access_key")
    return Outcome((write(consent_key(body.consent), entry_of(body, context.height)),), (_granted(body),))


def revoke(context: Context, body: ConsentRevoked) -> Outcome:
    """Raises Rejected: CONSENT_UNKNOWN, CONSENT_NOT_YOURS, CONSENT_REVOKED."""
    entry = known(context, body.consent)
    _check_subject(body.author, body.subject)
    _check_subject(body.author, entry.subject)
    if entry.state == "revoked":
        raise Rejected(Code.CONSENT_REVOKED, "this consent is revoked already")
    revoked = write(consent_key(body.consent), msgspec.structs.replace(entry, state="revoked"))
    return Outcome((revoked,), (Event("consent_revoked", _about(body)),))


def known(context: Context, consent: str) -> ConsentEntry:
    """The consent with this id. Raises Rejected(CONSENT_UNKNOWN)."""
    entry = context.view.consent(consent)
    if entry is None:
        raise Rejected(Code.CONSENT_UNKNOWN, "no such consent is on the ledger")
    return entry


def check_active(context: Context, entry: ConsentEntry, issued_at: int) -> None:
    """Raises Rejected: CONSENT_REVOKED, CONSENT_NOT_YET_VALID, CONSENT_EXPIRED, CONSENT_EXHAUSTED."""
    if entry.state != "granted":
        raise Rejected(Code.CONSENT_REVOKED, "the patient revoked this consent")
    if not context.moment.reached(issued_at, entry.valid_from):
        raise Rejected(Code.CONSENT_NOT_YET_VALID, f"valid from {entry.valid_from}; try again then")
    if context.moment.passed(issued_at, entry.valid_until):
        raise Rejected(Code.CONSENT_EXPIRED, f"valid until {entry.valid_until}; ask the patient again")
    if entry.max_opens and entry.opens >= entry.max_opens:
        raise Rejected(Code.CONSENT_EXHAUSTED, f"all {entry.max_opens} opens are used; ask the patient again")


def _check_subject(author: str, subject: str) -> None:
    if author != subject:
        raise Rejected(Code.CONSENT_NOT_YOURS, "only the subject grants and revokes their consents")


def _check_custody(context: Context, body: ConsentGranted) -> None:
    entry = context.view.did(body.subject)
    if entry is None or entry.custody != body.custody:
        raise Rejected(Code.CUSTODY_MISMATCH, f"custody {body.custody!r} is not the DID's own label")


def _check_period(context: Context, body: ConsentGranted) -> None:
    if not body.valid_from < body.valid_until:
        raise Rejected(Code.CONSENT_PERIOD, "valid_from must be before valid_until")
    if body.erase_at < body.valid_from:
        raise Rejected(Code.CONSENT_PERIOD, "erase_at must not be before valid_from")
    if context.moment.passed(body.issued_at, body.valid_until):
        raise Rejected(Code.CONSENT_EXPIRED, f"valid until {body.valid_until}, which has passed")


def entry_of(body: ConsentGranted, height: int) -> ConsentEntry:
    """What the state holds of a consent once block `height` has granted it."""
    return ConsentEntry(
        subject=body.subject,
        artefact=body.artefact,
        handles_root=body.handles_root,
        handles=body.handles,
        requester=body.requester,
        organisation=body.organisation,
        access_key=body.access_key,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        max_opens=body.max_opens,
        erase_at=body.erase_at,
        custody=body.custody,
        state="granted",
        opens=0,
        height=height,
    )


def _granted(body: ConsentGranted) -> Event:
    return Event("consent_granted", (*_about(body), ("custody", body.custody)))


def _about(body: ConsentGranted | ConsentRevoked) -> tuple[tuple[str, str], ...]:
    return (("consent", body.consent), ("subject", body.subject))
