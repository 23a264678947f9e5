"""The page about elections says what the code does."""

import importlib
import re
from pathlib import Path

import msgspec
import pytest

from ledger.machine.genesis import GenesisElection
from ledger.node.energy import WINDOW_BLOCKS
from ledger.node.home import Config
from ledger.types.tx_change import CandidateStands, ElectionChanges

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "election.md").read_text(encoding="utf-8")
CONSTANTS = re.findall(r"^\| `([\w.]+)\.(\w+)` \| (\d+) \|$", PAGE, re.MULTILINE)


def test_constants_are_found() -> None:
    assert len(CONSTANTS) >= 9


@pytest.mark.parametrize(("module", "name", "value"), CONSTANTS, ids=[name for _, name, _ in CONSTANTS])
def test_constant_has_the_value_that_the_page_states(module: str, name: str, value: str) -> None:
    assert getattr(importlib.import_module(module), name) == int(value)


def test_rule_files_that_the_page_names_exist_and_state_their_rules() -> None:
    found = re.search(r"`ledger/machine/rules/\{([\w,\s]+)\}\.py`", PAGE)
    assert found is not None
    for name in re.split(r",\s*", found[1]):
        text = (ROOT / "ledger" / "machine" / "rules" / f"{name}.py").read_text()
        assert text.startswith('"""Rules of ')
        assert "\n- " in text.split('"""')[1]


@pytest.mark.parametrize("change", [ElectionChanges, CandidateStands])
def test_changes_have_the_fields_that_the_page_names(change: type[msgspec.Struct]) -> None:
    kind = change.__struct_config__.tag
    stated = next(text for text in re.findall(r"`\{(.*?)\}`", PAGE, re.DOTALL) if f'"kind":"{kind}"' in text)
    named = set(re.findall(r'"(\w+)"', stated)) - {"kind", kind}
    assert named == {field.name for field in msgspec.structs.fields(change)}


def test_suggested_parameters_are_allowed() -> None:
    found = dict(re.findall(r"`(every|seats|availability|contribution)` (\d+)[,.]", PAGE))
    assert len(found) == 4
    msgspec.convert({name: int(value) for name, value in found.items()}, GenesisElection)


def test_default_of_the_watts_and_the_window_are_as_stated() -> None:
    watts = re.search(r"`watts_per_core` of `config.json` \((\d+) unless set", PAGE)
    assert watts is not None
    assert Config("n", 1, 2).watts_per_core == int(watts[1])
    assert f"last {WINDOW_BLOCKS} blocks" in PAGE.replace("\n", " ")
