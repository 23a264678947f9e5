"""What every bench shares: percentiles, and one JSON object as the last line, kept in bench/results/."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ledger.native import COMPILED

RESULTS = Path(__file__).resolve().parent / "results"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def machine() -> str:
    """Processor, cores and interpreter, as far as the system tells."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    compiled = "with" if COMPILED is not None else "without"
    python = f"{platform.python_version()} at {sys.base_prefix}, {compiled} compiled help"
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {python}"


def foreign_load() -> float:
    """Load average of the last minute, to be read before the first run: what else the machine was doing."""
    return round(os.getloadavg()[0], 2)


def _rounded(value: float | str) -> float | str:
    """Two decimals, and four digits of what is smaller than one."""
    if isinstance(value, str):
        return value
    return round(value, 2) if abs(value) >= 1 else float(f"{value:.4g}")


def report(bench: str, figures: Mapping[str, float | str], *, runs: int, load: float) -> None:
    """Print the result as the last line and keep it."""
    result = {
        "bench": bench,
        "figures": {name: _rounded(value) for name, value in figures.items()},
        "machine": machine(),
        "runs": runs,
        "foreign_load": load,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{bench}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
