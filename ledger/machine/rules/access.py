"""Rules of opening: log, then release.

- One AccessOpened is one act of opening. Its author is `access:<consent>`; it is signed with the key that
  the requester made for this request, under the key id `#access`. No DID of the requester appears.
- The consent is active at this place in the block: a revocation that stands before it refuses it.
- The handles are ascending, each once, and a multiproof shows all of them under the consent's root.
- An accepted opening counts, whether or not the reader fetches the keys afterwards.
"""

from functools import lru_cache

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import ConsentEntry, consent_key, write
from ledger.machine.results import Event
from ledger.machine.rules.consent import check_active, known
from ledger.types.canonical import public_bytes
from ledger.types.handles import HandleProof, handles_covered
from ledger.types.tx import ACCESS_KEY_ID, AccessOpened
from ledger.types.tx_errors import Code, Rejected


def access_key(context: Context, body: AccessOpened, key_id: str) -> bytes:
    """The consent's access key. Raises Rejected: WRONG_AUTHOR, KEY_UNKNOWN, CONSENT_UNKNOWN."""
    if body.author != f"access:{body.consent}":
        raise Rejected(Code.WRONG_AUTHOR, "the author of an opening is access:<consent>")
    if key_id != ACCESS_KEY_ID:
        raise Rejected(Code.KEY_UNKNOWN, f"an opening is signed by {ACCESS_KEY_ID}, got {key_id}")
    return public_bytes(known(context, body.consent).access_key)


def open_records(context: Context, body: AccessOpened) -> Outcome:
    """Raises Rejected: CONSENT_* when it is not active, HANDLES_MALFORMED, HANDLES_NOT_COVERED."""
    entry = known(context, body.consent)
    check_active(context, entry, body.issued_at)
    _check_handles(body, entry)
    opened = write(consent_key(body.consent), msgspec.structs.replace(entry, opens=entry.opens + 1))
    attributes = (
        ("consent", body.consent),
        ("subject", entry.subject),
        ("handles", str(len(body.handles))),
        ("opens", str(entry.opens + 1)),
    )
    return Outcome((opened,), (Event("access_opened", attributes),))


def _check_handles(body: AccessOpened, entry: ConsentEntry) -> None:
    handles = tuple([public_bytes(handle) for handle in body.handles])
    if len(body.indices) != len(handles) or list(handles) != sorted(set(handles)):
        raise Rejected(Code.HANDLES_MALFORMED, "handles must be ascending, each once, with one index each")
    if not _covered(handles, body.indices, body.path, entry.handles, entry.handles_root):
        raise Rejected(Code.HANDLES_NOT_COVERED, "the proof does not show these handles under this consent")


@lru_cache(maxsize=4096)
def _covered(
    handles: tuple[bytes, ...], indices: tuple[int, ...], path: tuple[str, ...], size: int, root: str
) -> bool:
    """`handles_covered` of a multiproof; remembered, since the pool asks first and the block again."""
    proof = HandleProof(handles, indices, tuple([public_bytes(sibling) for sibling in path]))
    return handles_covered(proof, size, public_bytes(root))
