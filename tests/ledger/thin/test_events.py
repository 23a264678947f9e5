"""What a thin node says a transaction did is what the ledger's rules say, for every type of transaction."""

from typing import get_args

import pytest

from ledger.machine.execution import Execution
from ledger.machine.results import Event, TxResult
from ledger.thin.events import events_following, events_possible
from ledger.types import tx
from ledger.types.tx_change import ElectionChanges
from tests.ledger.machine.cast import (
    AUTHORITY,
    LI_MEI,
    NORTH_LAKE,
    RIVERSIDE,
    access,
    acknowledge,
    anchor,
    audit,
    b64u_of,
    consortium,
    fields,
    grant,
    handles,
    revoke,
    rotate,
    signed,
)
from tests.ledger.machine.elections import RULES, Elected

Done = list[tuple[bytes, TxResult]]
BY_THE_STATE = {tx.AccessOpened, tx.GovernanceVoted}


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Done:
    """Every transaction that the rules are given, and what they say it did."""
    seen, run = Done(), Execution.run

    def watched(self: Execution, wire: bytes) -> TxResult:
        result = run(self, wire)
        seen.append((wire, result))
        return result

    monkeypatch.setattr(Execution, "run", watched)
    return seen


def everything_happens() -> None:
    """Two ledgers on which every type of transaction is accepted, and some are refused."""
    credential = b64u_of("credential")
    period = fields(NORTH_LAKE.did, credential=credential, role="physician")
    vouched = tx.ClinicianRegistered(**period, valid_until=period["not_after"])
    taken_back = tx.ClinicianRevoked(**fields(NORTH_LAKE.did, credential=credential))
    asked = tx.CheckpointRequested(**fields(NORTH_LAKE.did))
    chain = consortium(anchor(), acknowledge(), grant(), access(), access(handles()[:2]), revoke())
    chain.block(access())
    chain.block(*(signed(each, NORTH_LAKE) for each in (vouched, taken_back, asked)), rotate(LI_MEI))
    ledger = Elected()
    ledger.renew()
    (name,) = ledger.records(RIVERSIDE, 1)
    ledger.accept(acknowledge(LI_MEI, name))
    ledger.until_epoch(ledger.epoch + 1)
    ledger.accept(audit(ledger.auditors(RIVERSIDE, [name])[name], name))
    assert ledger.agree(ElectionChanges(**RULES)) == "accepted"
    assert ledger.one(signed(taken_back, AUTHORITY)) != "OK"


def test_what_follows_from_the_bytes_is_what_the_rules_say(done: Done) -> None:
    everything_happens()
    accepted = {type(result.body) for _wire, result in done if result.body}
    assert accepted == set(get_args(tx.Body)), "every type of transaction is in the story"
    by_the_state = set()
    for wire, result in done:
        following = events_following(wire, int(result.code))
        if following is None:
            by_the_state.add(type(result.body))
            assert events_possible(wire, result.events)
        else:
            assert following == result.events, result
    assert by_the_state == BY_THE_STATE
    names = {event.type for _wire, result in done for event in result.events}
    assert {"governance_voted", "governance_accepted"} <= names


def test_events_that_the_bytes_rule_out_are_not_possible(done: Done) -> None:
    everything_happens()
    wires = {type(result.body): (wire, result.events) for wire, result in done if result.body}
    wire, (opened,) = wires[tx.AccessOpened]
    for at, value in ((0, "another consent"), (2, "99")):
        told = list(opened.attributes)
        told[at] = (told[at][0], value)
        assert not events_possible(wire, (Event(opened.type, tuple(told)),))
    bare, other = Event("access_opened", ()), Event("consent_granted", opened.attributes)
    for events in ((), (opened, opened), (bare,), (other,)):
        assert not events_possible(wire, events)
    wire, (voted,) = wires[tx.GovernanceVoted]
    assert events_possible(wire, (Event("governance_void", voted.attributes),))
    assert not events_possible(wire, (Event("governance_proposed", voted.attributes),))
    assert not events_possible(wire, (Event(voted.type, (("proposal", "another"),)),))


def test_bytes_of_a_type_that_is_not_known_here_tell_nothing() -> None:
    """A newer ledger may have types of transactions that this node has not: it must not call them silent."""
    assert events_following(b'{"body":{"type":"Newer"}}', 0) is None
    assert events_following(b'{"body":{"type":"Newer"}}', 7) == ()
