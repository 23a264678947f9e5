"""What every bench shares: percentiles, and one JSON object as the last line, kept in bench/results/."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

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
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def foreign_load() -> float:
    """Load average of the last minute, to be read before the first run: what else the machine was doing."""
    return round(os.getloadavg()[0], 2)


def report(bench: str, figures: dict[str, float], *, runs: int, load: float) -> None:
    """Print the result as the last line and keep it."""
    result = {
        "bench": bench,
        "figures": {name: round(value, 2) for name, value in figures.items()},
        "machine": machine(),
        "runs": runs,
        "foreign_load": load,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{bench}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
