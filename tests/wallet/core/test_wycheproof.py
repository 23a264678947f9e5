"""Wycheproof's cases, where they touch what our wrappers rely on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wallet.core import suites
from wallet.core._ledger import verify_ed25519
from wallet.core.errors import Malformed

# R is a non-canonical spelling of the neutral point: RFC 8032 refuses it, ZIP-215 accepts it, and all
# of Salus verifies by ZIP-215. It forges nothing: only the holder of the key can make such a signature.
ACCEPTED_BY_ZIP_215 = {151}


def cases(shared_data: Path, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    document = json.loads((shared_data / "vectors" / "wycheproof" / f"{name}_test.json").read_text())
    for group in document["testGroups"]:
        for case in group["tests"]:
            yield group, case


def test_wraps_rest_on_an_aes_gcm_that_refuses_every_bad_tag(shared_data: Path) -> None:
    seen = 0
    for group, case in cases(shared_data, "aes_gcm"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        key, nonce, aad = (bytes.fromhex(case[name]) for name in ("key", "iv", "aad"))
        try:
            opened = AESGCM(key).decrypt(nonce, bytes.fromhex(case["ct"] + case["tag"]), aad)
            assert case["result"] == "valid", case["tcId"]
            assert opened == bytes.fromhex(case["msg"])
        except InvalidTag:
            assert case["result"] == "invalid", case["tcId"]
        seen += 1
    assert seen > 30


def test_classic_keys_rest_on_an_x25519_that_refuses_a_shared_secret_of_zero(shared_data: Path) -> None:
    seen = 0
    for _, case in cases(shared_data, "x25519"):
        private = suites.private_key(suites.CLASSIC, bytes.fromhex(case["private"]))
        public = suites.public_key(suites.CLASSIC, bytes.fromhex(case["public"]))
        assert isinstance(private, X25519PrivateKey)
        assert isinstance(public, X25519PublicKey)
        if int(case["shared"], 16) == 0:
            with pytest.raises(ValueError):
                private.exchange(public)
        else:
            assert private.exchange(public).hex() == case["shared"]
        seen += 1
    assert seen > 400


def test_requests_and_credentials_rest_on_an_ed25519_that_refuses_every_bad_signature(
    shared_data: Path,
) -> None:
    seen = 0
    for group, case in cases(shared_data, "ed25519"):
        public = bytes.fromhex(group["publicKey"]["pk"])
        message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
        expected = case["result"] == "valid" or case["tcId"] in ACCEPTED_BY_ZIP_215
        assert verify_ed25519(public, message, signature) == expected, case["tcId"]
        seen += 1
    assert seen > 100


def test_a_seed_of_another_length_is_no_key() -> None:
    with pytest.raises(Malformed, match="32 bytes"):
        suites.private_key(suites.CLASSIC, bytes(31))
