"""Who votes on proposals and who audits: an index beside the state, rebuilt from it at any time."""

from collections.abc import Iterable

from ledger.machine.context import Consortium
from ledger.machine.entries import ORGANISATION_PREFIX, decode_organisation
from ledger.machine.rules.audit import AUDITOR_KINDS
from ledger.machine.rules.governance import ELECTOR_KINDS


def consortium_after(before: Consortium, changes: Iterable[tuple[bytes, bytes | None]]) -> Consortium:
    """The active organisations that vote and those that audit after these pairs were set."""
    electors, auditors = set(before.electors), set(before.auditors)
    for key, value in changes:
        if not key.startswith(ORGANISATION_PREFIX) or value is None:
            continue
        entry = decode_organisation(value)
        did = key[len(ORGANISATION_PREFIX) :].decode()
        for members, kinds in ((electors, ELECTOR_KINDS), (auditors, AUDITOR_KINDS)):
            (members.add if entry.active and entry.kind in kinds else members.discard)(did)
    if electors == before.electors and auditors == before.auditors:
        return before
    return Consortium(before.validators, frozenset(electors), frozenset(auditors))
