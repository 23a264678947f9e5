"""Rules of candidacies: who stands for election, and how a candidate shows that it follows the ledger.

- A validator stands for an admitted organisation by the consortium's vote (rules/governance.py), until it
  leaves or is found at fault; a key that it is rotated to stands in its place. An organisation may have
  several candidates, but one validator that votes.
- A candidate that does not vote shows once per epoch that it follows. The transaction is signed by the
  validator's own key and names the present epoch: only a node that has the key and the blocks can make it.
  Its author is `validator:<ADDRESS>`, its key id `#validator`.
- Those who vote show it by their votes.
"""

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import (
    CANDIDATES_KEY,
    CandidateEntry,
    CandidatesEntry,
    Write,
    candidate_key,
    write,
)
from ledger.machine.results import Event
from ledger.machine.rules.contribution import present_epoch
from ledger.machine.validators import latest_members
from ledger.types.canonical import b64u_decode
from ledger.types.ids import address_of
from ledger.types.tx import VALIDATOR_KEY_ID, CandidacyRenewed
from ledger.types.tx_change import MAX_SEATS, CandidateStands
from ledger.types.tx_errors import Code, Rejected


def check_stands(context: Context, change: CandidateStands) -> None:
    """Raises Rejected(CHANGE_INVALID) unless this validator may stand for this organisation."""
    view, public = context.view, b64u_decode(change.public, 32)
    organisation = view.organisation(change.organisation)
    if organisation is None or not organisation.active:
        raise _invalid("a candidate stands for an organisation that is admitted and active")
    known = view.candidate(public)
    if known is not None and change.public in view.candidates() and known.organisation == change.organisation:
        raise _invalid("this validator stands for this organisation already")
    if len({*view.candidates(), change.public}) > MAX_SEATS:
        raise _invalid(f"{MAX_SEATS} validators stand already, the most allowed")
    members = latest_members(view, context.consortium.validators)
    others = (view.candidate(member) for member in members if member != public)
    if public in members and any(other and other.organisation == change.organisation for other in others):
        raise _invalid("another validator of this organisation votes already")


def standing_writes(context: Context, change: CandidateStands) -> tuple[Write, ...]:
    """What puts the validator up."""
    entry = CandidateEntry(change.public, change.organisation)
    keys = {*context.view.candidates(), change.public}
    return (write(candidate_key(b64u_decode(change.public, 32)), entry), _candidates(keys))


def replaced_writes(context: Context, old: str, new: str | None) -> tuple[Write, ...]:
    """What lets key `new` stand in place of `old`, or nobody; nothing when `old` does not stand."""
    keys, entry = set(context.view.candidates()), context.view.candidate(b64u_decode(old, 32))
    if old not in keys or entry is None:
        return ()
    if new is None:
        return (_candidates(keys - {old}),)
    successor = write(candidate_key(b64u_decode(new, 32)), CandidateEntry(new, entry.organisation))
    return (successor, _candidates(keys - {old} | {new}))


def _candidates(keys: set[str]) -> Write:
    return write(CANDIDATES_KEY, CandidatesEntry(tuple(sorted(keys))))


def _invalid(reason: str) -> Rejected:
    return Rejected(Code.CHANGE_INVALID, reason)


def candidate_signer(context: Context, body: CandidacyRenewed, key_id: str) -> bytes:
    """The candidate's own key. Raises Rejected: WRONG_AUTHOR, KEY_UNKNOWN, CANDIDATE_UNKNOWN."""
    public = b64u_decode(body.public, 32)
    if body.author != author_of(public):
        raise Rejected(Code.WRONG_AUTHOR, "the author of a renewal is validator:<address of its key>")
    if key_id != VALIDATOR_KEY_ID:
        raise Rejected(Code.KEY_UNKNOWN, f"a renewal is signed by {VALIDATOR_KEY_ID}, got {key_id}")
    if body.public not in context.view.candidates():
        raise Rejected(Code.CANDIDATE_UNKNOWN, "no such validator stands for election")
    return public


def author_of(public: bytes) -> str:
    """The author of a renewal by the validator with this 32-byte key."""
    return f"validator:{address_of(public).hex().upper()}"


def renew(context: Context, body: CandidacyRenewed) -> Outcome:
    """Raises Rejected: EPOCH_OTHER, CANDIDATE_VOTES, CANDIDACY_RENEWED."""
    public, epoch = b64u_decode(body.public, 32), present_epoch(context.view)
    if body.epoch != epoch or not epoch:
        raise Rejected(Code.EPOCH_OTHER, f"renewed for epoch {body.epoch}; the ledger is in {epoch}")
    if public in latest_members(context.view, context.consortium.validators):
        raise Rejected(Code.CANDIDATE_VOTES, "this validator votes: its votes tell that it follows")
    entry = context.view.candidate(public) or CandidateEntry(body.public, "")
    if entry.renewed == epoch:
        raise Rejected(Code.CANDIDACY_RENEWED, "this candidacy is renewed for the present epoch already")
    renewed = write(candidate_key(public), msgspec.structs.replace(entry, renewed=epoch))
    address = address_of(public).hex().upper()
    return Outcome((renewed,), (Event("candidacy_renewed", (("address", address),)),))
