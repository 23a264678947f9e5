"""Making and checking wire bytes: what every signed transaction of ours has in common."""

import secrets
from typing import Any, TypeVar

from ledger.api import Body, KeySet, SignedTx, b64u_encode, decode_tx, sign_tx, verify_ed25519
from wallet import ports
from wallet.errors import Invalid
from wallet.translate import checking

MAX_LIFE_MS = 7 * 86_400_000
MAX_SKEW_MS = 5 * 60_000
B = TypeVar("B")


def new_id() -> str:
    """16 random bytes as b64u: an id, a nonce."""
    return b64u_encode(secrets.token_bytes(16))


def header(author: str, now: int) -> dict[str, Any]:
    """The fields that every body begins with; valid for seven days, the longest the ledger allows."""
    return {
        "ledger": ports.chain_id(),
        "author": author,
        "nonce": new_id(),
        "issued_at": now,
        "not_after": now + MAX_LIFE_MS,
    }


def sign(body: Body, key_id: str, seed: bytes) -> bytes:
    return sign_tx(body, key_id, seed)


def decode(wire: bytes, expected: type[B], now: int) -> tuple[B, SignedTx]:
    """The body of `wire`, which must be of type `expected`, name this ledger and be valid at `now`.

    Its signature is not checked yet. Raises Invalid.
    """
    name = expected.__name__
    with checking(name):
        signed = decode_tx(wire)
    body = signed.body
    if not isinstance(body, expected):
        raise Invalid(f"Expected a {name} transaction, got {type(body).__name__}.")
    _require(body.ledger == ports.chain_id(), f"{name} names another ledger.")
    _require(
        body.issued_at < body.not_after <= body.issued_at + MAX_LIFE_MS, f"{name} has an invalid window."
    )
    _require(
        body.issued_at <= now + MAX_SKEW_MS, f"{name} was issued in the future: check the device's clock."
    )
    _require(now < body.not_after, f"{name} is past its not_after.")
    return body, signed


def check_signed_by(signed: SignedTx, keyset: KeySet) -> None:
    """Raises Invalid unless a key of `keyset` signed the transaction."""
    public = keyset.public_key(signed.key_id)
    if public is None:
        raise Invalid(f"The key set has no key {signed.key_id}.")
    check_signature(signed, public)


def check_signature(signed: SignedTx, public: bytes) -> None:
    """Raises Invalid unless `public` signed the transaction."""
    if not verify_ed25519(public, signed.signed_bytes, signed.signature):
        raise Invalid(
            "The transaction's signature does not verify.", next="Sign it again with the right key."
        )


def tx_hash_hex(signed: SignedTx) -> str:
    """The hash as the ledger's client spells it: upper-case hex."""
    return signed.hash.hex().upper()


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise Invalid(message, next="Make and sign it again.")
