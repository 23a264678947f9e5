"""Envelopes: what opens, what must not, and that an independent HPKE agrees."""

import secrets

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

from tests.wallet.core.cast import AMINA, LI_MEI, RECORDS
from wallet.core import suites
from wallet.core._ledger import b64u_decode, b64u_encode
from wallet.core.envelope import (
    Envelope,
    SealingKey,
    SealingPublic,
    grant_key_info,
    open_envelope,
    parse_envelope,
    record_key_info,
    seal,
)
from wallet.core.errors import CannotOpen, Malformed, UnknownSuite

BOTH = pytest.mark.parametrize("suite", [suites.HYBRID, suites.CLASSIC])
INFO = record_key_info(record=RECORDS[0], epoch=1, recipient=LI_MEI)


def new_key(suite: str, id: str = "#seal-1") -> SealingKey:
    return SealingKey(id, suite, secrets.token_bytes(32))


@BOTH
@settings(max_examples=20, deadline=None)
@given(plaintext=st.binary(max_size=200), info=st.binary(max_size=200))
def test_what_is_sealed_opens_in_its_context(suite: str, plaintext: bytes, info: bytes) -> None:
    key = new_key(suite)
    envelope = parse_envelope(msgspec.to_builtins(seal(key.public(), plaintext, info)))
    assert open_envelope(key, envelope, info) == plaintext


@BOTH
def test_sealing_twice_never_gives_the_same_bytes(suite: str) -> None:
    public = new_key(suite).public()
    assert seal(public, b"k" * 32, INFO) != seal(public, b"k" * 32, INFO)


@BOTH
@pytest.mark.parametrize(
    "other",
    [
        record_key_info(record=RECORDS[1], epoch=1, recipient=LI_MEI),
        record_key_info(record=RECORDS[0], epoch=2, recipient=LI_MEI),
        record_key_info(record=RECORDS[0], epoch=1, recipient=AMINA),
        grant_key_info(consent=RECORDS[0], recipient=LI_MEI, purpose="TREAT", expiry=1),
        b"",
    ],
    ids=["another record", "another epoch", "another patient", "another use", "no context"],
)
def test_an_envelope_moved_to_another_context_does_not_open(suite: str, other: bytes) -> None:
    key = new_key(suite)
    envelope = seal(key.public(), b"k" * 32, INFO)
    with pytest.raises(CannotOpen):
        open_envelope(key, envelope, other)


@BOTH
def test_another_key_with_the_same_id_does_not_open_it(suite: str) -> None:
    envelope = seal(new_key(suite).public(), b"k" * 32, INFO)
    with pytest.raises(CannotOpen):
        open_envelope(new_key(suite), envelope, INFO)


@BOTH
@pytest.mark.parametrize("part", ["enc", "ct"])
def test_one_flipped_bit_anywhere_does_not_open(suite: str, part: str) -> None:
    key = new_key(suite)
    envelope = seal(key.public(), b"k" * 32, INFO)
    original = b64u_decode(getattr(envelope, part))
    for at in range(0, len(original), max(1, len(original) // 24)):
        changed = bytearray(original)
        changed[at] ^= 1
        with pytest.raises(CannotOpen):
            open_envelope(key, msgspec.structs.replace(envelope, **{part: b64u_encode(changed)}), INFO)


def test_an_envelope_relabelled_as_the_other_suite_is_refused() -> None:
    key = new_key(suites.CLASSIC)
    envelope = msgspec.structs.replace(seal(key.public(), b"k" * 32, INFO), suite=suites.HYBRID)
    with pytest.raises(Malformed, match=r"\$\.enc"):
        parse_envelope(msgspec.to_builtins(envelope))
    with pytest.raises(CannotOpen):
        open_envelope(key, envelope, INFO)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"ct": "AAAA"}, r"\$\.ct"),
        ({"ct": "A" * 8000}, r"\$\.ct"),
        ({"enc": "AA=="}, r"\$\.enc"),
        ({"key": 7}, r"\$\.key"),
        ({"key": ""}, r"\$\.key"),
        ({"note": "hello"}, r"\$"),
    ],
)
def test_a_malformed_envelope_is_refused_with_the_place(change: dict[str, object], place: str) -> None:
    good = msgspec.to_builtins(seal(new_key(suites.CLASSIC).public(), b"k" * 32, INFO))
    with pytest.raises(Malformed, match=place):
        parse_envelope({**good, **change})


def test_an_unknown_suite_is_never_guessed() -> None:
    document = {"suite": "RSA", "key": "#seal-1", "enc": "AAAA", "ct": "AAAA"}
    with pytest.raises(UnknownSuite):
        parse_envelope(document)
    with pytest.raises(UnknownSuite):
        seal(SealingPublic("#seal-1", "RSA", b""), b"", b"")


@pytest.mark.parametrize("public", [b"", b"x" * 31, b"x" * 1216])
def test_a_key_of_the_wrong_size_is_refused(public: bytes) -> None:
    with pytest.raises(Malformed, match="public"):
        seal(SealingPublic("#seal-1", suites.CLASSIC, public), b"", INFO)


def test_sealing_to_a_low_order_point_is_refused() -> None:
    with pytest.raises(Exception, match=r".*"):
        seal(SealingPublic("#seal-1", suites.CLASSIC, bytes(32)), b"k" * 32, INFO)


def test_no_key_is_in_a_repr() -> None:
    key = new_key(suites.HYBRID)
    assert "seed" not in repr(key)
    assert key.seed.hex() not in repr(key)


class TestAgainstPyHpke:
    """pyhpke is another implementation of RFC 9180."""

    suite = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)

    def key(self, seed: bytes, public: bytes) -> object:
        jwk = {"kty": "OKP", "crv": "X25519", "x": b64u_encode(public), "d": b64u_encode(seed)}
        return KEMKey.from_jwk(jwk)

    def test_it_opens_what_we_seal(self) -> None:
        key = new_key(suites.CLASSIC)
        envelope = seal(key.public(), b"k" * 32, INFO)
        recipient = self.suite.create_recipient_context(
            b64u_decode(envelope.enc), self.key(key.seed, key.public().public), info=INFO
        )
        assert recipient.open(b64u_decode(envelope.ct)) == b"k" * 32

    def test_we_open_what_it_seals(self) -> None:
        key = new_key(suites.CLASSIC)
        jwk = {"kty": "OKP", "crv": "X25519", "x": b64u_encode(key.public().public)}
        enc, sender = self.suite.create_sender_context(KEMKey.from_jwk(jwk), info=INFO)
        envelope = Envelope(key.suite, key.id, b64u_encode(enc), b64u_encode(sender.seal(b"k" * 32)))
        assert open_envelope(key, envelope, INFO) == b"k" * 32
