"""Custody: the service's key and Amina's PIN together, and neither alone."""

import secrets
from dataclasses import replace

import msgspec
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from wallet.core import custody
from wallet.core._ledger import b64u_decode, b64u_encode
from wallet.core.custody import (
    Argon2Parameters,
    CustodialKeys,
    Factors,
    WrappedBundle,
    open_bundle,
    wrap_bundle,
)
from wallet.core.errors import Malformed, WrongFactor
from wallet.core.suites import HYBRID

QUICK = Argon2Parameters(passes=2, memory_kib=19_456, lanes=1)
AMINAS = Factors("kek-1", secrets.token_bytes(32), "428190")
KEYS = (
    CustodialKeys("north-lake", HYBRID, *(secrets.token_bytes(32) for _ in range(3))),
    CustodialKeys("riverside", HYBRID, *(secrets.token_bytes(32) for _ in range(3))),
)


def wrapped(factors: Factors = AMINAS, version: int = 1) -> WrappedBundle:
    return wrap_bundle(
        KEYS,
        factors,
        patient="amina",
        version=version,
        salt=secrets.token_bytes(16),
        nonce=secrets.token_bytes(12),
        argon2=QUICK,
    )


def test_key_and_pin_together_open_the_bundle() -> None:
    stored = msgspec.json.encode(wrapped())
    assert (
        open_bundle(custody.parse_bundle(msgspec.json.decode(stored)), AMINAS, patient="amina", version=1)
        == KEYS
    )


@pytest.mark.parametrize("pin", ["428191", "028190", "42819", "4281900", "", "abcdef", "４２８１９０"])
def test_a_wrong_pin_opens_nothing(pin: str) -> None:
    with pytest.raises(WrongFactor):
        open_bundle(wrapped(), replace(AMINAS, pin=pin), patient="amina", version=1)


def test_the_right_pin_without_the_services_key_opens_nothing() -> None:
    with pytest.raises(WrongFactor):
        open_bundle(wrapped(), replace(AMINAS, kek=secrets.token_bytes(32)), patient="amina", version=1)


def test_a_bundle_moved_to_mallorys_row_does_not_open_for_her() -> None:
    moved = msgspec.structs.replace(wrapped(), patient="mallory")
    with pytest.raises(WrongFactor):
        open_bundle(moved, AMINAS, patient="mallory", version=1)


def test_an_older_bundle_put_back_does_not_open() -> None:
    old = wrapped(version=1)
    for bundle in (old, msgspec.structs.replace(old, version=2)):
        with pytest.raises(WrongFactor):
            open_bundle(bundle, AMINAS, patient="amina", version=2)


def test_each_stored_byte_matters() -> None:
    bundle = wrapped()
    for name in ("salt", "nonce", "ct"):
        changed = bytearray(b64u_decode(getattr(bundle, name)))
        changed[-1] ^= 1
        spoilt = msgspec.structs.replace(bundle, **{name: b64u_encode(changed)})
        with pytest.raises(WrongFactor):
            open_bundle(spoilt, AMINAS, patient="amina", version=1)


@pytest.mark.parametrize(
    "argon2", [Argon2Parameters(1, 19_456, 1), Argon2Parameters(2, 8, 1), Argon2Parameters(2, 2**30, 1)]
)
def test_weakened_or_ruinous_parameters_are_refused_before_any_work(argon2: Argon2Parameters) -> None:
    with pytest.raises(Malformed, match="argon2"):
        open_bundle(msgspec.structs.replace(wrapped(), argon2=argon2), AMINAS, patient="amina", version=1)


def test_changed_parameters_within_bounds_do_not_open() -> None:
    other = msgspec.structs.replace(wrapped(), argon2=Argon2Parameters(3, 19_456, 1))
    with pytest.raises(WrongFactor):
        open_bundle(other, AMINAS, patient="amina", version=1)


def test_argon2_is_the_one_of_another_implementation() -> None:
    ours = custody.hash_secret_raw(
        b"428190",
        b"s" * 16,
        time_cost=2,
        memory_cost=19_456,
        parallelism=1,
        hash_len=32,
        type=custody.Type.ID,
    )
    other = Argon2id(salt=b"s" * 16, length=32, iterations=2, lanes=1, memory_cost=19_456)
    assert ours == other.derive(b"428190")


@pytest.mark.parametrize(
    "pin", ["000000", "123456", "987654", "121212", "123123", "890123", "12345", "1234567890123"]
)
def test_pins_that_everyone_tries_first_are_weak(pin: str) -> None:
    assert custody.pin_is_weak(pin)


@pytest.mark.parametrize("pin", ["428190", "112358", "730512"])
def test_other_pins_are_not(pin: str) -> None:
    assert not custody.pin_is_weak(pin)


@given(st.text(max_size=14))
def test_a_pin_of_anything_but_digits_is_weak(text: str) -> None:
    if not (text.isascii() and text.isdigit()):
        assert custody.pin_is_weak(text)


def test_two_sets_of_keys_for_one_organisation_are_refused() -> None:
    with pytest.raises(Malformed, match="keys"):
        wrap_bundle(
            (KEYS[0], KEYS[0]),
            AMINAS,
            patient="amina",
            version=1,
            salt=bytes(16),
            nonce=bytes(12),
            argon2=QUICK,
        )


def test_no_secret_is_in_a_repr_or_an_error() -> None:
    secrets_shown = (AMINAS.pin, AMINAS.kek.hex(), KEYS[0].signing.hex(), "signing")
    for shown in (repr(AMINAS), repr(KEYS), repr(wrapped())):
        assert not any(secret in shown for secret in secrets_shown)
    with pytest.raises(WrongFactor) as refused:
        open_bundle(wrapped(), replace(AMINAS, pin="999999"), patient="amina", version=1)
    assert "999999" not in str(refused.value)
