"""Who votes on proposals: an index beside the state, rebuilt from it at any time."""

from collections.abc import Iterable

from ledger.machine.entries import ORGANISATION_PREFIX, decode_organisation
from ledger.machine.rules.governance import ELECTOR_KINDS


def electors_after(before: frozenset[str], changes: Iterable[tuple[bytes, bytes | None]]) -> frozenset[str]:
    """The DIDs of active hospitals and of the authority after these pairs were set."""
    electors = set(before)
    for key, value in changes:
        if not key.startswith(ORGANISATION_PREFIX) or value is None:
            continue
        entry = decode_organisation(value)
        did = key[len(ORGANISATION_PREFIX) :].decode()
        (electors.add if entry.active and entry.kind in ELECTOR_KINDS else electors.discard)(did)
    return before if electors == before else frozenset(electors)
