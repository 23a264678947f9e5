"""The people and organisations of these tests, their keys from fixed seeds, and a ledger they live on."""

import hashlib
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec

from ledger.machine.application import Application
from ledger.machine.results import TxResult
from ledger.machine.rules.candidacy import author_of
from ledger.types import tx
from ledger.types.canonical import b64u_encode
from ledger.types.did import KeySet, SigningKey, did_of, next_commitment
from ledger.types.handles import handle, handles_root, prove_handles
from ledger.types.signing import public_key_of, sign

LEDGER = "salus-test"
NOON = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SALT = hashlib.sha256(b"salt").digest()
RECORDS = tuple(f"00000000-0000-4000-8000-{n:012x}" for n in range(7))


def seed_of(name: str) -> bytes:
    """A signing seed that follows from a name: these keys protect nothing."""
    return hashlib.sha256(f"test key of {name}".encode()).digest()


def b64u_of(name: str, size: int = 32) -> str:
    """Some bytes that follow from a name, as b64u."""
    return b64u_encode(hashlib.sha512(name.encode()).digest()[:size])


@dataclass(frozen=True)
class Member:
    """Someone with a DID: one signing key `#key-1` and a recovery key."""

    name: str

    @property
    def seed(self) -> bytes:
        return seed_of(self.name)

    @property
    def recovery_seed(self) -> bytes:
        return seed_of(self.name + ", recovery")

    @property
    def keyset(self) -> KeySet:
        key = SigningKey("#key-1", "Ed25519", b64u_encode(public_key_of(self.seed)))
        return KeySet((key,), (), next_commitment(public_key_of(self.recovery_seed)))

    @property
    def did(self) -> str:
        return did_of(self.keyset)


AUTHORITY = Member("Regional Health Authority")
RIVERSIDE = Member("Riverside General")
NORTH_LAKE = Member("North Lake Hospital")
EVERGREEN = Member("Evergreen Mutual")
LI_MEI = Member("Li Mei")
AMINA = Member("Amina Diallo")
MALLORY = Member("Mallory")
ACCESS_SEED = seed_of("Dr Okafor, access key of one request")
CONSENT = b64u_of("consent", 16)

APP_STATE: dict[str, Any] = {
    "authority": {
        "did": AUTHORITY.did,
        "keyset": msgspec.to_builtins(AUTHORITY.keyset),
        "name": AUTHORITY.name,
    },
    "version": 1,
}
_nonces = count()


def fields(author: str, issued_at: int = NOON, **own: Any) -> dict[str, Any]:
    """The fields that every body has, with a nonce of its own, under `own`."""
    common = {"ledger": LEDGER, "author": author, "nonce": b64u_of(f"nonce {next(_nonces)}", 16)}
    return common | {"issued_at": issued_at, "not_after": issued_at + HOUR} | own


