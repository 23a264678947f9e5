"""The state before the first block: the consortium's authority alone (docs/formats.md section 3)."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ledger.machine.entries import DidEntry, OrganisationEntry, did_key, organisation_key, write
from ledger.types.did import KeySet, check_keyset, did_of
from ledger.types.tx_errors import Rejected
from ledger.types.tx_fields import Did, Label


class GenesisError(ValueError):
    """The genesis's app_state cannot start a ledger; correct genesis.json on every validator."""


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who admits organisations."""

    did: Did
    keyset: KeySet
    name: Label


class AppState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The genesis document's `app_state`."""

    authority: Authority
    version: Literal[1]


def genesis_state(app_state: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The pairs of the state that `app_state` describes. Raises GenesisError."""
    try:
        authority = msgspec.convert(app_state, AppState).authority
        check_keyset(authority.keyset)
    except (msgspec.ValidationError, Rejected) as error:
        raise GenesisError(f"app_state: {error}") from error
    if did_of(authority.keyset) != authority.did:
        raise GenesisError("app_state.authority.did is not the hash of its key set")
    entries = (
        write(did_key(authority.did), DidEntry("self", authority.keyset, 0)),
        write(organisation_key(authority.did), OrganisationEntry("authority", authority.name, "", True)),
    )
    return dict(entries)
