"""What the ledger says about itself. No personal data is on it, so nothing here is filtered.

Blocks, transactions and state are verified by the ledger's client; who answers now, and how many events there
are, is what the validators say.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from ledger.api import (
    BlockDetail,
    BlockSummary,
    EventCounts,
    LedgerClient,
    LedgerStatus,
    NotFound,
    TxDetail,
    ValidatorInfo,
    b64u_decode,
)
from oversight.standing import Entry, Powers, Step, history, signed_counts, spare, tolerated

PAGE = 20
LOOK_BACK = 100
"""Of how many of the last blocks the signatures are counted."""
MAX_CHANGES = 50
"""How many of the last changes of the validators are told."""


@lru_cache(maxsize=2)
def _client(addresses: tuple[str, ...], genesis: str) -> LedgerClient:
    return LedgerClient(addresses, json.loads(Path(genesis).read_bytes()))


def ledger() -> LedgerClient:
    """The client of this process; it is thread-safe and keeps its connections."""
    return _client(tuple(settings.SALUS_LEDGER_RPC), str(settings.SALUS_LEDGER_GENESIS))


@dataclass(frozen=True)
class Health:
    """The network now: f is `tolerated`; `spare` more may fail before blocks stop."""

    status: LedgerStatus
    tolerated: int
    spare: int


@dataclass(frozen=True)
class ValidatorLine:
    """One validator: its share of the power in percent, and of the last `of` blocks how many it signed."""

    info: ValidatorInfo
    share: float
    signed: int
    of: int
    last_signed: int


@dataclass(frozen=True)
class Former:
    """A validator that votes no longer."""

    address: str
    moniker: str
    faulty: bool


def health(validators: Iterable[ValidatorInfo]) -> Health:
    known = tuple(validators)
    total = sum(each.voting_power for each in known)
    answering = [each.voting_power for each in known if each.answers]
    return Health(ledger().status(), tolerated(len(known)), spare(answering, total))


def validator_lines(validators: Iterable[ValidatorInfo], recent: list[BlockSummary]) -> list[ValidatorLine]:
    """Every validator, with what the `recent` blocks, newest first, say of its signatures."""
    known = tuple(validators)
    total = sum(each.voting_power for each in known) or 1
    counts = signed_counts(block.signed_by for block in recent)
    last: dict[str, int] = {}
    for block in recent:
        for address in block.signed_by:
            last.setdefault(address, block.height)
    return [
        ValidatorLine(
            each,
            100 * each.voting_power / total,
            counts.get(each.address, 0),
            len(recent),
            last.get(each.address, 0),
        )
        for each in known
    ]


def validators() -> list[ValidatorInfo]:
    return ledger().validators()


def blocks(before: int | None = None, limit: int = PAGE) -> list[BlockSummary]:
    """One page of blocks below `before`, newest first."""
    return ledger().blocks(before=before, limit=limit)


def block(height: int) -> BlockDetail | None:
    """One block, or None when there is none at this height."""
    try:
        return ledger().block(height)
    except NotFound:
        return None


def transaction(tx_hash: str) -> TxDetail | None:
    """A committed transaction by its hash, or None."""
    try:
        return ledger().transaction(tx_hash)
    except NotFound:
        return None


def height_of(block_hash: str) -> int | None:
    """The height of the block with this hash, or None."""
    try:
        return ledger().height_of(block_hash)
    except NotFound:
        return None


def blocks_with_faults() -> list[BlockSummary]:
    """Blocks that hold evidence, newest first."""
    return ledger().blocks_with_faults()


def event_counts() -> EventCounts:
    return ledger().event_counts()


def names(addresses: Iterable[str], known: Iterable[ValidatorInfo]) -> dict[str, str]:
    """Monikers by address: of those known, and of these addresses."""
    found = {each.address: each.moniker for each in known}
    for address in addresses:
        if address not in found:
            found[address] = ledger().name_of(address)
    return found


def validator_history() -> tuple[dict[str, list[Step]], list[Former]]:
    """What became of each validator, and those that vote no longer; all of it proven state."""
    sets = _sets()
    seen = {address for _, powers in sets for address in powers}
    changed = {address for address in seen if len({powers.get(address) for _, powers in sets}) > 1}
    entries = {address: _entry(address) for address in changed}
    steps = history(sets, entries)
    now = sets[-1][1]
    gone = sorted(seen - now.keys(), key=lambda address: -steps[address][-1].height)
    return steps, [Former(each, ledger().name_of(each), entries[each].faulty) for each in gone]


def _sets() -> list[tuple[int, Powers]]:
    """From which height which validators decide: the genesis' and those of the last changes."""
    changes = ledger().query("validators").value
    heights = changes["heights"][-MAX_CHANGES:] if changes else []
    found: list[tuple[int, Powers]] = [(1, _genesis_powers())]
    for height in heights:
        value = ledger().query(f"validators/{height}").value or {"members": []}
        found.append((height, {_address(one["public"]): one["power"] for one in value["members"]}))
    return found[1:] if changes and len(changes["heights"]) > MAX_CHANGES else found


def _genesis_powers() -> Powers:
    genesis: dict[str, Any] = json.loads(Path(settings.SALUS_LEDGER_GENESIS).read_bytes())
    return {each["address"].upper(): int(each["power"]) for each in genesis["validators"]}


def _entry(address: str) -> Entry:
    value = ledger().query(f"validator/{address}").value
    if value is None:
        return Entry()
    return Entry(_address(value["successor"]) if value["successor"] else "", value["faulty"])


def _address(public: str) -> str:
    return hashlib.sha256(b64u_decode(public, 32)).hexdigest()[:40].upper()
