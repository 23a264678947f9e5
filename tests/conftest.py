"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no counter-example: what a property needs is examples, not speed.
settings.register_profile("salus", deadline=None)
settings.load_profile("salus")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published vectors and samples that lies beside a developer's checkout.

    Skips on a machine that has none; with CI=true its absence is an error, never a skip.
    """
    if not SHARED.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"published test data expected at {SHARED}")
        pytest.skip("the published test data is not beside this checkout")
    return SHARED
