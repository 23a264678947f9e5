"""What the consortium does all day, signed before the clock runs.

Shares: 40% RecordAnchored, 20% ConsentGranted, 5% ConsentRevoked, 35% AccessOpened of one record,
evenly mixed. Revocations and openings are of consents that the prepared ledger holds already, each revoked once.
Keys follow from numbers: they protect nothing.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice

import msgspec

from ledger.types import tx
from ledger.types.canonical import b64u_encode
from ledger.types.did import KeySet, SigningKey, did_of, next_commitment
from ledger.types.handles import handles_root, prove_handles
from ledger.types.signing import public_key_of

PATTERN = "ACAOAOAOCAOACOAOCARO"
"""One transaction a letter (Anchor, Consent, Open, Revoke), eight, four, seven and one of twenty."""
PERSONS = 2_000
HOUR_MS = 3_600_000


def digest(name: str) -> bytes:
    """32 bytes that follow from a name."""
    return hashlib.sha256(name.encode()).digest()


@dataclass(frozen=True)
class Member:
    """A patient or an organisation with one signing key."""

    name: str

    @property
    def seed(self) -> bytes:
        return digest(f"{self.name}'s key")

    @property
    def keyset(self) -> KeySet:
        key = SigningKey("#key-1", "Ed25519", b64u_encode(public_key_of(self.seed)))
        return KeySet((key,), (), next_commitment(public_key_of(digest(f"{self.name}'s recovery"))))

    @property
    def did(self) -> str:
        return _did(self.name)


@cache
def _did(name: str) -> str:
    return did_of(Member(name).keyset)


AUTHORITY, HOSPITAL = Member("authority"), Member("hospital")
HANDLES = tuple(sorted(digest(f"handle {n}") for n in range(4)))
ROOT = b64u_encode(handles_root(HANDLES))
PROOF = prove_handles(HANDLES, HANDLES[1:2])


def person(number: int) -> Member:
    """One of the patients, in turn."""
    return Member(f"person {number % PERSONS}")


def consent_id(number: int) -> str:
    return b64u_encode(digest(f"consent {number}")[:16])


def access_seed(number: int) -> bytes:
    return digest(f"access key {number % 64}")


@cache
def access_public(number: int) -> str:
    return b64u_encode(public_key_of(access_seed(number)))


class Signer:
    """Makes signed transactions of one ledger, each with a nonce of its own."""

    def __init__(self, ledger: str, purpose: str, now_ms: int | None = None) -> None:
        self._ledger = ledger
        self._purpose = purpose
        self._now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        self._made = 0

    def _common(self, author: str) -> dict[str, object]:
        self._made += 1
        return {
            "ledger": self._ledger,
            "author": author,
            "nonce": self.identifier("nonce", self._made),
            "issued_at": self._now_ms,
            "not_after": self._now_ms + HOUR_MS,
        }

    def identifier(self, what: str, number: int) -> str:
        return b64u_encode(digest(f"{self._purpose} {what} {number}")[:16])

    def registration(self, member: Member) -> bytes:
        common = self._common(member.did)
        body = tx.DidRegistered(**common, did=member.did, keyset=member.keyset, custody="self")  # type: ignore[arg-type]
        return tx.sign_tx(body, "#key-1", member.seed)

    def admission(self) -> bytes:
        body = tx.OrganisationRegistered(
            **self._common(AUTHORITY.did),  # type: ignore[arg-type]
            did=HOSPITAL.did,
            keyset=HOSPITAL.keyset,
            kind="hospital",
            name="Hospital",
            region="North",
        )
        return tx.sign_tx(body, "#key-1", AUTHORITY.seed)

    def anchor(self, number: int) -> bytes:
        body = tx.RecordAnchored(
            **self._common(HOSPITAL.did),  # type: ignore[arg-type]
            anchor=self.identifier("anchor", number),
            subject=person(number).did,
            manifest="bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
            root=b64u_encode(digest(f"root {number}")),
            codec="rs-4-6/v1",
            commitment=b64u_encode(digest(f"commitment {number}")),
        )
        return tx.sign_tx(body, "#key-1", HOSPITAL.seed)

    def consent(self, number: int, identifier: str) -> bytes:
        subject = person(number)
        body = tx.ConsentGranted(
            **self._common(subject.did),  # type: ignore[arg-type]
            consent=identifier,
            subject=subject.did,
            artefact=b64u_encode(digest(f"artefact {number}")),
            handles_root=ROOT,
            handles=len(HANDLES),
            requester=b64u_encode(digest(f"requester {number}")),
            organisation=b64u_encode(digest(f"organisation {number}")),
            access_key=access_public(number % 64),
            valid_from=self._now_ms - HOUR_MS,
            valid_until=self._now_ms + 24 * HOUR_MS,
            max_opens=0,
            erase_at=self._now_ms + 24 * HOUR_MS,
            custody="self",
        )
        return tx.sign_tx(body, "#key-1", subject.seed)

    def revocation(self, number: int) -> bytes:
        subject = person(number)
        body = tx.ConsentRevoked(**self._common(subject.did), consent=consent_id(number), subject=subject.did)  # type: ignore[arg-type]
        return tx.sign_tx(body, "#key-1", subject.seed)

    def opening(self, number: int) -> bytes:
        consent = consent_id(number)
        body = tx.AccessOpened(
            **self._common(f"access:{consent}"),  # type: ignore[arg-type]
            consent=consent,
            handles=tuple(b64u_encode(one) for one in PROOF.handles),
            indices=PROOF.indices,
            path=tuple(b64u_encode(one) for one in PROOF.path),
            wraps=b64u_encode(digest(f"wraps {number}")),
        )
        return tx.sign_tx(body, tx.ACCESS_KEY_ID, access_seed(number))


def app_state() -> dict[str, object]:
    """The genesis' application state: the authority."""
    keyset = msgspec.to_builtins(AUTHORITY.keyset)
    return {"authority": {"did": AUTHORITY.did, "keyset": keyset, "name": "Authority"}, "version": 1}


def base_transactions(ledger: str, consents: int) -> Iterator[bytes]:
    """What the prepared ledger holds: the hospital, the patients, and consents 0..consents-1."""
    signer = Signer(ledger, "base")
    yield signer.admission()
    for number in range(PERSONS):
        yield signer.registration(person(number))
    for number in range(consents):
        yield signer.consent(number, consent_id(number))


def mix(ledger: str, purpose: str, count: int, consents: range, revoked_from: int) -> list[bytes]:
    """`count` transactions of the daily mix. Openings go round `consents`; revocations take consents from
    `revoked_from` upwards, one each."""
    signer = Signer(ledger, purpose)
    opened, revoked = cycle(consents), iter(range(revoked_from, revoked_from + count))
    made: list[bytes] = []
    for number, kind in enumerate(islice(cycle(PATTERN), count)):
        if kind == "A":
            made.append(signer.anchor(number))
        elif kind == "C":
            made.append(signer.consent(number, signer.identifier("consent", number)))
        elif kind == "O":
            made.append(signer.opening(next(opened)))
        else:
            made.append(signer.revocation(next(revoked)))
    return made
