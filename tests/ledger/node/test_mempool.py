"""The pool of waiting transactions: order, bounds, and no drift between what it says and what it holds."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.machine.results import CheckResult
from ledger.node.errors import MempoolRefused
from ledger.node.mempool import BUSY, Mempool
from ledger.types.ids import sha256
from ledger.types.tx_errors import Code


def accept(wires: Sequence[bytes]) -> list[CheckResult]:
    return [CheckResult(Code.OK)] * len(wires)


def test_transactions_leave_in_the_order_in_which_they_came() -> None:
    pool = Mempool(accept)
    for wire in (b"b", b"a", b"c"):
        assert pool.add(wire)
    assert pool.oldest(1000, 10) == [b"b", b"a", b"c"]
    assert pool.oldest(1000, 2) == [b"b", b"a"]


def test_same_transaction_twice_is_held_once() -> None:
    pool = Mempool(accept)
    assert pool.add(b"a")
    assert not pool.add(b"a")
    assert (len(pool), pool.bytes) == (1, 1)


def test_full_pool_says_busy_and_try_again() -> None:
    pool = Mempool(accept, max_txs=2)
    pool.add(b"a")
    pool.add(b"b")
    with pytest.raises(MempoolRefused) as refused:
        pool.add(b"c")
    assert (refused.value.code, refused.value.permanent) == (BUSY, False)
    pool.remove([sha256(b"a")])
    assert pool.add(b"c")


def test_bytes_are_bounded_too() -> None:
    pool = Mempool(accept, max_bytes=10)
    pool.add(b"123456")
    with pytest.raises(MempoolRefused, match="busy"):
        pool.add(b"123456789")


def test_each_of_a_batch_is_answered_by_itself() -> None:
    def check(wires: Sequence[bytes]) -> list[CheckResult]:
        return [CheckResult(Code.SIGNATURE_INVALID if wire == b"bad" else Code.OK) for wire in wires]

    pool = Mempool(check, max_txs=3, is_committed=lambda tx_hash: tx_hash == sha256(b"in a block"))
    pool.add(b"here")
    wires = [b"a", b"here", b"in a block", b"bad", b"a", b"too many"]
    answers = [
        answer.code if isinstance(answer, MempoolRefused) else answer for answer in pool.add_all(wires)
    ]
    assert answers == [True, False, False, int(Code.SIGNATURE_INVALID), False, BUSY]
    assert list(pool) == [b"here", b"a"]


def test_recheck_drops_what_the_block_made_invalid() -> None:
    allowed = {b"a", b"b"}

    def check(wires: Sequence[bytes]) -> list[CheckResult]:
        return [CheckResult(Code.OK if wire in allowed else Code.NONCE_USED) for wire in wires]

    pool = Mempool(check)
    pool.add(b"a")
    pool.add(b"b")
    allowed.discard(b"a")
    assert [(tx_hash, result.code) for tx_hash, result in pool.recheck()] == [(sha256(b"a"), Code.NONCE_USED)]
    assert list(pool) == [b"b"]


def test_recheck_looks_at_the_next_in_line_only() -> None:
    checked: list[bytes] = []

    def check(wires: Sequence[bytes]) -> list[CheckResult]:
        checked.extend(wires)
        return accept(wires)

    pool = Mempool(check)
    for wire in (b"a", b"b", b"c"):
        pool.add(wire)
    checked.clear()
    pool.recheck(most=2)
    assert checked == [b"a", b"b"]


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=4)), max_size=50))
def test_count_and_bytes_never_drift_from_the_content(steps: list[tuple[bool, bytes]]) -> None:
    pool, model = Mempool(accept), dict[bytes, None]()
    for adding, wire in steps:
        if adding:
            pool.add(wire)
            model.setdefault(wire)
        else:
            pool.remove([sha256(wire)])
            model.pop(wire, None)
    assert list(pool) == list(model)
    assert pool.bytes == sum(map(len, model))
