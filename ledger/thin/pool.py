"""The validators that a thin node knows, in the order in which they are asked.

Rules
- Nobody's word counts: an answer is used only if the check that comes with the question accepts it.
- Who gave an answer that does not verify is dropped: not asked for ten minutes, then twice as long, ...
- Who is silent is asked last until it answers again. Who is slow is not waited for: the next is asked, too.
- "Rejected" and "not there" cannot be proven. They count when f + 1 validators say so, of which one is
  honest, or when all that answer do.
- Other things under no hash are told only when f + 1 validators, and two at least, say the very same.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger.client.errors import LedgerError, LedgerUnavailable, NotFound, ProofInvalid, TxRejected
from ledger.client.transport import Unanswered
from ledger.light.errors import HeaderRefused, LightClientError, ProviderError, ProviderLied
from ledger.node.log import log
from ledger.thin.errors import TooLarge
from ledger.thin.upstream import Upstream, UpstreamProvider

HEDGE_S = 0.5
PROBE_S = 2.0
DROPPED_S, MOST_DROPPED_S = 600.0, 86_400.0

Checked = TypeVar("Checked")
Same = TypeVar("Same", bound=Hashable)
OUR_CLOCK = ("future", "trusting period")
"""Rules by which a header may fail though its server is honest: our clock or our trust is to blame."""


@dataclass(eq=False)
class Source:
    """One validator and how it behaved. Times are of a clock that only goes forward, in seconds."""

    upstream: Upstream
    provider: UpstreamProvider
    dropped_until: float = 0.0
    dropped_s: float = DROPPED_S

    @property
    def url(self) -> str:
        """Its address."""
        return self.upstream.url


class Pool:
    """Asks validators in turn until an answer verifies. `faulty()` is f: how many of them may lie."""

    def __init__(self, sources: Sequence[Source], faulty: Callable[[], int]) -> None:
        self.sources = tuple(sources)
        self._faulty = faulty
        self._first = 0

    async def first(
        self,
        attempt: Callable[[Source], Awaitable[Checked]],
        hedge_s: float = HEDGE_S,
        preferred: Source | None = None,
    ) -> Checked:
        """The first value that an `attempt` returns: it asks one validator and checks what it says.

        Raises TxRejected, NotFound, TooLarge, Busy, Halted, or LedgerUnavailable when nobody gave an answer
        that verifies.
        """
        return (await self.several(attempt, 1, hedge_s, preferred))[0]

    async def several(
        self,
        attempt: Callable[[Source], Awaitable[Checked]],
        wanted: int,
        hedge_s: float = HEDGE_S,
        preferred: Source | None = None,
    ) -> list[Checked]:
        """The first `wanted` values that an `attempt` returns, each from another validator; fewer, but one at
        least, when no more of them answer. Raises as `first` does."""
        waiting, tally = deque(self.in_turn(preferred)), _Tally(self._faulty())
        running: dict[asyncio.Task[Checked], Source] = {}
        found: list[Checked] = []
        one_more = False
        try:
            while len(found) < wanted and (waiting or running):
                while waiting and (one_more or len(found) + len(running) < wanted):
                    source, one_more = waiting.popleft(), False
                    running[asyncio.ensure_future(attempt(source))] = source
                done, _ = await asyncio.wait(
                    running, timeout=hedge_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                one_more = not done
                for task in done:
                    source = running.pop(task)
                    if (trouble := task.exception()) is None:
                        found.append(task.result())
                    else:
                        self._judge(source, trouble)
                        tally.add(trouble)
                        one_more = True
        finally:
            for task in running:
                task.add_done_callback(_forget)
                task.cancel()
        if not found:
            raise tally.verdict(self)
        return found

    @property
    def vouchers(self) -> int:
        """How many validators must say the same of what cannot be proven: f + 1, two at least."""
        return max(self._faulty() + 1, 2)

    async def agreed(self, attempt: Callable[[Source], Awaitable[Same]], hedge_s: float = HEDGE_S) -> Same:
        """What enough validators say alike. Raises as `first` does, and LedgerUnavailable when too few do."""
        for wanted in (self.vouchers, len(self.sources)):
            said = await self.several(attempt, wanted, hedge_s)
            value, count = Counter(said).most_common(1)[0]
            if count >= self.vouchers:
                return value
        raise LedgerUnavailable(
            f"no proof covers this, and of {len(said)} validators that answer fewer than {self.vouchers} say"
            " the same"
        )

    def in_turn(self, preferred: Source | None = None) -> Iterator[Source]:
        """Those that may be asked: `preferred`, then the others, the silent ones last."""
        now = time.monotonic()
        at = self._first % len(self.sources)
        turn = [one for one in (*self.sources[at:], *self.sources[:at]) if one.dropped_until <= now]
        return iter(sorted(turn, key=lambda one: (one is not preferred, one.upstream.silent)))

    def providers(self, preferred: Source | None) -> list[UpstreamProvider]:
        """For the light client: those that answer; silent ones only when without them there is no witness."""
        turn = list(self.in_turn(preferred))
        lively = [one for one in turn if not one.upstream.silent]
        return [one.provider for one in (lively if len(lively) > 1 else turn)]

    async def probe(self) -> None:
        """Ask the silent ones whether they are back."""
        silent = [one for one in self.in_turn() if one.upstream.silent]
        await asyncio.gather(
            *(one.upstream.call("status", {}, PROBE_S) for one in silent), return_exceptions=True
        )

    def rotate(self) -> None:
        """Begin with the next validator from now on: the one before may be cut off from the rest."""
        self._first += 1

    def gave_up(self, url: str, why: LightClientError) -> None:
        """The light client gave this validator up."""
        source = next(one for one in self.sources if one.url == url)
        refused = isinstance(why, HeaderRefused) and why.verdict.rule not in OUR_CLOCK
        if refused or isinstance(why, ProviderLied):
            self.drop(source)

    def drop(self, source: Source) -> None:
        """This validator lied: do not ask it for a while."""
        if source.dropped_until <= time.monotonic():
            log("validator_dropped", address=source.url, why="an answer does not verify", s=source.dropped_s)
            source.dropped_until = time.monotonic() + source.dropped_s
            source.dropped_s = min(2 * source.dropped_s, MOST_DROPPED_S)

    def _judge(self, source: Source, trouble: BaseException) -> None:
        if isinstance(trouble, ProofInvalid):
            self.drop(source)
        elif not isinstance(trouble, LedgerError | Unanswered | ProviderError):
            raise trouble


def _forget(task: asyncio.Task[Any]) -> None:
    """Nobody waits for this any more, whatever comes of it."""
    if not task.cancelled():
        task.exception()


class _Tally:
    """What the validators said that was no answer."""

    def __init__(self, faulty: int) -> None:
        self._faulty = faulty
        self._refusals: list[TxRejected] = []
        self._absences: list[NotFound] = []
        self._others: list[Exception] = []

    def add(self, trouble: BaseException) -> None:
        """Count it. Raises it when f + 1 agree."""
        if isinstance(trouble, TxRejected):
            self._refusals.append(trouble)
            if len(self._refusals) > self._faulty:
                raise self._refusals[0]
        elif isinstance(trouble, NotFound):
            self._absences.append(trouble)
            if len(self._absences) > self._faulty:
                raise trouble
        elif isinstance(trouble, Exception):
            self._others.append(trouble)

    def verdict(self, pool: Pool) -> Exception:
        """What to tell when nobody is left to ask."""
        said = [*self._refusals, *self._absences]
        lied = any(isinstance(other, ProofInvalid) for other in self._others)
        if said and not lied:
            return said[0]
        for other in self._others:
            if isinstance(other, TooLarge | LedgerUnavailable):
                return other
        count = len(pool.sources)
        dropped = sum(one.dropped_until > time.monotonic() for one in pool.sources)
        return LedgerUnavailable(
            f"none of {count} validators gives an answer that verifies ({dropped} dropped for lying). Nothing"
            " unverified is passed on. Check the connection and the validators' addresses; the log names who"
            " was dropped"
        )
