"""Hashes of headers below the verified ones, found by going down the hashes that each header names.

Rules
- A header is believed since the one after it names its hash: no signature, no age matters.
- Every `STEP`th hash is remembered, so that a way is gone once; of the others the last `MAX_HASHES` are.
- One way is gone at a time, in the background: who asked is told how far it is if that takes long.
"""

import asyncio
from collections import OrderedDict

from ledger.client.errors import LedgerUnavailable
from ledger.thin.pool import Pool
from ledger.thin.ranges import fetch_range
from ledger.types.block import Header

STEP = 200
MAX_HASHES = 4_096
PATIENCE_S = 1.5


class History:
    """What hash the header of a height has, as far as verified headers vouch for it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._marks: dict[int, bytes] = {}
        self._verified: OrderedDict[int, bytes] = OrderedDict()
        self._passed: OrderedDict[int, bytes] = OrderedDict()
        self._way: asyncio.Task[None] | None = None
        self._at = 0

    def know(self, header: Header) -> None:
        """This header is verified."""
        _keep(self._verified, header)
        if header.height % STEP == 0:
            self._marks[header.height] = header.hash

    async def hash_of(self, height: int) -> bytes:
        """The hash of the header at `height`, below some verified one. Raises LedgerUnavailable, NotFound."""
        while (found := self._known(height)) is None:
            if self._way is None or self._way.done():
                self._way = asyncio.ensure_future(self._go_down(height))
            done, _ = await asyncio.wait({self._way}, timeout=PATIENCE_S)
            if not done:
                raise LedgerUnavailable(
                    f"the headers down to block {height} are being verified, block {self._at} is reached: ask"
                    " again shortly"
                )
            self._way.result()
        return found

    async def _go_down(self, height: int) -> None:
        while self._known(height) is None:
            self._at = min(at for at in (*self._verified, *self._passed, *self._marks) if at > height)
            first = max(height, (self._at - 1) // STEP * STEP, 1)
            for header in await self._headers(first, self._at):
                _keep(self._passed, header)
                if header.height % STEP == 0:
                    self._marks[header.height] = header.hash

    async def _headers(self, first: int, last: int) -> list[Header]:
        """The headers `first` to `last`, the last one known."""
        blocks = await fetch_range(self._pool, first, last, self._known(last) or b"", full=False)
        return [block.header for block in blocks]

    def _known(self, height: int) -> bytes | None:
        return self._verified.get(height) or self._passed.get(height) or self._marks.get(height)


def _keep(hashes: OrderedDict[int, bytes], header: Header) -> None:
    hashes[header.height] = header.hash
    hashes.move_to_end(header.height)
    while len(hashes) > MAX_HASHES:
        hashes.popitem(last=False)
