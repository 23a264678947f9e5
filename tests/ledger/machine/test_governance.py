"""Changing the validators: proposals, votes, punishment and checkpoints, as rules over blocks."""

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.machine.application import Application
from ledger.machine.entries import validator_key
from ledger.types import tx
from ledger.types.canonical import b64u_encode
from ledger.types.signing import public_key_of
from ledger.types.tx_change import Change, KeyRotates, PowerChanges, ValidatorJoins, ValidatorLeaves
from ledger.types.validators import Validator, ValidatorSet
from tests.ledger.machine.cast import (
    APP_STATE,
    AUTHORITY,
    DAY,
    EVERGREEN,
    HOUR,
    LEDGER,
    LI_MEI,
    MALLORY,
    NOON,
    NORTH_LAKE,
    RIVERSIDE,
    Chain,
    Member,
    admit,
    b64u_of,
    fields,
    over,
    register,
    seed_of,
    signed,
)

KEYS = tuple(public_key_of(seed_of(f"validator {n}")) for n in range(4))
NEWCOMER = public_key_of(seed_of("validator of Hillside"))
_proposals = count()


class Ledger(Chain):
    """A chain with four validators of power 10, three hospitals' worth of electors and an insurer."""

    def __init__(self, validators: dict[bytes, int] | None = None) -> None:
        self.genesis = dict.fromkeys(KEYS, 10) if validators is None else validators
        self.app = Application()
        self.app.init_chain(LEDGER, APP_STATE, NOON - HOUR, self.genesis)
        self.time_ms = NOON
        setup = (admit(RIVERSIDE, "hospital"), admit(NORTH_LAKE, "hospital"), admit(EVERGREEN, "insurer"))
        assert {result.code.name for result in self.block(*setup, register(LI_MEI))} == {"OK"}

    def settled(self) -> dict[bytes, int]:
        """The validators once every change is effective."""
        return dict(self.app.validators_at(self.app.info().height + 2))

    def state_of(self, proposal: str) -> str:
        found = self.app.query(f"proposal/{proposal}".encode()).value
        assert found is not None
        return str(msgspec.json.decode(found)["state"])


def join(public: bytes = NEWCOMER, power: int = 10) -> ValidatorJoins:
    where: dict[str, Any] = {"moniker": "hillside", "host": "127.0.0.1", "port": 26600}
    return ValidatorJoins(public=b64u_encode(public), power=power, certificate="A" * 200, **where)


def rotation(old: bytes = KEYS[0], new: bytes = NEWCOMER) -> KeyRotates:
    where: dict[str, Any] = {"moniker": "hillside", "host": "127.0.0.1", "port": 26600}
    return KeyRotates(public=b64u_encode(new), replaces=b64u_encode(old), certificate="A" * 200, **where)


def power(public: bytes, to: int) -> PowerChanges:
    return PowerChanges(public=b64u_encode(public), power=to)


def leave(public: bytes) -> ValidatorLeaves:
    return ValidatorLeaves(public=b64u_encode(public))


def propose(change: Change, by: Member = EVERGREEN, **own: Any) -> tuple[str, bytes]:
    """A new proposal's id and its transaction."""
    proposal = b64u_of(f"proposal {next(_proposals)}", 16)
    body = fields(by.did, proposal=proposal, change=change)
    return proposal, signed(tx.GovernanceProposed(**over(body, own)), by)


def vote(proposal: str, by: Member, approve: bool = True, **own: Any) -> bytes:
    body = fields(by.did, proposal=proposal, approve=approve)
    return signed(tx.GovernanceVoted(**over(body, own)), by)


def agree(ledger: Ledger, change: Change) -> str:
    """Propose and have all three electors approve, a block each; returns the proposal's end."""
    proposal, wire = propose(change)
    assert ledger.one(wire) == "OK"
    for elector in (AUTHORITY, RIVERSIDE, NORTH_LAKE):
        assert ledger.one(vote(proposal, elector)) == "OK"
    return ledger.state_of(proposal)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_two_of_three_electors_are_not_more_than_two_thirds(ledger: Ledger) -> None:
    proposal, wire = propose(join())
    assert ledger.one(wire) == "OK"
    assert ledger.one(vote(proposal, AUTHORITY)) == "OK"
    assert ledger.one(vote(proposal, RIVERSIDE)) == "OK"
    assert ledger.settled() == ledger.genesis
    assert ledger.one(vote(proposal, NORTH_LAKE)) == "OK"
    assert ledger.settled() == {**ledger.genesis, NEWCOMER: 10}


