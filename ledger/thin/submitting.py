"""Handing transactions on: to one validator after the other, until one takes it or enough refuse.

Rules
- A validator's word that it took a transaction is worth nothing more than that; "committed" is said only with
  a proof of inclusion under a verified header.
- Refused, busy included, is what f + 1 validators refuse: one liar keeps nothing out.
"""

import asyncio
import time

from ledger.client.errors import LedgerUnavailable
from ledger.thin.errors import Halted
from ledger.thin.node import ThinNode
from ledger.thin.pool import Source
from ledger.thin.reading import FoundTx, bundled
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

    node.submitting += 1
    try:
        return await node.pool.first(attempt)
    finally:
        node.submitting -= 1


async def commit(node: ThinNode, wire: bytes, wait_ms: int) -> FoundTx:
    """Submit `wire` and wait until it is proven to be in a block.

    Raises TxRejected, NotCommitted when that does not happen in time, LedgerUnavailable.
    """
    node.headers.check_usable()
    deadline = time.monotonic() + wait_ms / 1000

    async def attempt(source: Source) -> FoundTx:
        left_ms = max(LEAST_WAIT_MS, int((deadline - time.monotonic()) * 1000))
        params = {"tx": base64_text(wire), "wait_ms": left_ms}
        answer = await source.upstream.call("commit_proven", params, left_ms / 1000 + ANSWER_S)
        return await bundled(node, answer, wire, source)

    node.submitting += 1
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + wait_ms / 1000 + 1):
            while time.monotonic() < deadline:
                try:
                    return await node.pool.first(attempt)
                except LedgerUnavailable:
                    await asyncio.sleep(PAUSE_S)
    except TimeoutError:
        pass
    finally:
        node.submitting -= 1
    raise NotCommitted(f"within {wait_ms} ms")


def _check_halted(node: ThinNode) -> None:
    if node.headers.halted:
        raise Halted(node.headers.halted)
