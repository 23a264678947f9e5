"""What a thin node does unasked: it follows the chain, and looks whether silent validators are back."""

import asyncio
import contextlib
from typing import NoReturn

from ledger.client.errors import LedgerUnavailable, NotFound
from ledger.thin.errors import Halted
from ledger.thin.headers import PAUSE_S, Headers
from ledger.thin.pool import Pool, Source
from ledger.thin.upstream import NotInTime

FOLLOW_S = 3.0
"""How long one validator is listened to before the next one is, as well."""
PROBE_EVERY_S = 1.0
WRITE_EVERY_S = 5.0
"""How often verified headers are written down."""


async def follow(headers: Headers, pool: Pool, vouched: tuple[int, bytes] | None = None) -> None:
    """Keep up with the chain until it halts: wait, at one validator after the other, for the next block."""

    async def hear_next(source: Source) -> None:
        """Ask `source` for its next block, and verify whatever it then says is the newest."""
        params = {"key": "validators", "min_height": headers.height + 1, "wait_ms": int(FOLLOW_S * 1000)}
        headers.check_usable()
        with contextlib.suppress(NotInTime, NotFound):
            await source.upstream.call("query_proven", params, FOLLOW_S + 2.0)
            await headers.newest(source)

    while not headers.halted:
        height = headers.height
        try:
            if headers.tip is None:
                await headers.begin(vouched)
            await pool.first(hear_next, hedge_s=FOLLOW_S)
            await headers.flush(WRITE_EVERY_S)
            headers.trouble = ""
        except (NotFound, LedgerUnavailable) as error:
            headers.troubled(str(error))
            await asyncio.sleep(PROBE_EVERY_S)
        except Halted:
            return
        pool.rotate()
        await asyncio.sleep(PAUSE_S if headers.height > height else 2 * PAUSE_S)


async def probe(pool: Pool) -> NoReturn:
    """Look for ever whether silent validators are back."""
    while True:
        await asyncio.sleep(PROBE_EVERY_S)
        await pool.probe()
