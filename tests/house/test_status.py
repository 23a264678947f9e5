"""The documents name only tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(("document", "least"), [("status.md", 40), ("consensus-tests.md", 30)])
def test_every_promise_names_a_test_that_exists(document: str, least: int) -> None:
    text = (ROOT / "docs" / document).read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text())
    ]
    assert len(named) > least
    assert missing == []
