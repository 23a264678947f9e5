"""An event loop in made-up time: when nothing is ready it jumps to the next timer instead of waiting."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

NS = 1_000_000_000


class _Jump(selectors.SelectSelector):
    """A selector that lets the loop's own time pass instead of ours."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "the loop waits for something that is not a timer"
        self.passed_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` counts virtual seconds; `clock_ns()` is a wall clock that began at `epoch_ns`."""

    def __init__(self, epoch_ns: int) -> None:
        self._jump = _Jump()
        self.epoch_ns = epoch_ns
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.passed_s

    def clock_ns(self) -> int:
        return self.epoch_ns + int(self._jump.passed_s * NS)

    def play(self, story: Coroutine[Any, Any, None]) -> None:
        """Run `story` to its end."""
        asyncio.set_event_loop(self)
        try:
            self.run_until_complete(story)
        finally:
            asyncio.set_event_loop(None)
            self.close()