def test_change_is_effective_two_blocks_after_the_deciding_vote(ledger: Ledger) -> None:
    agree(ledger, join())
    height = ledger.app.info().height
    assert NEWCOMER not in ledger.app.validators_at(height + 1)
    assert ledger.app.validators_at(height + 2)[NEWCOMER] == 10
    ledger.block()
    ledger.block()
    assert NEWCOMER not in ledger.app.validators_at(height)
    assert ledger.app.validator_changes() == (height + 2,)


def test_updates_lead_from_one_set_to_the_next(ledger: Ledger) -> None:
    proposal, wire = propose(rotation())
    ledger.block(wire, vote(proposal, AUTHORITY), vote(proposal, RIVERSIDE))
    last = vote(proposal, NORTH_LAKE)
    result = ledger.app.finalize_block([last], ledger.app.info().height + 1, ledger.time_ms + 1)
    assert dict(result.validator_updates) == {KEYS[0]: 0, NEWCOMER: 10}


def test_leaving_and_another_power_are_agreed_on_alike(ledger: Ledger) -> None:
    assert agree(ledger, leave(KEYS[0])) == "accepted"
    assert agree(ledger, power(KEYS[1], 20)) == "accepted"
    assert ledger.settled() == {KEYS[1]: 20, KEYS[2]: 10, KEYS[3]: 10}


def test_two_changes_in_one_block_add_up(ledger: Ledger) -> None:
    (one, first), (two, second) = propose(join()), propose(leave(KEYS[3]))
    votes = [vote(each, by) for each in (one, two) for by in (AUTHORITY, RIVERSIDE, NORTH_LAKE)]
    results = ledger.block(first, second, *votes)
    assert {result.code.name for result in results} == {"OK"}
    assert ledger.settled() == {KEYS[0]: 10, KEYS[1]: 10, KEYS[2]: 10, NEWCOMER: 10}
    assert len(ledger.app.validator_changes()) == 1


def test_patients_and_strangers_neither_propose_nor_vote(ledger: Ledger) -> None:
    assert ledger.one(propose(join(), by=LI_MEI)[1]) == "NOT_ORGANISATION"
    assert ledger.one(propose(join(), by=MALLORY)[1]) == "AUTHOR_UNKNOWN"
    proposal, wire = propose(join())
    ledger.one(wire)
    assert ledger.one(vote(proposal, LI_MEI)) == "NOT_ELECTOR"
    assert ledger.one(vote(proposal, EVERGREEN)) == "NOT_ELECTOR"


def test_one_vote_each_and_it_cannot_be_turned_round(ledger: Ledger) -> None:
    proposal, wire = propose(join())
    ledger.one(wire)
    assert ledger.one(vote(proposal, RIVERSIDE, approve=False)) == "OK"
    assert ledger.one(vote(proposal, RIVERSIDE)) == "VOTE_TAKEN"
    assert ledger.one(vote(proposal, RIVERSIDE, approve=False)) == "VOTE_TAKEN"
    ledger.one(vote(proposal, AUTHORITY))
    ledger.one(vote(proposal, NORTH_LAKE))
    assert ledger.settled() == ledger.genesis


def test_voting_ends_with_the_proposals_not_after(ledger: Ledger) -> None:
    proposal, wire = propose(join())
    ledger.one(wire)
    late = vote(proposal, RIVERSIDE, issued_at=NOON + HOUR)
    assert ledger.one(late) == "PROPOSAL_CLOSED"


