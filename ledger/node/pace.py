"""How far apart blocks are: close together while that costs little, further apart under load.

Rules
- The first transaction after a pause is proposed at once; so is a full block.
- Otherwise a block begins no sooner after the one before it than `STRETCH` times what a block took lately,
  from its beginning to its commit, within `LEAST_S` and `MOST_S`. Each block costs every validator the same
  few milliseconds whatever it holds. When machines or network grow slow, a block takes longer, so the next
  one waits longer, holds more, and more transactions share the fixed cost; when they recover it comes back.
- A height that needed more than one round says nothing about load and is not counted.

Times are seconds on any clock that only goes forward.
"""

LEAST_S = 0.02
MOST_S = 1.0
STRETCH = 2.0
SMOOTHING = 0.2
"""Weight of the newest block in the running average."""


class Pace:
    """One validator's own measure; validators need not agree on it."""

    def __init__(self) -> None:
        self._took_s = 0.0
        self._began_s: float | None = None

    @property
    def interval_s(self) -> float:
        """The least time between the beginnings of two blocks, as of now."""
        return min(MOST_S, max(LEAST_S, STRETCH * self._took_s))

    def began(self, now_s: float) -> None:
        """A height left its waiting: somebody may propose."""
        self._began_s = now_s

    def committed(self, now_s: float, rounds: int) -> None:
        """The height was decided and executed in this many rounds."""
        if rounds == 1 and self._began_s is not None:
            self._took_s += SMOOTHING * (now_s - self._began_s - self._took_s)

    def wait_s(self, now_s: float) -> float:
        """How long the next block waits from now on; 0 when it may begin."""
        return 0.0 if self._began_s is None else max(0.0, self._began_s + self.interval_s - now_s)
