"""Rules of DIDs and their keys.

- A DID is registered once, by a key of its first key set, whose hash is its name.
- Any key of the current key set signs for the DID; a key that was rotated out signs nothing more.
- A rotation is the next step of the DID's own log (seq + 1), signed by the very key that the current
  `next` commits to, which the new key set must hold. A stolen device key therefore cannot take a DID over.
- Signing keys are canonical Ed25519 points of large order.
"""

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import DidEntry, did_key, write
from ledger.machine.results import Event
from ledger.types.did import KeySet, check_keyset, did_of, next_commitment
from ledger.types.tx import Body, DidRegistered, DidRotated
from ledger.types.tx_errors import Code, Rejected


def key_in(keyset: KeySet, key_id: str) -> bytes:
    """The 32-byte public key `key_id` of a key set. Raises Rejected(KEY_UNKNOWN)."""
    public = keyset.public_key(key_id)
    if public is None:
        raise Rejected(Code.KEY_UNKNOWN, f"the key set has no key {key_id}")
    return public


def author_key(context: Context, body: Body, key_id: str) -> bytes:
    """The current key `key_id` of the author's DID. Raises Rejected(AUTHOR_UNKNOWN or KEY_UNKNOWN)."""
    entry = context.view.did(body.author)
    if entry is None:
        raise Rejected(Code.AUTHOR_UNKNOWN, "the author's DID is not registered; register it first")
    return key_in(entry.keyset, key_id)


def registration_key(_context: Context, body: DidRegistered, key_id: str) -> bytes:
    """A key of the set that is being registered."""
    _check_own(body.author, body.did)
    return key_in(body.keyset, key_id)


def register(context: Context, body: DidRegistered) -> Outcome:
    """Raises Rejected: KEYSET_INVALID, KEY_WEAK, DID_MISMATCH, DID_TAKEN."""
    check_first_keyset(context, body.did, body.keyset)
    entry = DidEntry(body.custody, body.keyset, 0)
    event = Event("did_registered", (("did", body.did), ("custody", body.custody)))
    return Outcome((write(did_key(body.did), entry),), (event,))


def check_first_keyset(context: Context, did: str, keyset: KeySet) -> None:
    """What every first key set must satisfy, a patient's as an organisation's."""
    check_keyset(keyset)
    if did_of(keyset) != did:
        raise Rejected(Code.DID_MISMATCH, "the DID is not the hash of this key set")
    if context.view.did(did) is not None:
        raise Rejected(Code.DID_TAKEN, "this DID is registered already; rotate it instead")


def rotation_key(context: Context, body: DidRotated, key_id: str) -> bytes:
    """The key that the current `next` commits to. Raises Rejected: AUTHOR_UNKNOWN, SEQ_*, KEY_UNKNOWN,
    NEXT_MISMATCH.
    """
    _check_own(body.author, body.did)
    entry = context.view.did(body.did)
    if entry is None:
        raise Rejected(Code.AUTHOR_UNKNOWN, "the DID is not registered; register it first")
    _check_seq(entry.seq, body.seq)
    public = key_in(body.keyset, key_id)
    if next_commitment(public) != entry.keyset.next:
        raise Rejected(
            Code.NEXT_MISMATCH, f"key {key_id} is not the one that the current key set committed to"
        )
    return public


def rotate(context: Context, body: DidRotated) -> Outcome:
    """Raises Rejected: KEYSET_INVALID, KEY_WEAK. Sequence and pre-rotation were checked with the key."""
    check_keyset(body.keyset)
    entry = DidEntry(body.custody, body.keyset, body.seq)
    event = Event("did_rotated", (("did", body.did), ("seq", str(body.seq)), ("custody", body.custody)))
    return Outcome((write(did_key(body.did), entry),), (event,))


def _check_own(author: str, did: str) -> None:
    if author != did:
        raise Rejected(Code.WRONG_AUTHOR, "a DID writes its own log: author must be the DID")


def _check_seq(current: int, claimed: int) -> None:
    if claimed <= current:
        raise Rejected(Code.SEQ_STALE, f"seq {claimed}; the log is at {current} already")
    if claimed != current + 1:
        raise Rejected(Code.SEQ_AHEAD, f"seq {claimed}; the log is at {current}, steps between are missing")
