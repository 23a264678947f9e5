"""Protobuf's bytes: each value has one spelling, and short cuts read what the long way reads."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.types import merkle, proto
from ledger.types.proto import BYTES, Fields, ProtoError, blobs_only, read_varint, varint
from ledger.types.results import ExecTxResult, results_hash


def or_refused(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ProtoError:
        return "refused"


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_a_varint_is_read_back_from_wherever_it_stands(value: int, before: bytes, after: bytes) -> None:
    spelled = varint(value)
    found = read_varint(before + spelled + after, len(before))
    assert found == (value, len(before) + len(spelled))


@pytest.mark.parametrize("spelled", ["", "80", "8000", "808000", "ff00", "80" * 10 + "01", "ff" * 9 + "02"])
def test_a_varint_with_another_spelling_or_without_an_end_is_refused(spelled: str) -> None:
    with pytest.raises(ProtoError):
        read_varint(bytes.fromhex(spelled), 0)


@given(st.binary(max_size=60))
@example(b"\x0a\x80\x00")
@example(b"\x0a\x02a")
@example(b"\x12\x01a")
@example(b"\x08\x01")
@example(b"\x0a")
def test_repeated_bytes_are_read_as_the_general_reader_reads_them(encoded: bytes) -> None:
    general = or_refused(lambda: Fields(encoded, {1: BYTES}, frozenset({1})).blobs(1))
    assert or_refused(lambda: blobs_only(1, encoded)) == general


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(0, 2000), st.integers(0, 255))
def test_a_block_with_one_byte_changed_is_read_the_same_by_both(
    txs: list[bytes], place: int, value: int
) -> None:
    encoded = bytearray(b"".join(proto.message(1, tx) for tx in txs))
    assert blobs_only(1, bytes(encoded)) == txs
    if encoded:
        encoded[place % len(encoded)] = value
    changed = bytes(encoded)
    general = or_refused(lambda: Fields(changed, {1: BYTES}, frozenset({1})).blobs(1))
    assert or_refused(lambda: blobs_only(1, changed)) == general


@given(st.lists(st.sampled_from([0, 1, 65]), max_size=12))
def test_results_are_hashed_one_by_one_in_their_order(codes: list[int]) -> None:
    results = [ExecTxResult(code) for code in codes]
    assert results_hash(results) == merkle.root([result.encode() for result in results])
