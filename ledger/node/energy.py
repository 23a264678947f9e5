"""How much energy this validator uses, and per committed transaction.

Rules
- Measured where the machine lets us read its RAPL counters (Linux, usually root only), else estimated as CPU
  seconds (user and system) of this process times the configured watts of a core. Every figure says which.
- Measured and estimated joules are never added up. When the counters become unreadable, a new count begins,
  labelled as an estimate, and `since` says when; counters that appear later are used from the next start.
- RAPL counts whole processor packages. Our part of a package's joules is our part of the CPU time that all
  processes spent meanwhile: attributed, not measured, and labelled so. The whole is told beside it.
- Package zones alone are read: core and uncore are inside them, and psys holds them once more.
- A counter wraps at max_energy_range_uj, after some minutes of full load: it is sampled at least once a
  minute.
"""

import os
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

POWERCAP = Path("/sys/class/powercap")
CPU_TIMES = Path("/proc/stat")
SAMPLE_S = 60.0
WINDOW_BLOCKS = 100
_PACKAGE = re.compile(r"intel-rapl:\d+\Z")
_BUSY = (0, 1, 2, 5, 6, 7)
"""Columns of /proc/stat's first line: user, nice, system, irq, softirq, steal; guest is in user already."""
_SETTLE_CPU_S = 0.05
"""Counters tick in steps of 10 ms: shares are worked out once that much was spent."""

WattsSource = Literal["rapl", "estimate"]


@dataclass(frozen=True, slots=True)
class EnergyReading:
    """What was used since `since` (ms since 1970), all of one source.

    `joules` are this process's; `machine_joules` the processor packages', None for an estimate. Per
    transaction: since then, and over the last `window_blocks` blocks; None while none was committed.
    """

    watts_source: WattsSource
    attribution: Literal["cpu share of the packages", "cpu seconds x watts per core"]
    since: int
    joules: float
    machine_joules: float | None
    cpu_seconds: float
    transactions: int
    joules_per_transaction: float | None
    window_blocks: int
    window_joules_per_transaction: float | None


class RaplUnreadable(OSError):
    """The counters are not there, may not be read, or are not what the kernel documents."""


class Rapl:
    """The energy counters of the processor packages below `root`. Raises RaplUnreadable."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self._zones = [zone for zone in _entries(root) if _is_package(zone)]
        if not self._zones:
            raise RaplUnreadable("no processor package has an energy counter here")
        self._ranges = [_microjoules(zone / "max_energy_range_uj") for zone in self._zones]
        self._last = self._read()

    def joules_since_last(self) -> float:
        """Joules of all packages since the last call (or the making). Raises RaplUnreadable."""
        now, last = self._read(), self._last
        self._last = now
        used = (_used(a, b, wrap) for a, b, wrap in zip(last, now, self._ranges, strict=True))
        return sum(used) / 1e6

    def _read(self) -> list[int]:
        return [_microjoules(zone / "energy_uj") for zone in self._zones]


def _used(before: int, after: int, wrap: int) -> int:
    """Microjoules between two readings of a counter that goes from `wrap` to 0."""
    return after - before if after >= before else wrap - before + after


def _entries(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError:
        return []


def _is_package(zone: Path) -> bool:
    if not _PACKAGE.match(zone.name):
        return False
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _microjoules(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError) as error:
        raise RaplUnreadable(f"{path.name}: {error}") from error


def own_cpu_s() -> float:
    """CPU seconds of this process, user and system."""
    times = os.times()
    return times.user + times.system


def machine_cpu_s(stat: Path = CPU_TIMES) -> float:
    """CPU seconds that anything on this machine was busy. Raises RaplUnreadable: no share without it."""
    try:
        columns = stat.read_text().split("\n", 1)[0].split()[1:]
        return sum(int(columns[at]) for at in _BUSY) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError) as error:
        raise RaplUnreadable(f"{stat.name}: {error}") from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class EnergyMeter:
    """Counts this process's energy. Call `committed` after each block and `sample` at least once a minute."""

    def __init__(
        self,
        watts_per_core: float,
        rapl: Callable[[], Rapl] = Rapl,
        own_cpu_s: Callable[[], float] = own_cpu_s,
        machine_cpu_s: Callable[[], float] = machine_cpu_s,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._watts = watts_per_core
        self._rapl: Rapl | None
        self._own = self._joules = self._machine_joules = self._cpu_s = self._machine = 0.0
        self._own_cpu_s = own_cpu_s
        self._machine_cpu_s = machine_cpu_s
        self._now_ms = now_ms
        self._begin()
        try:
            self._rapl, self._machine = rapl(), machine_cpu_s()
        except RaplUnreadable:
            self._rapl = None

    def committed(self, transactions: int) -> None:
        """A block was committed with so many transactions."""
        if self._rapl is None or self._own_cpu_s() - self._own >= _SETTLE_CPU_S:
            self.sample()
        self._transactions += transactions
        self._window.append((self._joules, self._transactions))

    def sample(self) -> None:
        """Add what was used since the last time."""
        own = self._own_cpu_s()
        spent, self._own = own - self._own, own
        if self._rapl is not None:
            try:
                return self._measure(self._rapl, spent)
            except RaplUnreadable:
                self._rapl = None
                self._begin()
                return None
        self._cpu_s += spent
        self._joules += spent * self._watts
        return None

    def reading(self) -> EnergyReading:
        """What was used until now."""
        self.sample()
        joules_before, transactions_before = self._window[0]
        return EnergyReading(
            watts_source="estimate" if self._rapl is None else "rapl",
            attribution=(
                "cpu seconds x watts per core" if self._rapl is None else "cpu share of the packages"
            ),
            since=self._since,
            joules=self._joules,
            machine_joules=None if self._rapl is None else self._machine_joules,
            cpu_seconds=self._cpu_s,
            transactions=self._transactions,
            joules_per_transaction=_ratio(self._joules, self._transactions),
            window_blocks=len(self._window) - 1,
            window_joules_per_transaction=_ratio(
                self._window[-1][0] - joules_before, self._window[-1][1] - transactions_before
            ),
        )

    def _measure(self, rapl: Rapl, spent: float) -> None:
        packages, machine = rapl.joules_since_last(), self._machine_cpu_s()
        others, self._machine = machine - self._machine, machine
        self._cpu_s += spent
        self._machine_joules += packages
        # Both clocks tick in steps; a share above one would charge us with more than there was.
        self._joules += packages * min(1.0, spent / others) if others > 0 else 0.0

    def _begin(self) -> None:
        self._since = self._now_ms()
        self._own = self._own_cpu_s()
        self._joules = self._machine_joules = self._cpu_s = self._machine = 0.0
        self._transactions = 0
        self._window: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=WINDOW_BLOCKS + 1)


def _ratio(joules: float, transactions: int) -> float | None:
    return joules / transactions if transactions else None
