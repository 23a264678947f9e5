"""What one peer may say: an honest one at full speed is never held up; a flooder is, and is dropped."""

import pytest

from ledger.node.errors import PeerMisbehaved
from ledger.node.limits import (
    ANSWERED_AT_ONCE,
    ANSWERED_PER_S,
    FORBEARANCE,
    FORGIVEN_S,
    INVALID_AT_ONCE,
    LONGEST_PAUSE_S,
    MIB,
    NEVER_PASSED_ON,
    RATES,
    Allowance,
    Conduct,
)
from ledger.node.mempool import BUSY
from ledger.node.messages import (
    BlockWanted,
    EvidenceHeld,
    LightBlockWanted,
    Message,
    ProposedBlock,
    Status,
    Transactions,
    Votes,
    encode,
)
from ledger.types.tx_errors import Code

KILOBYTE = bytes(1000)


def said(conduct: Conduct, message: Message, now_s: float) -> bool:
    return conduct.admits(message, len(encode(message)), now_s)


def test_peer_that_asks_too_much_is_not_answered_and_in_the_end_dropped() -> None:
    allowance = Allowance(per_s=10, burst=5)
    assert [allowance.take(100.0) for _ in range(6)] == [True] * 5 + [False]
    assert allowance.take(100.11)
    assert not any(allowance.take(100.12) for _ in range(FORBEARANCE * 5 - 1))
    with pytest.raises(PeerMisbehaved):
        allowance.take(100.12)


def test_overdrawing_a_little_now_and_then_is_forgiven_once_the_peer_rests() -> None:
    allowance = Allowance(per_s=10, burst=5)
    for evening in range(1_000):
        assert [allowance.take(10.0 * evening) for _ in range(8)] == [True] * 5 + [False] * 3


def test_honest_gossip_of_ten_thousand_kilobytes_a_second_always_passes() -> None:
    conduct = Conduct()
    frame = Transactions((KILOBYTE,) * 100)
    for tick in range(30 * 100):
        assert said(conduct, frame, tick / 100)


def test_whole_pool_on_connecting_passes_and_the_busiest_network_goes_on() -> None:
    conduct = Conduct()
    assert all(said(conduct, Transactions((bytes(3_300),) * 300), 0.0) for _ in range(17))
    for tick in range(1_000):
        now_s = tick / 50
        assert said(conduct, ProposedBlock(bytes(200), bytes(500_000)), now_s)
        assert said(conduct, Votes((bytes(150), bytes(150))), now_s)
        assert said(conduct, Status(tick, 0, tick % 10 == 0), now_s)


FLOODS: dict[str, Message] = {
    "transactions": Transactions((b"x",) * 1_000),
    "transaction bytes": Transactions((bytes(65_000),) * 100),
    "votes": Votes((b"x",) * 2_000),
    "proposals": ProposedBlock(b"", b""),
    "proposal bytes": ProposedBlock(b"", bytes(4_000_000)),
    "evidence": EvidenceHeld((b"x",) * 100),
    "statuses": Status(1, 0, False),
    "asking": Status(1, 0, True),
    "requests": BlockWanted(1, b""),
    "costly requests": LightBlockWanted(1),
}


@pytest.mark.parametrize("what", FLOODS)
def test_flood_is_looked_at_only_within_its_allowance_and_then_ends_the_connection(what: str) -> None:
    conduct, looked_at, now_s = Conduct(), 0, 0.0

    def flood() -> None:
        nonlocal looked_at, now_s
        while now_s < 100:
            looked_at += said(conduct, FLOODS[what], now_s)
            now_s += 0.001

    with pytest.raises(PeerMisbehaved, match="at most"):
        flood()
    assert 0 < looked_at < 5_000
    with pytest.raises(PeerMisbehaved, match="at most"):
        flood()  # reconnecting does not help


def test_flood_of_one_kind_leaves_the_others_alone() -> None:
    conduct = Conduct()
    while said(conduct, FLOODS["transactions"], 1.0):
        pass
    assert said(conduct, Votes((b"vote",)), 1.0)
    assert said(conduct, ProposedBlock(b"", bytes(1_000)), 1.0)


def test_garbage_has_a_small_allowance_of_its_own() -> None:
    conduct = Conduct()
    for _ in range(int(INVALID_AT_ONCE)):
        conduct.sent_invalid(Code.SIGNATURE_INVALID, 5.0)
    with pytest.raises(PeerMisbehaved, match="invalid transactions"):
        conduct.sent_invalid(Code.TX_MALFORMED, 5.0)
    assert RATES["transactions"][1] > 100 * INVALID_AT_ONCE


@pytest.mark.parametrize("code", [BUSY, *sorted(set(Code) - NEVER_PASSED_ON)])
def test_what_depends_on_the_state_or_on_our_pool_is_nobodys_fault(code: int) -> None:
    conduct = Conduct()
    for _ in range(10_000):
        conduct.sent_invalid(code, 5.0)


def test_who_had_more_than_its_share_of_answers_waits_until_the_debt_is_paid() -> None:
    conduct = Conduct()
    assert conduct.answered(int(ANSWERED_AT_ONCE), 9.0) == 0
    wait_s = conduct.answered(16 * MIB, 9.0)
    assert wait_s == pytest.approx(16 * MIB / ANSWERED_PER_S)
    assert conduct.answered(0, 9.0 + wait_s + 1e-6) == 0


def test_misbehaving_again_and_again_keeps_out_for_longer_and_is_forgiven_later() -> None:
    conduct, now_s, pauses = Conduct(), 10.0, []
    assert not conduct.is_barred(now_s)
    for _ in range(12):
        conduct.misbehaved(now_s)
        began_s = now_s
        while conduct.is_barred(now_s):
            now_s += 0.05
        pauses.append(round(now_s - began_s, 1))
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.2
    assert pauses[-1] == LONGEST_PAUSE_S
    now_s += FORGIVEN_S + 1
    conduct.misbehaved(now_s)
    assert not conduct.is_barred(now_s + 0.2)
