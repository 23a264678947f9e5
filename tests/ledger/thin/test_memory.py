"""A small machine is enough: what the bench measures stays within the promise, on a shorter run of it."""

from pathlib import Path

import pytest

from bench.thin import measure, thin_network

LIMIT_MIB = 256


@pytest.mark.full
def test_memory_stays_within_256_mib_under_queries_commits_and_a_flood(tmp_path: Path) -> None:
    with thin_network(tmp_path) as (_network, thin):
        figures = measure(thin, queries=3_000, large=3_000, seconds=20.0)
    assert figures["flood_taken"] == 3_000
    assert figures["flood_reads"] > 0
    assert figures["rss_peak_mib"] <= LIMIT_MIB, figures
