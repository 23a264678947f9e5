"""did:key names: the published ones, and everything that is not exactly one."""

import json
import re
from pathlib import Path

import didkit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.types.signing import public_key_of
from wallet.core._ledger import b64u_decode, b64u_encode
from wallet.core.did_key import KeyType, PublicKey, did_key, ed25519_of, key_id, parse_did_key
from wallet.core.errors import Malformed


def published(shared_data: Path, name: str) -> dict[str, dict[str, object]]:
    return json.loads((shared_data / "vectors" / "did-key" / name).read_text())  # type: ignore[no-any-return]


def test_the_published_ed25519_names_are_ours(shared_data: Path) -> None:
    seen = 0
    for did, case in published(shared_data, "ed25519-x25519.json").items():
        public = public_key_of(bytes.fromhex(str(case["seed"])))
        assert did_key(PublicKey(KeyType.ED25519, public)) == did
        assert ed25519_of(did) == public
        document = case["didDocument"]
        assert isinstance(document, dict)
        assert key_id(did) == document["verificationMethod"][0]["id"]
        seen += 1
    assert seen >= 3


@pytest.mark.parametrize(
    ("name", "kind"), [("x25519.json", KeyType.X25519), ("nist-curves.json", KeyType.P256)]
)
def test_the_published_x25519_and_p256_names_read_and_write_back(
    shared_data: Path, name: str, kind: KeyType
) -> None:
    prefix = {KeyType.X25519: "did:key:z6LS", KeyType.P256: "did:key:zDn"}[kind]
    text = json.dumps(published(shared_data, name))
    names = sorted(set(re.findall(rf"{prefix}[1-9A-HJ-NP-Za-km-z]+", text)))
    assert names
    for did in names:
        key = parse_did_key(did)
        assert key.type is kind
        assert did_key(key) == did


@given(st.binary(min_size=32, max_size=32))
def test_every_key_has_one_name_and_didkit_gives_the_same(seed: bytes) -> None:
    public = public_key_of(seed)
    did = did_key(PublicKey(KeyType.ED25519, public))
    assert parse_did_key(did) == PublicKey(KeyType.ED25519, public)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64u_encode(public), "d": b64u_encode(seed)}
    assert didkit.key_to_did("key", json.dumps(jwk)) == did


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:",
        "did:key:z",
        "did:web:example.org",
        "did:key:z6Mk0OIl",
        "did:key:u7QEB",
        "did:key:z" + "2" * 500,
        "did:key:z1" + "6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp\n",
    ],
)
def test_what_is_not_exactly_a_name_is_refused(did: str) -> None:
    with pytest.raises(Malformed):
        parse_did_key(did)


def test_a_key_of_small_order_has_no_name() -> None:
    for encoding in (bytes(32), b"\x01" + bytes(31), b"\xff" * 32):
        with pytest.raises(Malformed, match="large order"):
            did_key(PublicKey(KeyType.ED25519, encoding))


def test_a_p256_key_off_the_curve_and_keys_of_wrong_size_are_refused() -> None:
    for key in (PublicKey(KeyType.P256, b"\x02" + b"\xff" * 32), PublicKey(KeyType.X25519, bytes(31))):
        with pytest.raises(Malformed):
            did_key(key)


def test_an_x25519_name_is_not_taken_for_a_signing_key() -> None:
    did = did_key(PublicKey(KeyType.X25519, b64u_decode("A" * 42 + "E")))
    with pytest.raises(Malformed, match="Ed25519"):
        ed25519_of(did)
