"""Where light blocks come from: the port, and walking a way with it."""

from typing import Protocol

from ledger.light.errors import ProviderLied
from ledger.light.path import Way
from ledger.light.verdict import LightBlock


class Provider(Protocol):
    """One full node, believed in nothing.

    `light_block(height)` answers the block of `height`, or of the latest one for None, with the next height's
    validators wherever those differ. It raises NoSuchBlock when the node has none of that height,
    ProviderUnavailable when it does not answer, and ProviderLied when the answer is malformed. It neither
    retries nor verifies; it need not be thread-safe.
    """

    @property
    def name(self) -> str:
        """What people know this node by, for messages and logs."""
        ...

    def light_block(self, height: int | None) -> LightBlock:
        """The block of `height`; the latest for None."""
        ...


def fetch(provider: Provider, height: int) -> LightBlock:
    """The block of `height`, checked to be of that height. Raises ProviderError."""
    block = provider.light_block(height)
    if block.height != height:
        raise ProviderLied(f"{provider.name}: asked for height {height}, got {block.height}")
    return block


def walk(way: Way, provider: Provider) -> tuple[LightBlock, ...]:
    """Go `way` to its end with blocks of `provider`. Raises HeaderRefused or ProviderError."""
    try:
        height = next(way)
        while True:
            height = way.send(fetch(provider, height))
    except StopIteration as end:
        verified: tuple[LightBlock, ...] = end.value
        return verified
