"""What the ledger says about itself. No personal data is on it, so nothing here is filtered."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from ledger.api import BlockDetail, BlockSummary, LedgerClient, LedgerStatus, NotFound, ValidatorInfo

PAGE = 20


@lru_cache(maxsize=2)
def _client(addresses: tuple[str, ...], genesis: str) -> LedgerClient:
    return LedgerClient(addresses, json.loads(Path(genesis).read_bytes()))


def ledger() -> LedgerClient:
    """The client of this process; it is thread-safe and keeps its connections."""
    return _client(tuple(settings.SALUS_LEDGER_RPC), str(settings.SALUS_LEDGER_GENESIS))


@dataclass(frozen=True)
class ValidatorLine:
    """One validator and the last of the shown blocks that it signed; `last_signed` 0 for none of them."""

    info: ValidatorInfo
    last_signed: int


def validator_lines(newest: BlockSummary | None, look_back: int = 5) -> list[ValidatorLine]:
    """Every validator with the newest of the last `look_back` blocks whose commit carries its signature."""
    signed: dict[str, int] = {}
    top = newest.height if newest else 0
    for height in range(top, max(0, top - look_back), -1):
        for address in ledger().block(height).signed_by:
            signed.setdefault(address, height)
    return [ValidatorLine(info, signed.get(info.address, 0)) for info in ledger().validators()]


def health() -> LedgerStatus:
    return ledger().status()


def blocks(before: int | None) -> list[BlockSummary]:
    """One page of blocks below `before`, newest first."""
    return ledger().blocks(before=before, limit=PAGE)


def block(height: int) -> BlockDetail | None:
    """One block, or None when there is none at this height."""
    try:
        return ledger().block(height)
    except NotFound:
        return None
