"""Custody of keys by the service: a bundle that only the service's key AND the patient's PIN open.

Rules
- The bundle holds random seeds per organisation; nothing is derived from the PIN but the wrapping key.
- Wrapping key = HKDF-SHA256(key: service KEK, salt: Argon2id(PIN, salt), info: use, patient, version).
  Without the KEK every PIN is useless, without the PIN the KEK is.
- AES-256-GCM; AAD binds patient, bundle version, KEK id and the Argon2 parameters, so that a bundle moved
  to another patient, an older bundle put back, or weakened parameters do not open.
- Parameters are stored and versioned. Below OWASP's floor, or beyond what a server should be made to
  spend, they are refused before any work is done.
- A wrong PIN opens nothing and says no more than WrongFactor. Counting attempts is the caller's task.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wallet.core import documents as doc
from wallet.core._ledger import b64u_encode, dumps, loads_canonical
from wallet.core.errors import WrongFactor

_DOC = "custody bundle"
_PIN = re.compile(r"[0-9]{6,12}\Z")
_WEAK_STEPS = ({0}, {1}, {9})


class Argon2Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Argon2id (RFC 9106): passes, memory in KiB, lanes."""

    passes: int
    memory_kib: int
    lanes: int


RECOMMENDED = Argon2Parameters(passes=3, memory_kib=65_536, lanes=4)
"""RFC 9106 section 4, second recommended option."""
_LEAST, _MOST = Argon2Parameters(2, 19_456, 1), Argon2Parameters(16, 1_048_576, 16)


@dataclass(frozen=True)
class CustodialKeys:
    """The patient's secrets for one organisation: Ed25519, sealing and next (recovery) seeds of 32 bytes."""

    organisation: str
    suite: str
    signing: bytes = field(repr=False)
    sealing: bytes = field(repr=False)
    next: bytes = field(repr=False)


@dataclass(frozen=True)
class Factors:
    """What opens a bundle: the service's 32-byte key (with its public id) and the patient's PIN."""

    kek_id: str
    kek: bytes = field(repr=False)
    pin: str = field(repr=False)


class WrappedBundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is stored; JSON-ready. `salt` (16 bytes), `nonce` (12), `ct` in b64u."""

    v: Literal[1]
    patient: str
    version: int
    kek: str
    argon2: Argon2Parameters
    salt: str
    nonce: str
    ct: str


def pin_is_weak(pin: str) -> bool:
    """Whether a PIN is not 6 to 12 digits, or is one digit repeated, a run up or down, or a short repeat."""
    if not _PIN.match(pin):
        return True
    digits = [int(character) for character in pin]
    steps = {(right - left) % 10 for left, right in pairwise(digits)}
    repeats = any(pin == (pin[:size] * len(pin))[: len(pin)] for size in (1, 2, 3))
    return steps in _WEAK_STEPS or repeats


def wrap_bundle(
    keys: tuple[CustodialKeys, ...],
    factors: Factors,
    *,
    patient: str,
    version: int,
    salt: bytes,
    nonce: bytes,
    argon2: Argon2Parameters = RECOMMENDED,
) -> WrappedBundle:
    """The bundle, wrapped. `salt` (16) and `nonce` (12) are fresh random bytes; `version` counts up from 1.

    Raises Malformed for a PIN that is not 6 to 12 digits, wrong sizes or parameters out of bounds.
    """
    names = [item.organisation for item in keys]
    doc.check_distinct(_DOC, "$.keys", names, 1000)
    doc.require(_DOC, "$.pin", bool(_PIN.match(factors.pin)), "6 to 12 digits", "another form")
    doc.require(
        _DOC, "$.salt", (len(salt), len(nonce)) == (16, 12), "16 and 12 bytes", f"{len(salt)}, {len(nonce)}"
    )
    shell = WrappedBundle(
        1, patient, version, factors.kek_id, argon2, b64u_encode(salt), b64u_encode(nonce), ""
    )
    _check_shell(shell)
    ct = AESGCM(_wrapping_key(shell, factors)).encrypt(nonce, _spell(keys), _aad(shell))
    return msgspec.structs.replace(shell, ct=b64u_encode(ct))


def open_bundle(
    wrapped: WrappedBundle, factors: Factors, *, patient: str, version: int
) -> tuple[CustodialKeys, ...]:
    """The keys. `patient` and `version` are what the caller expects; raises WrongFactor or Malformed."""
    _check_shell(wrapped)
    expected = (wrapped.patient, wrapped.version, wrapped.kek) == (patient, version, factors.kek_id)
    if not expected or not _PIN.match(factors.pin):
        raise WrongFactor("the bundle does not open: check the PIN and try again")
    nonce, ct = doc.key_bytes(_DOC, "$.nonce", wrapped.nonce, 12), doc.key_bytes(_DOC, "$.ct", wrapped.ct)
    try:
        plaintext = AESGCM(_wrapping_key(wrapped, factors)).decrypt(nonce, ct, _aad(wrapped))
    except InvalidTag as error:
        raise WrongFactor("the bundle does not open: check the PIN and try again") from error
    return _read(plaintext)


def parse_bundle(document: Mapping[str, object]) -> WrappedBundle:
    """The stored form. Raises Malformed (place, expected, actual)."""
    wrapped = doc.decode(_DOC, document, WrappedBundle)
    _check_shell(wrapped)
    return wrapped


def _check_shell(wrapped: WrappedBundle) -> None:
    doc.require(_DOC, "$.version", wrapped.version >= 1, "a version from 1", wrapped.version)
    doc.key_bytes(_DOC, "$.salt", wrapped.salt, 16)
    doc.key_bytes(_DOC, "$.nonce", wrapped.nonce, 12)
    for name in ("passes", "memory_kib", "lanes"):
        least, most, value = (getattr(item, name) for item in (_LEAST, _MOST, wrapped.argon2))
        doc.require(_DOC, f"$.argon2.{name}", least <= value <= most, f"{least} to {most}", value)


def _wrapping_key(wrapped: WrappedBundle, factors: Factors) -> bytes:
    doc.require(_DOC, "$.kek", len(factors.kek) == 32, "a 32-byte service key", f"{len(factors.kek)} bytes")
    stretched = hash_secret_raw(
        factors.pin.encode("ascii"),
        doc.key_bytes(_DOC, "$.salt", wrapped.salt, 16),
        time_cost=wrapped.argon2.passes,
        memory_cost=wrapped.argon2.memory_kib,
        parallelism=wrapped.argon2.lanes,
        hash_len=32,
        type=Type.ID,
    )
    info = dumps({"use": "salus/custody/v1", "patient": wrapped.patient, "version": wrapped.version})
    return HKDF(algorithm=SHA256(), length=32, salt=stretched, info=info).derive(factors.kek)


def _aad(wrapped: WrappedBundle) -> bytes:
    return dumps({**msgspec.to_builtins(wrapped), "ct": ""})


def _spell(keys: tuple[CustodialKeys, ...]) -> bytes:
    return dumps(
        [
            {
                "organisation": item.organisation,
                "suite": item.suite,
                "signing": b64u_encode(_seed(item.signing)),
                "sealing": b64u_encode(_seed(item.sealing)),
                "next": b64u_encode(_seed(item.next)),
            }
            for item in keys
        ]
    )


def _read(plaintext: bytes) -> tuple[CustodialKeys, ...]:
    return tuple(
        CustodialKeys(
            organisation=item["organisation"],
            suite=item["suite"],
            signing=doc.key_bytes(_DOC, "$.signing", item["signing"], 32),
            sealing=doc.key_bytes(_DOC, "$.sealing", item["sealing"], 32),
            next=doc.key_bytes(_DOC, "$.next", item["next"], 32),
        )
        for item in loads_canonical(plaintext)
    )


def _seed(seed: bytes) -> bytes:
    doc.require(_DOC, "$.keys", len(seed) == 32, "32-byte seeds", f"{len(seed)} bytes")
    return seed
