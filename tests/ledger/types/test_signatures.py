"""Signatures verified together give the verdicts that each gives alone: by ZIP-215, also for crafted ones.

Where the batch verifier was built every test runs with it and without it.
"""

import os
from collections.abc import Callable, Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.native import Signed
from ledger.types import signing
from ledger.types.signing import public_key_of, sign, verify_all, verify_ed25519

P = 2**255 - 19
ORDER_8_Y = int.from_bytes(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
)
SMALL_ORDER = [
    (y | sign_bit << 255).to_bytes(32, "little")
    for y in (0, 1, P - 1, ORDER_8_Y, P - ORDER_8_Y, P, P + 1)
    for sign_bit in (0, 1)
]
"""Every encoding that ZIP-215 admits of a point whose order divides 8: with s = 0 they sign anything."""


def honest(number: int) -> Signed:
    seed, message = bytes([number]) * 32, b"message %d" % number
    return public_key_of(seed), message, sign(seed, message)


HONEST = [honest(number) for number in range(40)]
CRAFTED: list[Signed] = [
    (key, b"whatever", nonce + bytes(32)) for key, nonce in product(SMALL_ORDER, SMALL_ORDER)
]


@pytest.fixture(params=["as built", "one by one"], autouse=True)
def verifier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "one by one":
        monkeypatch.setattr(signing, "COMPILED", None)


def test_honest_signatures_hold_in_batches_of_any_size() -> None:
    for size in range(len(HONEST) + 1):
        assert verify_all(HONEST[:size])


def test_all_196_crafted_signatures_hold_alone_and_in_every_batch() -> None:
    assert len(CRAFTED) == 196
    assert all(verify_ed25519(*one) for one in CRAFTED)
    assert verify_all(CRAFTED)
    for one in CRAFTED:
        assert all(verify_all([*HONEST[:3], one]) for _ in range(5))


def test_one_verdict_whatever_the_coefficients_of_the_batch() -> None:
    """A verifier without cofactors accepts such batches now and then."""
    wrong = (HONEST[0][0], HONEST[0][1], CRAFTED[77][2])
    assert not verify_ed25519(*wrong)
    for _ in range(200):
        assert verify_all([CRAFTED[77], HONEST[1]])
        assert not verify_all([CRAFTED[77], wrong, HONEST[1]])


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


SPOILT: tuple[Callable[[Signed, int], Signed], ...] = (
    lambda one, bit: (_flipped(one[0], bit), one[1], one[2]),
    lambda one, bit: (one[0], _flipped(one[1], bit), one[2]),
    lambda one, bit: (one[0], one[1], _flipped(one[2], bit)),
    lambda one, bit: (one[0][:31], one[1], one[2]),
    lambda one, bit: (one[0], one[1], one[2] + b"\0"),
    lambda one, bit: (one[0], one[1] + b"\0", one[2]),
    lambda one, bit: (one[0], b"", one[2]),
    lambda one, bit: (os.urandom(32), one[1], one[2]),
)


@given(
    st.lists(st.sampled_from([*HONEST, *CRAFTED[::17]]), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.sampled_from(SPOILT), st.integers(0, 511)), max_size=2),
)
def test_a_batch_holds_when_every_one_of_it_does(
    batch: Sequence[Signed], spoilt: list[tuple[int, Callable[[Signed, int], Signed], int]]
) -> None:
    changed = list(batch)
    for place, spoil, bit in spoilt:
        changed[place % len(changed)] = spoil(changed[place % len(changed)], bit)
    assert verify_all(changed) == all(verify_ed25519(*one) for one in changed)


def test_messages_are_not_confused_by_where_one_ends_and_the_next_begins() -> None:
    seed = bytes(32)
    key = public_key_of(seed)
    parts = [b"ab", b"c", b"", b"abc"]
    signed = [(key, part, sign(seed, part)) for part in parts]
    assert verify_all(signed)
    shifted = [(key, b"a", signed[0][2]), (key, b"bc", signed[1][2]), *signed[2:]]
    assert not verify_all(shifted)
