"""What the state holds: one key and one struct per kind of entry, and typed reading of them.

Keys are UTF-8, values JCS (docs/formats.md section 3). No entry holds personal data: DIDs are pairwise,
commitments salted. Entries are replaced, never changed; only lists of nonces are ever removed. What was
read is remembered by its very bytes, so that a key set that many transactions need is decoded once.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal, TypeVar

import msgspec

from ledger.types.did import KeySet, encode
from ledger.types.ids import address_of
from ledger.types.tx_change import Change
from ledger.types.tx_fields import AuditOutcome, Custody


class DidEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`did/<did>`: the current key set; `seq` counts rotations."""

    custody: Custody
    keyset: KeySet
    seq: int


class OrganisationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`org/<did>`: an admitted organisation; its keys are at `did/<did>`."""

    kind: Literal["authority", "hospital", "insurer", "regulator", "research"]
    name: str
    region: str
    active: bool


class CredentialEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`credential/<hash>`: a clinician's credential that an organisation vouches for."""

    organisation: str
    role: str
    valid_until: int
    revoked: bool


class AnchorEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`anchor/<id>`: a commitment to one encrypted record."""

    author: str
    subject: str
    manifest: str
    root: str
    codec: str
    commitment: str
    height: int


class ConsentEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`consent/<id>`: a consent and what became of it. `opens` counts acts of opening."""

    subject: str
    artefact: str
    handles_root: str
    handles: int
    requester: str
    organisation: str
    access_key: str
    valid_from: int
    valid_until: int
    max_opens: int
    erase_at: int
    custody: Custody
    state: Literal["granted", "revoked"]
    opens: int
    height: int


class NoncesEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`nonces/<height>`: the digest of the nonces that a block used, remembered until header time passes
    `until` (see `ledger.machine.nonces`)."""

    digest: str
    until: int


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One validator of a set: b64u of its 32-byte Ed25519 key, and its voting power."""

    public: str
    power: int


class ValidatorSetEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`validators/<height>`: who decides from that height on, in the set's order."""

    members: tuple[Member, ...]


class ValidatorChangesEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`validators`: the heights, ascending, from which another set than before decides."""

    heights: tuple[int, ...]


class ValidatorEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`validator/<address>`: a validator that is not, or no longer, what the genesis made it.

    `power` 0: it has left. `successor`: the key that it rotated to, or empty. `faulty`: it signed two blocks,
    and its key never votes again. Where it listens and the certificate it is known by are empty for one whose
    peers have them in their own files.
    """

    public: str
    power: int
    moniker: str = ""
    host: str = ""
    port: int = 0
    certificate: str = ""
    successor: str = ""
    faulty: bool = False


class ProposalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`proposal/<id>`: a proposed change and the votes on it, DIDs in ascending order.

    `void`: agreed on, but by then it no longer fitted the validators as they were.
    """

    author: str
    change: Change
    closes: int
    state: Literal["open", "accepted", "void"]
    approvals: tuple[str, ...]
    rejections: tuple[str, ...]
    height: int


class CheckpointEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`checkpoint/<did>`: when this organisation last asked for a block, in ms."""

    at: int


class ElectionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`election`: how validators are elected; `ledger.types.tx_change.ElectionChanges` says what is what."""

    every: int
    seats: int
    availability: int
    contribution: int


class Votes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many commits a validator should have signed in this epoch, and how many it did."""

    due: int
    signed: int


class EpochEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`epoch`: the present one, numbered from 1, since the block `first`; votes by upper-case hex address."""

    number: int
    first: int
    votes: dict[str, Votes]


class DrawEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`draw`: what decides which records are audited in the epoch `number`, and by which of these DIDs."""

    number: int
    seed: str
    auditors: tuple[str, ...]


class CandidatesEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`candidates`: the keys that stand for election, whether they vote now or not, ascending."""

    keys: tuple[str, ...]


class CandidateEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`candidate/<address>`: whose validator it is, and the last epoch in which it showed that it follows."""

    public: str
    organisation: str
    renewed: int = 0


class ReceiptEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`receipt/<anchor>`: the patient acknowledged it in `epoch`, as number `index` of its author's.

    `audit`: the last outcome, or empty.
    """

    epoch: int
    index: int
    audit: AuditOutcome | Literal[""] = ""


class ContributionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`contribution/<did>`: what an organisation has done, as of `epoch`.

    `acknowledged` in this epoch; `before` in the one before, of which a sample is audited now: `passed` and
    `failed` count those. `credit` is what earlier epochs earned.
    """

    epoch: int
    acknowledged: int = 0
    before: int = 0
    passed: int = 0
    failed: int = 0
    credit: int = 0


Entry = (
    DidEntry
    | OrganisationEntry
    | CredentialEntry
    | AnchorEntry
    | ConsentEntry
    | NoncesEntry
    | ValidatorSetEntry
    | ValidatorChangesEntry
    | ValidatorEntry
    | ProposalEntry
    | CheckpointEntry
    | ElectionEntry
    | EpochEntry
    | DrawEntry
    | CandidatesEntry
    | CandidateEntry
    | ReceiptEntry
    | ContributionEntry
)
Write = tuple[bytes, Entry]
Reader = Callable[[bytes], bytes | None]
_E = TypeVar("_E")


def did_key(did: str) -> bytes:
    """State key of a DID's key set."""
    return f"did/{did}".encode()


def organisation_key(did: str) -> bytes:
    """State key of an organisation."""
    return f"org/{did}".encode()


def credential_key(credential: str) -> bytes:
    """State key of a credential, by its b64u hash."""
    return f"credential/{credential}".encode()


def anchor_key(anchor: str) -> bytes:
    """State key of a record's anchor."""
    return f"anchor/{anchor}".encode()


def consent_key(consent: str) -> bytes:
    """State key of a consent."""
    return f"consent/{consent}".encode()


ORGANISATION_PREFIX = b"org/"
VALIDATORS_KEY = b"validators"
ELECTION_KEY = b"election"
EPOCH_KEY = b"epoch"
DRAW_KEY = b"draw"
CANDIDATES_KEY = b"candidates"


def validator_set_key(height: int) -> bytes:
    """State key of the set that decides from `height` on."""
    return f"validators/{height}".encode()


def validator_key(public: bytes) -> bytes:
    """State key of a validator, by its 32-byte key: the address is upper-case hex."""
    return f"validator/{address_of(public).hex().upper()}".encode()


def proposal_key(proposal: str) -> bytes:
    """State key of a governance proposal."""
    return f"proposal/{proposal}".encode()


def checkpoint_key(did: str) -> bytes:
    """State key of an organisation's last checkpoint."""
    return f"checkpoint/{did}".encode()


def candidate_key(public: bytes) -> bytes:
    """State key of a candidate, by its 32-byte key: the address is upper-case hex."""
    return f"candidate/{address_of(public).hex().upper()}".encode()


def receipt_key(anchor: str) -> bytes:
    """State key of the patient's acknowledgement of an anchor."""
    return f"receipt/{anchor}".encode()


def contribution_key(did: str) -> bytes:
    """State key of what an organisation has contributed."""
    return f"contribution/{did}".encode()


NONCES_PREFIX = b"nonces/"


def nonces_key(height: int) -> bytes:
    """State key of the nonces that the block at `height` used."""
    return NONCES_PREFIX + str(height).encode()


def write(key: bytes, entry: Entry) -> Write:
    """The pair that puts `entry` at `key`. It is not encoded before it counts: a check throws it away."""
    return key, entry


def encoded(writes: Iterable[Write]) -> list[tuple[bytes, bytes]]:
    """The pairs as the state holds them."""
    return [(key, encode(entry)) for key, entry in writes]


