"""Which Ed25519 public keys may be registered: the quick check against slow, plain curve arithmetic."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.types.signing import BadPublicKey, check_public_key, is_acceptable_public_key, public_key_of

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
SIGN = 1 << 255


def recovered_x(y: int) -> int | None:
    """RFC 8032 section 5.1.3: a root x of -x² + y² = 1 + d·x²·y², or None."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    for candidate in (x, x * SQRT_M1 % P):
        if candidate * candidate % P == square:
            return candidate
    return None


def plus(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """The complete addition law, affine."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P) % P,
    )


def eightfold(point: tuple[int, int]) -> tuple[int, int]:
    for _ in range(3):
        point = plus(point, point)
    return point


def acceptable_by_arithmetic(key: bytes) -> bool:
    number = int.from_bytes(key, "little")
    y, sign = number % SIGN, number // SIGN
    if y >= P or (x := recovered_x(y)) is None or (x == 0 and sign):
        return False
    return eightfold((x, y)) != (0, 1)


def small_order_points() -> list[tuple[int, int]]:
    """All eight, found by multiplying a point of the curve by the prime order and walking its multiples."""
    order = 2**252 + 27742317777372353535851937790883648493
    for y in range(2, 100):
        if (x := recovered_x(y)) is None:
            continue
        torsion, power, bits = (0, 1), (x, y), order
        while bits:
            torsion = plus(torsion, power) if bits & 1 else torsion
            power, bits = plus(power, power), bits >> 1
        points = [(0, 1)]
        while (following := plus(points[-1], torsion)) != (0, 1):
            points.append(following)
        if len(points) == 8:
            return points
    raise AssertionError("no point of order eight below y = 100")


def encoded(point: tuple[int, int]) -> bytes:
    x, y = point
    return (y | (x & 1) * SIGN).to_bytes(32, "little")


@pytest.mark.parametrize("point", small_order_points())
def test_every_point_of_small_order_is_refused_as_such(point: tuple[int, int]) -> None:
    assert eightfold(point) == (0, 1)
    with pytest.raises(BadPublicKey, match="small order"):
        check_public_key(encoded(point))


@pytest.mark.parametrize("point", small_order_points())
def test_other_spellings_of_small_order_points_are_refused(point: tuple[int, int]) -> None:
    flipped = encoded((point[0] ^ 1, point[1]))
    assert not is_acceptable_public_key(flipped)
    if point[1] < 19:
        assert not is_acceptable_public_key((point[1] + P).to_bytes(32, "little"))


@given(st.binary(min_size=32, max_size=32))
@example(P.to_bytes(32, "little"))
@example((P - 1).to_bytes(32, "little"))
@example((P + 1).to_bytes(32, "little"))
@example((1 + SIGN).to_bytes(32, "little"))
@example((P - 1 + SIGN).to_bytes(32, "little"))
@example(b"\xff" * 32)
def test_the_quick_check_agrees_with_slow_arithmetic(key: bytes) -> None:
    assert is_acceptable_public_key(key) == acceptable_by_arithmetic(key)


@given(st.integers(0, 200), st.booleans())
def test_they_agree_where_y_is_small(y: int, negative: bool) -> None:
    key = (y + SIGN * negative).to_bytes(32, "little")
    assert is_acceptable_public_key(key) == acceptable_by_arithmetic(key)


def test_made_keys_are_acceptable_and_wrong_lengths_are_not() -> None:
    assert all(is_acceptable_public_key(public_key_of(os.urandom(32))) for _ in range(20))
    for size in (0, 31, 33):
        with pytest.raises(BadPublicKey, match="32 bytes"):
            check_public_key(bytes(size))
