"""Rules of organisations and their clinicians.

- The authority named in the genesis admits organisations; nobody else does.
- An admitted, active organisation vouches for the credentials that it issued, once each, until a date.
- Only the organisation that vouched for a credential takes it back, and for good.
"""

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import (
    CredentialEntry,
    DidEntry,
    OrganisationEntry,
    credential_key,
    did_key,
    organisation_key,
    write,
)
from ledger.machine.results import Event
from ledger.machine.rules.identity import check_first_keyset
from ledger.types.tx import ClinicianRegistered, ClinicianRevoked, OrganisationRegistered
from ledger.types.tx_errors import Code, Rejected

AUTHORITY = "authority"


def active_organisation(context: Context, did: str) -> OrganisationEntry:
    """The admitted organisation with this DID. Raises Rejected(NOT_ORGANISATION)."""
    entry = context.view.organisation(did)
    if entry is None or not entry.active:
        raise Rejected(Code.NOT_ORGANISATION, "the author is not an active organisation of the consortium")
    return entry


def register(context: Context, body: OrganisationRegistered) -> Outcome:
    """Raises Rejected: NOT_AUTHORITY, KEYSET_INVALID, KEY_WEAK, DID_MISMATCH, DID_TAKEN."""
    author = context.view.organisation(body.author)
    if author is None or author.kind != AUTHORITY or not author.active:
        raise Rejected(Code.NOT_AUTHORITY, "only the consortium's authority admits organisations")
    check_first_keyset(context, body.did, body.keyset)
    entry = OrganisationEntry(body.kind, body.name, body.region, True)
    writes = (
        write(did_key(body.did), DidEntry("self", body.keyset, 0)),
        write(organisation_key(body.did), entry),
    )
    return Outcome(writes, (Event("organisation_registered", (("did", body.did), ("kind", body.kind))),))


def register_clinician(context: Context, body: ClinicianRegistered) -> Outcome:
    """Raises Rejected: NOT_ORGANISATION, CREDENTIAL_TAKEN, CREDENTIAL_PERIOD."""
    active_organisation(context, body.author)
    if context.view.credential(body.credential) is not None:
        raise Rejected(Code.CREDENTIAL_TAKEN, "this credential was registered before; issue a new one")
    if context.moment.passed(body.issued_at, body.valid_until):
        raise Rejected(Code.CREDENTIAL_PERIOD, f"valid_until {body.valid_until} has passed")
    entry = CredentialEntry(body.author, body.role, body.valid_until, False)
    return Outcome(
        (write(credential_key(body.credential), entry),), (_event("clinician_registered", body.credential),)
    )


def revoke_clinician(context: Context, body: ClinicianRevoked) -> Outcome:
    """Raises Rejected: CREDENTIAL_UNKNOWN, CREDENTIAL_NOT_YOURS, CREDENTIAL_REVOKED."""
    entry = context.view.credential(body.credential)
    if entry is None:
        raise Rejected(Code.CREDENTIAL_UNKNOWN, "no such credential is registered")
    if entry.organisation != body.author:
        raise Rejected(Code.CREDENTIAL_NOT_YOURS, "only the organisation that vouched for it takes it back")
    if entry.revoked:
        raise Rejected(Code.CREDENTIAL_REVOKED, "this credential is revoked already")
    revoked = write(credential_key(body.credential), msgspec.structs.replace(entry, revoked=True))
    return Outcome((revoked,), (_event("clinician_revoked", body.credential),))


def _event(kind: str, credential: str) -> Event:
    return Event(kind, (("credential", credential),))