def test_vote_after_the_decision_and_for_an_unknown_proposal_are_refused(ledger: Ledger) -> None:
    proposal, wire = propose(join())
    ledger.block(wire, *(vote(proposal, by) for by in (AUTHORITY, RIVERSIDE, NORTH_LAKE)))
    assert ledger.one(vote(proposal, AUTHORITY)) == "PROPOSAL_CLOSED"
    assert ledger.one(vote(b64u_of("never proposed", 16), AUTHORITY)) == "PROPOSAL_UNKNOWN"
    again = fields(EVERGREEN.did, proposal=proposal, change=leave(KEYS[0]))
    assert ledger.one(signed(tx.GovernanceProposed(**again), EVERGREEN)) == "PROPOSAL_TAKEN"


def test_hospital_admitted_in_the_same_block_does_not_vote_yet(ledger: Ledger) -> None:
    hillside = Member("Hillside Clinic")
    proposal, wire = propose(join())
    ledger.one(wire)
    results = ledger.block(admit(hillside, "hospital"), vote(proposal, hillside))
    assert [result.code.name for result in results] == ["OK", "NOT_ELECTOR"]
    assert ledger.one(vote(proposal, hillside)) == "OK"


@pytest.mark.parametrize(
    "change",
    [
        join(public=KEYS[0]),
        join(power=1000),
        power(KEYS[0], 10),
        power(KEYS[0], 15),
        power(NEWCOMER, 10),
        leave(NEWCOMER),
        rotation(old=NEWCOMER, new=public_key_of(seed_of("other"))),
        rotation(new=KEYS[1]),
    ],
    ids=["votes", "third", "same", "cap", "not one", "none left", "nobody's", "taken"],
)
def test_changes_that_do_not_fit_are_not_even_proposed(ledger: Ledger, change: Change) -> None:
    assert ledger.one(propose(change)[1]) == "CHANGE_INVALID"


def test_weak_key_is_refused(ledger: Ledger) -> None:
    assert ledger.one(propose(join(public=bytes(32)))[1]) == "KEY_WEAK"


def test_last_validator_cannot_leave() -> None:
    alone = Ledger({KEYS[0]: 10})
    assert alone.one(propose(leave(KEYS[0]))[1]) == "CHANGE_INVALID"


def test_agreed_change_that_no_longer_fits_is_void(ledger: Ledger) -> None:
    first, second = propose(leave(KEYS[0])), propose(power(KEYS[0], 5))
    ledger.block(first[1], second[1])
    ledger.block(*(vote(first[0], by) for by in (AUTHORITY, RIVERSIDE, NORTH_LAKE)))
    ledger.block(*(vote(second[0], by) for by in (AUTHORITY, RIVERSIDE, NORTH_LAKE)))
    assert (ledger.state_of(first[0]), ledger.state_of(second[0])) == ("accepted", "void")
    assert KEYS[0] not in ledger.settled()


def test_double_signer_loses_its_power_once_and_for_good(ledger: Ledger) -> None:
    def punishing(*keys: bytes) -> tuple[tuple[bytes, int], ...]:
        height = ledger.app.info().height + 1
        assert ledger.app.process_proposal([], ledger.time_ms, keys)
        changed = ledger.app.finalize_block([], height, ledger.time_ms, keys).validator_updates
        ledger.app.commit()
        return changed

    assert punishing(KEYS[0], KEYS[0]) == ((KEYS[0], 0),)
    assert ledger.app.is_punished(KEYS[0])
    assert not ledger.app.is_punished(KEYS[1])
    root = ledger.app.info().app_hash
    assert punishing(KEYS[0]) == ()
    assert ledger.app.info().app_hash == root
    assert ledger.one(propose(join(public=KEYS[0]))[1]) == "CHANGE_INVALID"
    assert ledger.settled() == dict.fromkeys(KEYS[1:], 10)


def test_rotating_the_key_does_not_save_a_double_signer(ledger: Ledger) -> None:
    assert agree(ledger, rotation()) == "accepted"
    assert ledger.settled()[NEWCOMER] == 10
    ledger.app.finalize_block([], ledger.app.info().height + 1, ledger.time_ms, [KEYS[0]])
    ledger.app.commit()
    assert ledger.settled() == dict.fromkeys(KEYS[1:], 10)
    for key in (KEYS[0], NEWCOMER):
        assert ledger.app.is_punished(key)
        assert ledger.one(propose(join(public=key))[1]) == "CHANGE_INVALID"


