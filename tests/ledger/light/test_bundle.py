"""Exported proofs judged offline: what they prove, from what, how old it is, in words and exit codes."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.light.__main__ import main
from ledger.light.bundle import Proven, verify_bundle
from ledger.light.consent import StateFact
from ledger.light.light_json import light_block_from_json, light_block_to_json
from ledger.light.root import Root
from ledger.light.store import JsonFileStore
from ledger.light.verdict import Options, Outcome, TrustedState, Verdict
from ledger.light.words import age_words
from ledger.types.block import tx_proof
from ledger.types.genesis import Genesis, GenesisValidator
from ledger.types.rpc_json import base64_text, proof_to_json, time_to_text
from ledger.types.tx import Body, SignedTx, decode_tx, sign_tx
from tests.ledger.light.chain import CHAIN, SECOND, START, Plan, grow, validators_of
from tests.ledger.light.consents import BLOCKS, CONSENT, KEY, bundle
from tests.ledger.light.scenarios import ROTATING
from tests.ledger.machine import cast

ROOT_FOLDER = Path(__file__).resolve().parents[3]
OPTIONS = Options(3600 * SECOND)
NOW = START + 60 * SECOND
YEARS_LATER = START + 10**9 * SECOND
GENESIS = Genesis(
    CHAIN,
    START,
    tuple(GenesisValidator(each.public_key, each.power) for each in validators_of("ABCD").validators),
    {},
)
FROM_GENESIS = Root.of_genesis(GENESIS)


def tx_vector() -> dict[str, Any]:
    """The published bundle of vectors/ledger: block 7 of a chain with its own validators."""
    vectors: dict[str, Any] = json.loads((ROOT_FOLDER / "vectors" / "ledger" / "light.json").read_text())
    return vectors


def root_of_vector(given: dict[str, Any]) -> Root:
    block = light_block_from_json(given)
    before = replace(block.header, height=6, time_ns=block.header.time_ns - 1)
    return Root((TrustedState(before, block.validators),))


def judged(given: dict[str, Any], root: Root, now_ns: int = NOW) -> Verdict:
    verdict = verify_bundle(given, root, OPTIONS, now_ns)
    assert isinstance(verdict, Verdict), verdict
    return verdict


def test_transaction_is_proven_with_its_signers_and_age() -> None:
    given = tx_vector()["bundle"]
    root = root_of_vector(given)
    now_ns = root.states[0].header.time_ns + 90 * SECOND
    proven = verify_bundle(given, root, OPTIONS, now_ns)
    assert isinstance(proven, Proven)
    assert isinstance(proven.fact, SignedTx)
    assert (proven.block.height, proven.signed, proven.age_ms) == (7, (3, 4), 90_000)


def test_every_lie_of_the_vectors_is_refused_by_the_rule_that_javascript_names() -> None:
    vectors = tx_vector()
    root = root_of_vector(vectors["bundle"])
    now_ns = root.states[0].header.time_ns + 90 * SECOND
    for lie in vectors["refused"]:
        assert judged(lie["bundle"], root, now_ns).rule == lie["rule"], lie["what"]
    assert len(vectors["refused"]) >= 20


def tx_bundle(ledger: str) -> dict[str, Any]:
    """A transaction for `ledger`, in block 2 of our chain."""
    body = replace_ledger(cast.revoke(), ledger)
    wire = sign_tx(body, "#device-1", bytes(32))
    blocks = grow(Plan(lambda height: "ABCD", txs=lambda height: (wire,)), 2)
    proof = proof_to_json(tx_proof((wire,), 0))
    return {**light_block_to_json(blocks[2]), "tx": base64_text(wire), "proof": proof}


def replace_ledger(wire: bytes, ledger: str) -> Body:
    return msgspec.structs.replace(decode_tx(wire).body, ledger=ledger)


def test_transaction_for_another_ledger_is_refused_though_it_is_included() -> None:
    assert isinstance(verify_bundle(tx_bundle(CHAIN), FROM_GENESIS, OPTIONS, NOW), Proven)
    assert judged(tx_bundle("salus-other"), FROM_GENESIS).rule == "chain"


def test_state_is_proven_present_and_absent() -> None:
    for height, held in ((9, True), (2, False)):
        proven = verify_bundle(bundle(height), FROM_GENESIS, OPTIONS, NOW)
        assert isinstance(proven, Proven)
        assert isinstance(proven.fact, StateFact)
        assert (proven.fact.height, proven.fact.value is not None) == (height, held)


def test_genesis_is_trusted_whatever_its_age_and_a_store_is_not() -> None:
    proven = verify_bundle(bundle(9), FROM_GENESIS, OPTIONS, YEARS_LATER)
    assert isinstance(proven, Proven)
    assert proven.age_ms == (YEARS_LATER - BLOCKS[10].header.time_ns) // 1_000_000
    assert judged(bundle(9), Root.of_blocks([BLOCKS[1]]), YEARS_LATER).rule == "trusting period"
    assert judged(bundle(9), Root.of_blocks([BLOCKS[10]]), YEARS_LATER).rule == "trusting period"


def test_block_that_is_trusted_itself_needs_no_step() -> None:
    assert isinstance(verify_bundle(bundle(9), Root.of_blocks([BLOCKS[10]]), OPTIONS, NOW), Proven)


def test_another_block_at_a_trusted_height_is_a_conflict() -> None:
    assert judged(bundle(9), Root.of_blocks([ROTATING[10]])).rule == "conflict"


def test_changed_validators_need_the_blocks_between() -> None:
    bare = {**bundle(9), **light_block_to_json(ROTATING[24])}
    verdict = judged(bare, FROM_GENESIS)
    assert verdict.outcome is Outcome.NOT_ENOUGH_TRUST
    between = [light_block_to_json(ROTATING[height]) for height in (6, 12, 18)]
    led = judged({**bare, "between": between}, FROM_GENESIS)
    assert led.rule == "state"  # the header is believed now; the state of another chain is not under it
    assert judged({**bare, "between": between[::-1]}, FROM_GENESIS).outcome is not Outcome.SUCCESS
    bent = copy.deepcopy(between)
    bent[1]["signed_header"]["header"]["app_hash"] = "66" * 32
    assert judged({**bare, "between": bent}, FROM_GENESIS).rule == "commit"


def test_older_block_is_reached_by_the_hashes_of_those_after_it() -> None:
    root = Root.of_blocks([BLOCKS[12]])
    after = [base64_text(BLOCKS[height].header.encode()) for height in (12, 11)]
    assert isinstance(verify_bundle({**bundle(9), "after": after}, root, OPTIONS, NOW), Proven)
    assert judged(bundle(9), root).outcome is Outcome.NOT_ENOUGH_TRUST
    assert judged({**bundle(9), "after": after[1:]}, root).outcome is Outcome.NOT_ENOUGH_TRUST
    assert judged({**bundle(9), "after": after[:1]}, root).rule == "link"


@pytest.mark.parametrize("after", [(), (12, 11)])
def test_trusted_header_under_an_altered_commit_is_refused(after: tuple[int, ...]) -> None:
    """Who signed is part of what is shown, even where the header alone is believed."""
    given = copy.deepcopy({**bundle(9), "after": [base64_text(BLOCKS[at].header.encode()) for at in after]})
    given["signed_header"]["commit"]["signatures"][0]["signature"] = base64_text(bytes(64))
    assert judged(given, Root.of_blocks([BLOCKS[12 if after else 10]])).rule == "signature"


@pytest.mark.parametrize("name", ["signed_header", "validators", "key", "value", "proof"])
def test_bundle_without_a_part_is_malformed(name: str) -> None:
    given = {part: value for part, value in bundle(9).items() if part != name}
    assert judged(given, FROM_GENESIS).rule == "form"


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [1], {"header": 1}])
def test_nonsense_in_any_part_is_malformed(value: object) -> None:
    for name in ("signed_header", "validators", "next_validators", "between", "after"):
        if value in (None, [], {}, "") and name in ("next_validators", "between", "after"):
            continue
        assert judged({**bundle(9), name: value}, FROM_GENESIS).rule == "form", name


def test_ages_in_words() -> None:
    said = [age_words(seconds * 1000) for seconds in (0, 59, 61, 3600, 90_061)]
    assert said == ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h"]


class Shell:
    """Runs `python -m ledger.light` in this process, with files of a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys
        self.write("genesis.json", GENESIS.to_json())

    def write(self, name: str, document: object) -> Path:
        path = self._folder / name
        path.write_text(json.dumps(document))
        return path

    def run(self, command: str, *arguments: object, at_ns: int = NOW) -> tuple[int, str]:
        given = [command, *map(str, arguments), "--at", time_to_text(at_ns)]
        code = main(given)
        captured = self._capsys.readouterr()
        return code, captured.out + captured.err

    def verify(self, document: object, *arguments: object, at_ns: int = NOW) -> tuple[int, str]:
        path = self.write("bundle.json", document)
        root = () if "--trusted" in arguments else ("--genesis", self._folder / "genesis.json")
        return self.run("verify", path, *root, *arguments, at_ns=at_ns)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def test_command_says_what_is_proven_and_how_old_it_is(shell: Shell) -> None:
    code, said = shell.verify(bundle(9))
    assert code == 0
    assert said.startswith("VERIFIED: the ledger's state held this.")
    for words in (
        KEY,
        '"state":"granted"',
        "block 9",
        "signed by 4 of 4 validators",
        "51 s; what happened since",
    ):
        assert words in said


