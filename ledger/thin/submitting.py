"""Handing transactions on: to one validator after the other, until one takes it or enough refuse.

Rules
- A validator's word that it took a transaction is worth nothing more than that; "committed" is said only with
  a proof of inclusion under a verified header.
- Refused, busy included, is what f + 1 validators refuse: one liar keeps nothing out.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator

from ledger.client.errors import LedgerUnavailable
from ledger.thin import checks
from ledger.thin.errors import Halted
from ledger.thin.node import ThinNode
from ledger.thin.pool import Source
from ledger.thin.reading import Bundled, bundled
from ledger.thin.upstream import ANSWER_S
from ledger.types.ids import sha256
from ledger.types.rpc_json import base64_text

PAUSE_S = 0.05
LEAST_WAIT_MS = 200


class NotCommitted(LedgerUnavailable):
    """No block held the transaction within the time given. It may still commit later."""


async def submit(node: ThinNode, wire: bytes) -> bytes:
    """Put `wire` into a validator's pool; its hash. Raises TxRejected, LedgerUnavailable."""
    _check_halted(node)

    async def attempt(source: Source) -> bytes:
        await source.upstream.call("submit", {"tx": base64_text(wire)})
        return sha256(wire)

    with _in_hand(node, wire):
        return await node.pool.first(attempt)


async def check(node: ThinNode, wire: bytes) -> None:
    """What validators' pools would say to `wire`. Raises TxRejected when enough would refuse it."""
    _check_halted(node)

    async def attempt(source: Source) -> None:
        checks.accepted(await source.upstream.call("check_tx", {"tx": base64_text(wire)}))

    await node.pool.first(attempt)


async def commit(node: ThinNode, wire: bytes, wait_ms: int) -> Bundled:
    """Submit `wire` and wait until it is proven to be in a block.

    Raises TxRejected, NotCommitted when that does not happen in time, LedgerUnavailable.
    """
    node.headers.check_usable()
    deadline = time.monotonic() + wait_ms / 1000

    async def attempt(source: Source) -> Bundled:
        left_ms = max(LEAST_WAIT_MS, int((deadline - time.monotonic()) * 1000))
        params = {"tx": base64_text(wire), "wait_ms": left_ms}
        answer = await source.upstream.call("commit_proven", params, left_ms / 1000 + ANSWER_S)
        return await bundled(node, answer, wire, source)

    with _in_hand(node, wire), contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + wait_ms / 1000 + 1):
            while time.monotonic() < deadline:
                try:
                    return await node.pool.first(attempt)
                except LedgerUnavailable:
                    await asyncio.sleep(PAUSE_S)
    raise NotCommitted(f"within {wait_ms} ms")


@contextlib.contextmanager
def _in_hand(node: ThinNode, wire: bytes) -> Iterator[None]:
    """While it lasts, `wire` is told among those that are on their way to a block."""
    place = object()
    node.submitting[place] = wire
    try:
        yield
    finally:
        del node.submitting[place]


def _check_halted(node: ThinNode) -> None:
    if node.headers.halted:
        raise Halted(node.headers.halted)
