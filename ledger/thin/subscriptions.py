"""Event subscriptions over a WebSocket: a full node's, fed with blocks that are verified before they go out.

Rules
- Heights come in order and none is left out while the socket is open.
- A block is told with what it came to, as soon as the next header proves that; `vouched` and `omitted` label
  what is not proven.
- When a block cannot be verified the socket waits; when the node halts it is closed.
"""

import asyncio
import contextlib

from ledger.client.errors import LedgerError
from ledger.node.rpc_subscriptions import Subscriber
from ledger.thin import forms, outcomes
from ledger.thin.errors import Busy, Halted, TooLarge
from ledger.thin.node import ThinNode
from ledger.thin.outcomes import Outcome

RETRY_S = 0.5


class Subscriptions(Subscriber[ThinNode]):
    """What one WebSocket has subscribed to, and the task that feeds it."""

    def _height(self) -> int:
        return self._node.headers.height

    async def _feed(self, height: int) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            try:
                while True:
                    await self._node.headers.wait_above(height)
                    height += 1
                    await self._tell_verified(height)
            except Halted:
                await self._socket.close()

    async def _tell_verified(self, height: int) -> None:
        """Send what was subscribed to of this block, once it is verified."""
        while self._held:
            try:
                async with self._node.memory.own_work():
                    told = await self._outcome(height)
                    await self._tell(told, forms.labels(told))
                return
            except (LedgerError, Busy, TooLarge):
                await asyncio.sleep(RETRY_S)

    async def _outcome(self, height: int) -> Outcome:
        if self._wanted() == {"NewBlockHeader"}:
            return await outcomes.of_header(self._node, height)
        return await outcomes.of_block(self._node, height)