def test_command_says_what_is_absent(shell: Shell) -> None:
    code, said = shell.verify(bundle(2))
    assert (code, "held nothing under this key" in said) == (0, True)


def test_command_refuses_with_the_rule(shell: Shell) -> None:
    code, said = shell.verify(bundle(11, value=base64_text(b"{}")))
    assert code == 1
    assert said.startswith("REFUSED (state)")


def test_command_cannot_tell_without_enough_trust(shell: Shell) -> None:
    code, said = shell.verify({**bundle(9), **light_block_to_json(ROTATING[24])})
    assert code == 3
    assert "NOT ENOUGH TRUST" in said


def test_command_refuses_what_is_too_old(shell: Shell) -> None:
    assert shell.verify(bundle(9), "--max-age", 51)[0] == 0
    code, said = shell.verify(bundle(9), "--max-age", 50)
    assert (code, "TOO OLD" in said) == (4, True)


def test_command_judges_by_a_trusted_store(shell: Shell, tmp_path: Path) -> None:
    store = tmp_path / "trusted.json"
    JsonFileStore(store).save([BLOCKS[1]])
    assert shell.verify(bundle(9), "--trusted", store)[0] == 0
    assert shell.verify(bundle(9), "--trusted", store, at_ns=START + 15 * 86_400 * SECOND)[0] == 1
    assert shell.verify(bundle(9), "--trusted", tmp_path / "missing.json")[0] == 2
    store.write_text("{")
    assert shell.verify(bundle(9), "--trusted", store)[0] == 2


def test_command_tells_of_a_consent(shell: Shell, tmp_path: Path) -> None:
    granted, later, revoked = (shell.write(f"{height}.json", bundle(height)) for height in (3, 9, 11))
    root = ("--genesis", tmp_path / "genesis.json")
    code, said = shell.run("consent", CONSENT, granted, later, *root)
    assert (code, "granted at block 3, not revoked at block 9, 51 s ago" in said) == (0, True)
    code, said = shell.run("consent", CONSENT, granted, revoked, *root)
    assert (code, "revoked at block 11" in said) == (0, True)
    assert shell.run("consent", CONSENT, later, granted, *root)[0] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a":' * 10_000])
def test_unreadable_file_is_said_to_be_so(shell: Shell, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    assert shell.run("verify", path, "--genesis", tmp_path / "genesis.json")[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [["verify"], ["verify", "x"], ["verify", "x", "--genesis", "y", "--trust-level", "1/4"], ["other"], []],
)
def test_wrong_usage_exits_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