def test_key_that_was_rotated_out_never_comes_back(ledger: Ledger) -> None:
    agree(ledger, rotation())
    assert ledger.one(propose(join(public=KEYS[0]))[1]) == "CHANGE_INVALID"
    assert ledger.one(propose(rotation(old=KEYS[1], new=KEYS[0]))[1]) == "CHANGE_INVALID"


def test_certificate_that_is_no_base64url_is_refused(ledger: Ledger) -> None:
    bad = msgspec.structs.replace(join(), certificate="A" * 201)
    assert ledger.one(propose(bad)[1]) == "CHANGE_INVALID"


def test_last_validator_at_fault_is_marked_but_keeps_the_ledger_alive() -> None:
    alone = Ledger({KEYS[0]: 10})
    alone.app.finalize_block([], alone.app.info().height + 1, alone.time_ms, [KEYS[0]])
    alone.app.commit()
    assert alone.settled() == {KEYS[0]: 10}
    assert alone.app.is_punished(KEYS[0])


def test_joined_validators_certificate_is_in_the_state(ledger: Ledger) -> None:
    agree(ledger, join())
    found = ledger.app.query(validator_key(NEWCOMER)).value
    assert found is not None
    entry = msgspec.json.decode(found)
    assert (entry["power"], entry["certificate"], entry["faulty"]) == (10, "A" * 200, False)


def test_restored_application_knows_validators_and_electors(ledger: Ledger) -> None:
    agree(ledger, join())
    info = ledger.app.info()
    copy = Application.restore(ledger.app.snapshot(), info.app_hash, ledger.genesis)
    assert copy.validators_at(info.height + 2) == ledger.settled()
    proposal, wire = propose(leave(KEYS[0]))
    txs = [wire, *(vote(proposal, by) for by in (AUTHORITY, RIVERSIDE, NORTH_LAKE))]
    args = (txs, info.height + 1, ledger.time_ms + 1)
    assert copy.finalize_block(*args) == ledger.app.finalize_block(*args)


def checkpoint(by: Member, at: int) -> bytes:
    return signed(tx.CheckpointRequested(**over(fields(by.did), {"issued_at": at})), by)


def test_checkpoint_at_most_once_in_ten_seconds_each(ledger: Ledger) -> None:
    assert ledger.one(checkpoint(RIVERSIDE, NOON + 1_000)) == "OK"
    assert ledger.one(checkpoint(RIVERSIDE, NOON + 10_999)) == "CHECKPOINT_TOO_SOON"
    assert ledger.one(checkpoint(NORTH_LAKE, NOON + 2_000)) == "OK"
    assert ledger.one(checkpoint(RIVERSIDE, NOON + 11_000)) == "OK"
    assert ledger.one(checkpoint(LI_MEI, NOON)) == "NOT_ORGANISATION"


def test_checkpoint_dated_far_ahead_holds_up_nobody_else(ledger: Ledger) -> None:
    assert ledger.one(checkpoint(RIVERSIDE, NOON + 300 * DAY)) == "OK"
    assert ledger.one(checkpoint(NORTH_LAKE, NOON)) == "OK"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["join", "leave", "power", "punish"]), st.integers(0, 5)), max_size=8)
)
def test_state_and_updates_always_tell_the_same_set(steps: list[tuple[str, int]]) -> None:
    ledger = Ledger()
    known = ValidatorSet.of(Validator.of(key, 10) for key in KEYS)
    keys = [*KEYS, NEWCOMER, public_key_of(seed_of("sixth"))]
    for what, number in steps:
        key, txs, faulty = keys[number], [], []
        if what == "punish":
            faulty = [key]
        else:
            change = {"join": join(key), "leave": leave(key), "power": power(key, 7 + number)}[what]
            proposal, wire = propose(change)
            txs = [wire, *(vote(proposal, by) for by in (AUTHORITY, RIVERSIDE, NORTH_LAKE))]
        ledger.time_ms += 1
        height = ledger.app.info().height + 1
        result = ledger.app.finalize_block(txs, height, ledger.time_ms, faulty)
        ledger.app.commit()
        if result.validator_updates:
            known = known.updated(Validator.of(*update) for update in result.validator_updates)
        assert {member.public_key: member.power for member in known.validators} == ledger.settled()
