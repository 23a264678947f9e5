"""Hashes of headers below the verified ones, found by going down the hashes that each header names.

Rules
- A header is believed since the one after it names its hash: no signature, no age matters.
- Every `STEP`th hash is remembered, so that a way is gone once; of the others the last `MAX_HASHES` are, and
  of whole headers the last `MAX_HEADERS`.
- One way is gone at a time, in the background: who asked is told how far it is if that takes long.
"""

import asyncio
from collections import OrderedDict
from typing import TypeVar

from ledger.client.errors import LedgerUnavailable
from ledger.thin.pool import Pool
from ledger.thin.ranges import fetch_range
from ledger.types.block import Header

Kept = TypeVar("Kept")
STEP = 200
MAX_HASHES = 4_096
MAX_HEADERS = 1_024
AHEAD = 16
"""How many headers to fetch when one is asked for: who asks for one mostly asks for its neighbours, too."""
PATIENCE_S = 1.5


class History:
    """What hash the header of a height has, as far as verified headers vouch for it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._marks: dict[int, bytes] = {}
        self._verified: OrderedDict[int, bytes] = OrderedDict()
        self._passed: OrderedDict[int, bytes] = OrderedDict()
        self._headers: OrderedDict[int, Header] = OrderedDict()
        self._way: asyncio.Task[None] | None = None
        self._at = 0

    def know(self, header: Header) -> None:
        """This header is verified, and with it the hash of the one before."""
        _keep(self._verified, header.height, header.hash)
        if header.last_block_id.hash:
            _keep(self._passed, header.height - 1, header.last_block_id.hash)
        if header.height % STEP == 0:
            self._marks[header.height] = header.hash

    async def hash_of(self, height: int) -> bytes:
        """The hash of the header at `height`, below some verified one. Raises LedgerUnavailable, NotFound."""
        while (found := self._known(height)) is None:
            if (way := self._way) is None or way.done():
                way = self._way = asyncio.ensure_future(self._go_down(height))
            done, _ = await asyncio.wait({way}, timeout=PATIENCE_S)
            if not done:
                raise LedgerUnavailable(
                    f"the headers down to block {height} are being verified, block {self._at} is reached: ask"
                    " again shortly"
                )
            way.result()
        return found

    async def header_of(self, height: int) -> Header:
        """The header at `height`, below some verified one. Raises LedgerUnavailable, NotFound."""
        await self.hash_of(height)
        if (kept := self._headers.get(height)) is None:
            last = height
            while last < height + AHEAD - 1 and self._known(last + 1) is not None:
                last += 1
            kept = (await self._fetch(height, last))[0]
        self._headers.move_to_end(height)
        return kept

    async def _go_down(self, height: int) -> None:
        while self._known(height) is None:
            self._at = min(at for at in (*self._verified, *self._passed, *self._marks) if at > height)
            first = max(height, (self._at - 1) // STEP * STEP, 1)
            for header in await self._fetch(first, self._at):
                _keep(self._passed, header.height, header.hash)
                if header.height % STEP == 0:
                    self._marks[header.height] = header.hash

    async def _fetch(self, first: int, last: int) -> list[Header]:
        """The headers `first` to `last`, the hash of the last one known."""
        blocks = await fetch_range(self._pool, first, last, self._known(last) or b"", full=False)
        for block in blocks:
            _keep(self._headers, block.header.height, block.header, MAX_HEADERS)
        return [block.header for block in blocks]

    def _known(self, height: int) -> bytes | None:
        return self._verified.get(height) or self._passed.get(height) or self._marks.get(height)


def _keep(found: OrderedDict[int, Kept], height: int, value: Kept, most: int = MAX_HASHES) -> None:
    found[height] = value
    found.move_to_end(height)
    while len(found) > most:
        found.popitem(last=False)