def over(body: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`body` with `own` fields put over it; `not_after` moves along with `issued_at`."""
    window = {"not_after": own["issued_at"] + HOUR} if "issued_at" in own else {}
    return body | window | own


def signed(body: tx.Body, member: Member) -> bytes:
    """Wire bytes signed by the member's key."""
    return tx.sign_tx(body, "#key-1", member.seed)


def register(member: Member, custody: str = "self", **own: Any) -> bytes:
    """DidRegistered of a person."""
    body = fields(member.did, did=member.did, keyset=member.keyset, custody=custody)
    return signed(tx.DidRegistered(**over(body, own)), member)


def admit(member: Member, kind: str, by: Member = AUTHORITY, **own: Any) -> bytes:
    """OrganisationRegistered by the authority."""
    body = fields(by.did, did=member.did, keyset=member.keyset, kind=kind, name=member.name, region="North")
    return signed(tx.OrganisationRegistered(**over(body, own)), by)


def anchor(by: Member = RIVERSIDE, subject: Member = LI_MEI, **own: Any) -> bytes:
    """RecordAnchored by a hospital."""
    body = fields(
        by.did,
        anchor=b64u_of("anchor", 16),
        subject=subject.did,
        manifest="bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
        root=b64u_of("root"),
        codec="rs-4-6/v1",
        commitment=b64u_of("commitment"),
    )
    return signed(tx.RecordAnchored(**over(body, own)), by)


def acknowledge(by: Member = LI_MEI, *anchors: str, **own: Any) -> bytes:
    """RecordAcknowledged by the patient; without anchors, of the one that `anchor` makes."""
    names = tuple(sorted(anchors or (b64u_of("anchor", 16),)))
    return signed(tx.RecordAcknowledged(**over(fields(by.did, subject=by.did, anchors=names), own)), by)


def audit(by: Member, record: str, outcome: str = "passed", **own: Any) -> bytes:
    """RecordAudited."""
    body = fields(by.did, anchor=record, outcome=outcome, evidence=b64u_of("an auditor's report"))
    return signed(tx.RecordAudited(**over(body, own)), by)


def renewal(public: bytes, seed: bytes, epoch: int, **own: Any) -> bytes:
    """CandidacyRenewed, signed by the validator's own key."""
    body = fields(author_of(public), public=b64u_encode(public), epoch=epoch)
    return tx.sign_tx(tx.CandidacyRenewed(**over(body, own)), "#validator", seed)


def handles() -> list[bytes]:
    """Handles of the seven records that the consent covers."""
    return [handle(SALT, record) for record in RECORDS]


def grant(by: Member = LI_MEI, **own: Any) -> bytes:
    """ConsentGranted to Dr Okafor for a day, covering seven records."""
    body = fields(
        by.did,
        consent=CONSENT,
        subject=by.did,
        artefact=b64u_of("artefact"),
        handles_root=b64u_encode(handles_root(handles())),
        handles=len(RECORDS),
        requester=b64u_of("requester"),
        organisation=b64u_of("organisation"),
        access_key=b64u_encode(public_key_of(ACCESS_SEED)),
        valid_from=NOON,
        valid_until=NOON + DAY,
        max_opens=0,
        erase_at=NOON + DAY,
        custody="self",
    )
    return signed(tx.ConsentGranted(**over(body, own)), by)


def revoke(by: Member = LI_MEI, **own: Any) -> bytes:
    """ConsentRevoked."""
    return signed(tx.ConsentRevoked(**over(fields(by.did, consent=CONSENT, subject=by.did), own)), by)


def open_body(opened: list[bytes] | None = None, **own: Any) -> tx.AccessOpened:
    """AccessOpened for some of the consent's handles (all when None), not yet signed."""
    proof = prove_handles(handles(), handles() if opened is None else opened)
    body = fields(
        f"access:{CONSENT}",
        consent=CONSENT,
        handles=tuple(b64u_encode(one) for one in proof.handles),
        indices=proof.indices,
        path=tuple(b64u_encode(one) for one in proof.path),
        wraps=b64u_of("wraps"),
    )
    return tx.AccessOpened(**over(body, own))


def access(
    opened: list[bytes] | None = None, seed: bytes = ACCESS_SEED, key: str = "#access", **own: Any
) -> bytes:
    """AccessOpened signed by Dr Okafor's access key."""
    return tx.sign_tx(open_body(opened, **own), key, seed)


def rotate(member: Member, seq: int = 1, custody: str = "self", **own: Any) -> bytes:
    """DidRotated to a set that holds the recovery key, signed by it."""
    public = b64u_encode(public_key_of(member.recovery_seed))
    keyset = KeySet(
        (SigningKey("#key-2", "Ed25519", public),), (), next_commitment(public_key_of(seed_of("next next")))
    )
    body = tx.DidRotated(
        **over(fields(member.did, did=member.did, seq=seq, keyset=keyset, custody=custody), own)
    )
    return tx.sign_tx(body, "#key-2", member.recovery_seed)


def resign(wire: bytes, seed: bytes) -> bytes:
    """The same body and key id under another key's signature."""
    found = tx.decode_tx(wire)
    return tx.encode_tx(found.body, found.key_id, sign(seed, found.signed_bytes))


class Chain:
    """An application and the blocks fed to it; time passes only as told."""

    def __init__(self, *setup: bytes, time_ms: int = NOON) -> None:
        self.app = Application()
        self.app.init_chain(LEDGER, APP_STATE, NOON - HOUR)
        self.time_ms = time_ms
        if setup:
            assert {result.code.name for result in self.block(*setup)} == {"OK"}

    def block(self, *txs: bytes, time_ms: int | None = None) -> tuple[TxResult, ...]:
        """Finalize and commit one block."""
        self.time_ms = self.time_ms + 1 if time_ms is None else time_ms
        result = self.app.finalize_block(txs, self.app.info().height + 1, self.time_ms)
        self.app.commit()
        return result.results

    def one(self, wire: bytes, time_ms: int | None = None) -> str:
        """The name of the code that a block gives to this one transaction; refusals must change nothing."""
        before = self.app.info().app_hash
        at = self.time_ms + 1 if time_ms is None else time_ms
        forgets = bool(self.app._nonces.expired(at))
        accepted = self.app.process_proposal([wire], at)
        (result,) = self.block(wire, time_ms=at)
        assert accepted == (result.code.name == "OK")
        if not accepted and not forgets:
            assert self.app.info().app_hash == before
        return result.code.name


def consortium(*more: bytes) -> Chain:
    """A ledger on which the hospitals, the insurer and both patients are registered."""
    return Chain(
        admit(RIVERSIDE, "hospital"),
        admit(NORTH_LAKE, "hospital"),
        admit(EVERGREEN, "insurer"),
        register(LI_MEI),
        register(AMINA, "custodial"),
        *more,
    )
