"""The vault's wrapping, and patient codes as people write them."""

import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.codes import ALPHABET, code_of, code_read, code_shown
from wallet.errors import KeyUnavailable
from wallet.vault import FileVault

VAULT = FileVault(bytes(range(32)))


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_wrapped_unwraps_only_in_its_place(secret, aad):
    wrapped = VAULT.wrap(secret, aad)
    assert VAULT.unwrap(wrapped, aad) == secret
    assert secret not in wrapped or len(secret) < 4
    with pytest.raises(KeyUnavailable):
        VAULT.unwrap(wrapped, aad + b"x")


@given(st.binary(min_size=32, max_size=32), st.integers(0, 59), st.integers(0, 7))
def test_changed_wrapping_does_not_open(secret, place, bit):
    wrapped = bytearray(VAULT.wrap(secret, b"a"))
    wrapped[place] ^= 1 << bit
    with pytest.raises(KeyUnavailable):
        VAULT.unwrap(bytes(wrapped), b"a")


def test_another_service_key_opens_nothing():
    with pytest.raises(KeyUnavailable):
        FileVault(secrets.token_bytes(32)).unwrap(VAULT.wrap(b"s", b""), b"")
    with pytest.raises(KeyUnavailable):
        VAULT.unwrap(b"short", b"")


def test_purposes_have_keys_of_their_own():
    assert len({VAULT.derive(purpose) for purpose in ("wrap", "custody", "record-digest")}) == 3
    assert VAULT.derive("custody") == FileVault(bytes(range(32))).derive("custody")


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "A" * 43 + "="])
def test_key_file_that_is_no_key_is_refused(tmp_path: Path, text: str):
    (tmp_path / "kek").write_text(text)
    with pytest.raises(KeyUnavailable):
        FileVault.read(tmp_path / "kek")
    with pytest.raises(KeyUnavailable):
        FileVault.read(tmp_path / "absent")


@given(st.binary(min_size=5, max_size=5))
def test_code_reads_back_in_every_spelling(random):
    code = code_of(random)
    shown = code_shown(code)
    misread = shown.lower().replace("0", "o").replace("1", "i")
    assert {code_read(text) for text in (code, shown, f" {shown} ", misread)} == {code}
    assert set(code) <= set(ALPHABET)


@given(st.text(max_size=12))
def test_any_text_is_a_code_or_none(text):
    code = code_read(text)
    assert code is None or (len(code) == 8 and code_read(code) == code)


def test_every_code_names_other_random_bytes():
    codes = {code_of(number.to_bytes(5, "big")) for number in range(5000)}
    assert len(codes) == 5000
