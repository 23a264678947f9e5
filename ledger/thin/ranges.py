"""Ranges of blocks, checked down from their last header, whose hash is known to be right."""

from ledger.client.errors import NotFound
from ledger.client.transport import Unanswered
from ledger.client.verify import ProvenBlock
from ledger.thin.checks import Against, lie, tip_of
from ledger.thin.pool import Pool, Source
from ledger.thin.upstream import LARGE_BYTES

RANGE_S = 20.0
LARGE_HEDGE_S = 3.0
"""How long one validator may take for a large answer before the next one is asked as well."""


async def fetch_range(
    pool: Pool, first: int, last: int, digest: bytes, full: bool, signed: bool = False
) -> tuple[ProvenBlock, ...]:
    """The blocks `first` to `last` with their transactions (`full`) or these' hashes.

    `digest` is the hash of the last header; `signed` brings last commits and evidence
    along. Raises NotFound, TooLarge, LedgerUnavailable.
    """
    against = Against(digest)

    async def attempt(source: Source) -> tuple[ProvenBlock, ...]:
        params = {"from": first, "to": last, "full": full, "signed": signed}
        answer = await source.upstream.call("chain_range", params, RANGE_S, LARGE_BYTES)
        if tip_of(answer) < last:
            raise Unanswered("the validator lags behind")
        blocks = against.blocks(answer, first, full).blocks
        if not blocks:
            raise NotFound(f"height {first} is not available")
        if signed and any(block.last_commit is None for block in blocks):
            raise lie("last commits", "none")
        return blocks

    return await pool.first(attempt, LARGE_HEDGE_S)