class View:
    """Typed reading of the state through a `reader` of raw values; None is what is absent."""

    __slots__ = ("_read",)

    def __init__(self, reader: Reader) -> None:
        self._read = reader

    def did(self, did: str) -> DidEntry | None:
        """The key set entry of a DID."""
        return self._entry(did_key(did), _DID)

    def organisation(self, did: str) -> OrganisationEntry | None:
        """The organisation with this DID."""
        return self._entry(organisation_key(did), _ORGANISATION)

    def credential(self, credential: str) -> CredentialEntry | None:
        """The credential with this b64u hash."""
        return self._entry(credential_key(credential), _CREDENTIAL)

    def anchor(self, anchor: str) -> AnchorEntry | None:
        """The anchor with this id."""
        return self._entry(anchor_key(anchor), _ANCHOR)

    def consent(self, consent: str) -> ConsentEntry | None:
        """The consent with this id."""
        return self._entry(consent_key(consent), _CONSENT)

    def validator_changes(self) -> tuple[int, ...]:
        """The heights from which another validator set decides, ascending."""
        entry = self._entry(VALIDATORS_KEY, _CHANGES)
        return entry.heights if entry else ()

    def validator_set(self, height: int) -> ValidatorSetEntry | None:
        """The set that was put down for exactly this height."""
        return self._entry(validator_set_key(height), _SET)

    def validator(self, public: bytes) -> ValidatorEntry | None:
        """The validator with this 32-byte key, if it ever differed from the genesis."""
        return self._entry(validator_key(public), _VALIDATOR)

    def proposal(self, proposal: str) -> ProposalEntry | None:
        """The governance proposal with this id."""
        return self._entry(proposal_key(proposal), _PROPOSAL)

    def checkpoint(self, did: str) -> CheckpointEntry | None:
        """When this organisation last asked for a block."""
        return self._entry(checkpoint_key(did), _CHECKPOINT)

    def election(self) -> ElectionEntry | None:
        """How validators are elected; None when they are not."""
        entry = self._entry(ELECTION_KEY, _ELECTION)
        return entry if entry and entry.every else None

    def epoch(self) -> EpochEntry | None:
        """The present epoch; None before the first."""
        return self._entry(EPOCH_KEY, _EPOCH)

    def draw(self) -> DrawEntry | None:
        """The present epoch's draw of audits."""
        return self._entry(DRAW_KEY, _DRAW)

    def candidates(self) -> tuple[str, ...]:
        """The keys that stand for election, b64u, ascending."""
        entry = self._entry(CANDIDATES_KEY, _CANDIDATES)
        return entry.keys if entry else ()

    def candidate(self, public: bytes) -> CandidateEntry | None:
        """The candidate with this 32-byte key, or one that was."""
        return self._entry(candidate_key(public), _CANDIDATE)

    def receipt(self, anchor: str) -> ReceiptEntry | None:
        """The acknowledgement of the anchor with this id."""
        return self._entry(receipt_key(anchor), _RECEIPT)

    def contribution(self, did: str) -> ContributionEntry | None:
        """What this organisation has contributed, as of the epoch that the entry names."""
        return self._entry(contribution_key(did), _CONTRIBUTION)

    def nonces(self, height: int) -> NoncesEntry | None:
        """The nonces that the block at `height` used, while they are remembered."""
        return self._entry(nonces_key(height), decode_nonces)

    def _entry(self, key: bytes, decode: Callable[[bytes], _E]) -> _E | None:
        value = self._read(key)
        return None if value is None else decode(value)


_REMEMBERED = 16_384
"""Entries of one kind kept decoded; they are frozen, so whoever reads them may share them."""


def _decoded(kind: type[_E]) -> Callable[[bytes], _E]:
    return lru_cache(_REMEMBERED)(msgspec.json.Decoder(kind).decode)


_DID = _decoded(DidEntry)
_ORGANISATION = _decoded(OrganisationEntry)
_CREDENTIAL = _decoded(CredentialEntry)
_ANCHOR = _decoded(AnchorEntry)
_CONSENT = _decoded(ConsentEntry)
_CHANGES = _decoded(ValidatorChangesEntry)
_SET = _decoded(ValidatorSetEntry)
_VALIDATOR = _decoded(ValidatorEntry)
_PROPOSAL = _decoded(ProposalEntry)
_CHECKPOINT = _decoded(CheckpointEntry)
_ELECTION = _decoded(ElectionEntry)
_EPOCH = _decoded(EpochEntry)
_DRAW = _decoded(DrawEntry)
_CANDIDATES = _decoded(CandidatesEntry)
_CANDIDATE = _decoded(CandidateEntry)
_RECEIPT = _decoded(ReceiptEntry)
_CONTRIBUTION = _decoded(ContributionEntry)
decode_organisation = _ORGANISATION
decode_nonces = _decoded(NoncesEntry)
