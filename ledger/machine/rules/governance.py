"""Rules of governance: the consortium changes its own validators, and how they are elected.

- Any active organisation proposes; the active hospitals and the authority vote, once each, until the
  proposal's `not_after`. A proposer's own vote is a vote like any other.
- A change is made when more than two thirds of those who may vote approve, at that vote, effective at H + 2.
- Who joins is new, has a key fit for Ed25519 that was never found at fault, and comes with the certificate
  that its peers pin. Who rotates its key keeps its power; the old key leaves in the same step.
- With four validators or more, nobody gets a third of the power or more; the last one cannot leave.
- Who stands as a candidate votes once it is elected (rules/election.py). A candidate leaves as a validator
  does.
- Where validators are elected, one that leaves leaves nobody with a third: the others are cut.
- A change that no longer fits when it is agreed on is void, and says so.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ledger.machine.context import Context, Members, Outcome
from ledger.machine.entries import (
    ELECTION_KEY,
    ElectionEntry,
    ProposalEntry,
    ValidatorEntry,
    Write,
    proposal_key,
    validator_key,
    write,
)
from ledger.machine.results import Event
from ledger.machine.rules.candidacy import check_stands, replaced_writes, standing_writes
from ledger.machine.rules.organisation import active_organisation
from ledger.machine.validators import (
    LEAST_FOR_A_FAULT,
    altered,
    capped,
    entry_writes,
    latest_members,
    set_writes,
)
from ledger.types.canonical import b64u_decode
from ledger.types.did import check_public_key
from ledger.types.tx import GovernanceProposed, GovernanceVoted
from ledger.types.tx_change import (
    LEAST_EPOCH,
    CandidateStands,
    Change,
    ElectionChanges,
    KeyRotates,
    PowerChanges,
    ValidatorChange,
    ValidatorJoins,
    ValidatorLeaves,
)
from ledger.types.tx_errors import Code, Rejected

ELECTOR_KINDS = ("authority", "hospital")
MAX_VALIDATORS = 100


def propose(context: Context, body: GovernanceProposed) -> Outcome:
    """Raises Rejected: NOT_ORGANISATION, PROPOSAL_TAKEN, KEY_WEAK, CHANGE_INVALID."""
    active_organisation(context, body.author)
    if context.view.proposal(body.proposal) is not None:
        raise Rejected(Code.PROPOSAL_TAKEN, "this proposal id is used; a new proposal takes a new id")
    members_after(context, body.change)
    entry = ProposalEntry(body.author, body.change, body.not_after, "open", (), (), context.height)
    return Outcome((write(proposal_key(body.proposal), entry),), (_event("proposed", body.proposal),))


def vote(context: Context, body: GovernanceVoted) -> Outcome:
    """Raises Rejected: NOT_ELECTOR, PROPOSAL_UNKNOWN, PROPOSAL_CLOSED, VOTE_TAKEN."""
    if body.author not in context.consortium.electors:
        raise Rejected(Code.NOT_ELECTOR, "only the consortium's hospitals and its authority vote")
    entry = _open_proposal(context, body)
    approvals, rejections = set(entry.approvals), set(entry.rejections)
    if body.author in approvals | rejections:
        raise Rejected(Code.VOTE_TAKEN, "this organisation has voted on this proposal")
    (approvals if body.approve else rejections).add(body.author)
    counted = msgspec.structs.replace(
        entry, approvals=tuple(sorted(approvals)), rejections=tuple(sorted(rejections))
    )
    electors = context.consortium.electors
    if 3 * len(approvals & electors) <= 2 * len(electors):
        return Outcome((write(proposal_key(body.proposal), counted),), (_event("voted", body.proposal),))
    return _agreed(context, body.proposal, counted)


def _open_proposal(context: Context, body: GovernanceVoted) -> ProposalEntry:
    entry = context.view.proposal(body.proposal)
    if entry is None:
        raise Rejected(Code.PROPOSAL_UNKNOWN, "no such proposal is on the ledger")
    if entry.state != "open" or context.moment.passed(body.issued_at, entry.closes):
        raise Rejected(Code.PROPOSAL_CLOSED, f"the proposal is {entry.state} and closes at {entry.closes}")
    return entry


def _agreed(context: Context, proposal: str, entry: ProposalEntry) -> Outcome:
    try:
        members = members_after(context, entry.change)
    except Rejected:
        void = msgspec.structs.replace(entry, state="void")
        return Outcome((write(proposal_key(proposal), void),), (_event("void", proposal),))
    accepted = msgspec.structs.replace(entry, state="accepted")
    writes = (write(proposal_key(proposal), accepted), *_change_writes(context, entry.change, members))
    return Outcome(writes, (_event("accepted", proposal),))


def members_after(context: Context, change: Change) -> Members:
    """The validators after `change`. Raises Rejected: KEY_WEAK, CHANGE_INVALID."""
    members = dict(latest_members(context.view, context.consortium.validators))
    if isinstance(change, ElectionChanges):
        if 0 < change.every < LEAST_EPOCH:
            raise _invalid(f"an epoch has {LEAST_EPOCH} blocks or more; 0 elects nobody")
        return members
    _APPLY[type(change)](context, members, change)
    total = sum(members.values())
    power = members.get(_key(change.public), 0)
    if len(members) >= LEAST_FOR_A_FAULT and 3 * power >= total:
        raise _invalid(f"power {power} of {total} would be a third or more")
    return members


def _join(context: Context, members: dict[bytes, int], change: ValidatorJoins) -> None:
    _check_newcomer(context, members, change)
    if change.public in context.view.candidates():
        raise _invalid("this validator stands for election: it leaves first, or waits to be elected")
    if len(members) >= MAX_VALIDATORS:
        raise _invalid(f"there are {MAX_VALIDATORS} validators, the most allowed")
    members[_key(change.public)] = change.power


def _rotate(context: Context, members: dict[bytes, int], change: KeyRotates) -> None:
    _check_newcomer(context, members, change)
    if context.view.validator(_key(change.public)) is not None:
        raise _invalid("a key is rotated to a new one, not to one that was used before")
    members[_key(change.public)] = _taken_out(members, change.replaces)


def _change_power(context: Context, members: dict[bytes, int], change: PowerChanges) -> None:
    if _taken_out(members, change.public) == change.power:
        raise _invalid("the validator has this power already")
    members[_key(change.public)] = change.power


def _leave(context: Context, members: dict[bytes, int], change: ValidatorLeaves) -> None:
    if _key(change.public) not in members and change.public in context.view.candidates():
        return
    _taken_out(members, change.public)
    if not members:
        raise _invalid("the last validator cannot leave")
    if context.view.election() is not None:
        members.update(capped(members))


def _stand(context: Context, members: dict[bytes, int], change: CandidateStands) -> None:
    _check_fit(context, change)
    check_stands(context, change)


def _check_newcomer(context: Context, members: Members, change: ValidatorJoins | KeyRotates) -> None:
    if _key(change.public) in members:
        raise _invalid("this key votes already")
    _check_fit(context, change)


def _check_fit(context: Context, change: ValidatorJoins | KeyRotates | CandidateStands) -> None:
    check_public_key(change.public, "the validator's key")
    known = context.view.validator(_key(change.public))
    if known is not None and (known.faulty or known.successor):
        raise _invalid("this key was rotated out or signed two blocks; join with a new key")
    try:
        b64u_decode(change.certificate)
    except ValueError as error:
        raise _invalid(f"the certificate is not base64url: {error}") from error


def _taken_out(members: dict[bytes, int], public: str) -> int:
    power = members.pop(_key(public), None)
    if power is None:
        raise _invalid("no validator has this key")
    return power


def _change_writes(context: Context, change: Change, members: Members) -> tuple[Write, ...]:
    if isinstance(change, ElectionChanges):
        rules = ElectionEntry(change.every, change.seats, change.availability, change.contribution)
        return (write(ELECTION_KEY, rules),)
    before = latest_members(context.view, context.consortium.validators)
    sets = set_writes(context.view, context.height, members) if members != before else ()
    others = entry_writes(context.view, before, members)
    return (*others, *_validator_writes(context, change, members), *_candidate_writes(context, change), *sets)


def _candidate_writes(context: Context, change: ValidatorChange) -> tuple[Write, ...]:
    if isinstance(change, CandidateStands):
        return standing_writes(context, change)
    if isinstance(change, KeyRotates):
        return replaced_writes(context, change.replaces, change.public)
    return replaced_writes(context, change.public, None) if isinstance(change, ValidatorLeaves) else ()


def _validator_writes(context: Context, change: ValidatorChange, members: Members) -> tuple[Write, ...]:
    if isinstance(change, ValidatorJoins | KeyRotates | CandidateStands):
        entry = ValidatorEntry(
            change.public,
            members.get(_key(change.public), 0),
            change.moniker,
            change.host,
            change.port,
            change.certificate,
        )
        joined = write(validator_key(_key(change.public)), entry)
        if isinstance(change, KeyRotates):
            left = altered(context.view, _key(change.replaces), power=0, successor=change.public)
            return (joined, left)
        return (joined,)
    power = change.power if isinstance(change, PowerChanges) else 0
    return (altered(context.view, _key(change.public), power=power),)


def _key(public: str) -> bytes:
    return b64u_decode(public, 32)


def _invalid(reason: str) -> Rejected:
    return Rejected(Code.CHANGE_INVALID, reason)


def _event(what: str, proposal: str) -> Event:
    return Event(f"governance_{what}", (("proposal", proposal),))


_APPLY: dict[type, Callable[[Context, dict[bytes, int], Any], None]] = {
    ValidatorJoins: _join,
    KeyRotates: _rotate,
    PowerChanges: _change_power,
    ValidatorLeaves: _leave,
    CandidateStands: _stand,
}
