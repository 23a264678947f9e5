"""Our checklist: each scenario of CometBFT's consensus/state_test.go and malachite's core that applies to us.

Not on it, since we have no such thing: vote extensions, slashing inside consensus, block part statistics.
"""

import re
from pathlib import Path

import pytest

COMETBFT = [
    "ProposerSelection0",
    "ProposerSelection2",
    "EnterProposeYesPrivValidator",
    "BadProposal",
    "OversizedBlock",
    "FullRound1",
    "FullRoundNil",
    "FullRound2",
    "LockNoPOL",
    "LockPOLRelock",
    "LockPOLUnlock",
    "LockPOLUnlockOnUnknownBlock",
    "LockPOLSafety1",
    "LockPOLSafety2",
    "ProposeValidBlock",
    "SetValidBlockOnDelayedPrevote",
    "SetValidBlockOnDelayedProposal",
    "WaitingTimeoutOnNilPolka",
    "WaitingTimeoutProposeOnNewRound",
    "WaitTimeoutProposeOnNilPolkaForTheCurrentRound",
    "RoundSkipOnNilPolkaFromHigherRound",
    "EmitNewValidBlockEventOnCommitWithoutBlock",
    "CommitFromPreviousRound",
    "StartNextHeightCorrectlyAfterTimeout",
    "Halt1",
    "DoesNotCrashOnInvalidVote",
    "SignSameVoteTwice",
    "DoubleSigning",
]
MALACHITE = ["Disagreement", "HiddenLock", "Line26", "Line28", "Line32", "DecideForPastRound"]


def snake(name: str) -> str:
    """LockPOLSafety1 -> lock_pol_safety_1."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def our_tests() -> list[str]:
    folder = Path(__file__).parent
    return [
        name
        for file in folder.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    ]


@pytest.mark.parametrize("name", COMETBFT + MALACHITE)
def test_scenario_is_played(name: str) -> None:
    wanted = f"test_{snake(name)}"
    assert [ours for ours in our_tests() if ours == wanted or ours.startswith(wanted + "_")], wanted


def test_names_are_read_as_they_are_written() -> None:
    assert snake("LockPOLSafety1") == "lock_pol_safety_1"
    assert snake("EmitNewValidBlockEventOnCommitWithoutBlock").startswith("emit_new_valid_block_event_on")
    assert snake("Halt1") == "halt_1"
