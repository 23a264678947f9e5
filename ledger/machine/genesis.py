"""The state before the first block: the authority, and who is elected how (docs/formats.md section 3)."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ledger.machine.entries import (
    CANDIDATES_KEY,
    ELECTION_KEY,
    CandidateEntry,
    CandidatesEntry,
    DidEntry,
    ElectionEntry,
    OrganisationEntry,
    Write,
    candidate_key,
    did_key,
    encoded,
    organisation_key,
    write,
)
from ledger.types.canonical import b64u_decode
from ledger.types.did import KeySet, check_keyset, did_of
from ledger.types.tx_change import LEAST_EPOCH, Blocks, Seats, Weight
from ledger.types.tx_errors import Rejected
from ledger.types.tx_fields import B64u32, Did, Label


class GenesisError(ValueError):
    """The genesis's app_state cannot start a ledger; correct genesis.json on every validator."""


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who admits organisations."""

    did: Did
    keyset: KeySet
    name: Label


class GenesisCandidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose validator the one with this key is. The organisation may be admitted later."""

    public: B64u32
    organisation: Did


class GenesisElection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How validators are elected from the beginning, and who stands (docs/election.md)."""

    every: Blocks
    seats: Seats
    availability: Weight
    contribution: Weight
    candidates: tuple[GenesisCandidate, ...] = ()


class AppState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The genesis document's `app_state`."""

    authority: Authority
    version: Literal[1]
    election: GenesisElection | None = None


def genesis_state(app_state: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The pairs of the state that `app_state` describes. Raises GenesisError."""
    try:
        stated = msgspec.convert(app_state, AppState)
        authority = stated.authority
        check_keyset(authority.keyset)
    except (msgspec.ValidationError, Rejected) as error:
        raise GenesisError(f"app_state: {error}") from error
    if did_of(authority.keyset) != authority.did:
        raise GenesisError("app_state.authority.did is not the hash of its key set")
    entries = (
        write(did_key(authority.did), DidEntry("self", authority.keyset, 0)),
        write(organisation_key(authority.did), OrganisationEntry("authority", authority.name, "", True)),
        *(_election_writes(stated.election) if stated.election else ()),
    )
    return dict(encoded(entries))


def _election_writes(election: GenesisElection) -> tuple[Write, ...]:
    rules = ElectionEntry(election.every, election.seats, election.availability, election.contribution)
    if 0 < election.every < LEAST_EPOCH:
        raise GenesisError(f"app_state.election.every must be 0 or at least {LEAST_EPOCH} blocks")
    keys = tuple(sorted(one.public for one in election.candidates))
    if len(set(keys)) != len(keys):
        raise GenesisError("app_state.election.candidates names a key twice")
    candidates = (
        write(candidate_key(b64u_decode(one.public, 32)), CandidateEntry(one.public, one.organisation))
        for one in election.candidates
    )
    return (write(ELECTION_KEY, rules), write(CANDIDATES_KEY, CandidatesEntry(keys)), *candidates)
