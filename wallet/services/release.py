"""Log, then release: keys leave only after their `AccessOpened` is committed and checked."""

import uuid
from collections.abc import Iterator

from wallet.shapes import Release


def access_open(*, person_id: uuid.UUID, wire: bytes) -> Release:
    """Commit the requester's `AccessOpened` and release exactly the keys it names, once, within 30 s.

    Checks before submission (grant active by row and clock, handles, wraps hash, `issued_at` within 30 s of the
    server's clock), waits for the proof-verified commit, then reads the consent's proof-verified state.
    Raises NotFound (not this requester's), Invalid, Refused (ended, served before, too old), LedgerDown.
    """
    raise NotImplementedError


def record_ciphertext(*, token: str, record_id: str) -> Iterator[bytes]:
    """The record's ciphertext, chunk by chunk, for a token of `access_open` or `record_open_own`.

    Raises Refused (token wrong or old, grant ended, record not named by it), StorageDown.
    """
    raise NotImplementedError


def record_manifest(*, token: str, record_id: str) -> bytes:
    """The manifest (DAG-CBOR) that the ciphertext is read by; same checks as `record_ciphertext`."""
    raise NotImplementedError
