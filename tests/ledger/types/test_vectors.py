"""Byte for byte what CometBFT v0.38 computes: published values and a recorded chain."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.types import merkle
from ledger.types.block import Block, block_id_of, join_parts, median_time_ns, split
from ledger.types.canonical import CanonicalError, dumps, loads_canonical
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.genesis import Genesis
from ledger.types.header import Header, Version
from ledger.types.ids import NO_TIME_NS, BlockID, PartSetHeader
from ledger.types.results import results_hash
from ledger.types.rpc_json import (
    base64_bytes,
    block_id_from_json,
    commit_from_json,
    commit_to_json,
    header_from_json,
    header_to_json,
    time_from_text,
)
from ledger.types.signing import verify_ed25519
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import Vote, VoteType


@pytest.fixture(scope="module")
def values(shared_data: Path) -> dict[str, Any]:
    return json.loads((shared_data / "vectors" / "cometbft-byte-vectors.json").read_text())


@pytest.fixture(scope="module")
def rpc(shared_data: Path) -> Path:
    return shared_data / "vectors" / "cometbft-rpc-v0.38" / "incoming"


def result(rpc: Path, name: str) -> dict[str, Any]:
    return json.loads((rpc / f"{name}.json").read_text())["result"]


def evidence_of(value: dict[str, Any]) -> DuplicateVoteEvidence:
    def vote(v: dict[str, Any]) -> Vote:
        return Vote(
            VoteType(v["type"]),
            int(v["height"]),
            v["round"],
            block_id_from_json(v["block_id"]),
            time_from_text(v["timestamp"]),
            bytes.fromhex(v["validator_address"]),
            v["validator_index"],
            base64_bytes(v["signature"]),
        )

    a, b = vote(value["vote_a"]), vote(value["vote_b"])
    powers = int(value["total_voting_power"]), int(value["validator_power"])
    return DuplicateVoteEvidence(a, b, *powers, time_from_text(value["timestamp"]))


def block_of(value: dict[str, Any]) -> Block:
    return Block(
        header_from_json(value["header"]),
        tuple(base64_bytes(tx) for tx in value["data"]["txs"]),
        commit_from_json(value["last_commit"]),
        tuple(evidence_of(item["value"]) for item in value["evidence"]["evidence"]),
    )


def test_vote_sign_bytes(values: dict[str, Any]) -> None:
    for case in values["vote_sign_bytes"]["vectors"]:
        vote = case["vote"]
        signed = Vote(VoteType(vote["type"]), vote["height"], vote["round"], time_ns=NO_TIME_NS)
        assert signed.sign_bytes(case["chain_id"]).hex() == case["sign_bytes_hex"]


def test_header_hash(values: dict[str, Any]) -> None:
    for case in values["header_hash"]["vectors"]:
        if (value := case["header"]) is None:
            continue
        parts = value["last_block_id"]["part_set_header"]
        names = [*list(value)[5:]]
        header = Header(
            Version(value["version"]["block"], value["version"]["app"]),
            value["chain_id"],
            value["height"],
            int(datetime.fromisoformat(value["time"]).timestamp()) * 1_000_000_000,
            BlockID(
                bytes.fromhex(value["last_block_id"]["hash"]),
                PartSetHeader(parts["total"], bytes.fromhex(parts["hash"])),
            ),
            *(bytes.fromhex(value[name] or "") for name in names),
        )
        assert header.hash.hex().upper() == (case["expected"] or "")


def test_merkle_roots(values: dict[str, Any]) -> None:
    for case in [*values["merkle_rfc6962"]["vectors"], *values["merkle_hash_from_byte_slices"]["vectors"]]:
        if "leaves_hex" in case:
            assert merkle.root([bytes.fromhex(leaf) for leaf in case["leaves_hex"]]).hex() == case["root"]
        else:
            left, right = bytes.fromhex(case["inner_left_hex"]), bytes.fromhex(case["inner_right_hex"])
            assert merkle.inner_hash(left, right).hex() == case["hash"]


def test_proposers_take_turns_by_power(values: dict[str, Any]) -> None:
    for case in values["proposer_rotation"]["vectors"]:
        members = [
            Validator(
                v["address_utf8"].encode() if "address_utf8" in v else bytes.fromhex(v["address_hex"]),
                b"",
                v["power"],
            )
            for v in case["validators"]
        ]
        current, seen = ValidatorSet.of(members), []
        for _ in range(len(case.get("proposers", [])) or case["rounds"]):
            seen.append(current.proposer.address)
            current = current.advanced(1)
        if "proposers" in case:
            spell = (lambda a: a.decode()) if "address_utf8" in case["validators"][0] else bytes.hex
            assert [spell(address) for address in seen] == case["proposers"]
        for address, times in case.get("times_proposer", {}).items():
            assert seen.count(bytes.fromhex(address)) == times


def test_priorities_are_those_published(values: dict[str, Any]) -> None:
    table = values["proposer_priorities"]["with_voting_power"]
    members = tuple(Validator(bytes.fromhex(v["address_hex"]), b"", v["power"]) for v in table["validators"])
    start = ValidatorSet(members, members[0])
    for case in table["cases"]:
        after = start.advanced(case["increments"])
        assert [v.priority for v in after.validators] == case["priorities"]
        assert after.proposer.address.hex() == case["proposer_address_hex"]


def test_recorded_blocks_have_the_recorded_ids(rpc: Path) -> None:
    recorded = [result(rpc, "block_at_height_1"), result(rpc, "block_at_height_10")]
    recorded += result(rpc, "block_search_evidence")["blocks"]
    for entry in recorded:
        block = block_of(entry["block"])
        encoded = block.encode()
        assert block_id_of(block) == block_id_from_json(entry["block_id"])
        assert Block.decode(encoded) == block
        assert join_parts(*split(encoded)) == encoded
        block.check_hashes()


def test_recorded_headers_hash_to_the_recorded_ids(rpc: Path) -> None:
    blocks = result(rpc, "block_search")["blocks"]
    assert len(blocks) > 40
    for entry in blocks:
        header = header_from_json(entry["block"]["header"])
        assert header.hash.hex().upper() == entry["block_id"]["hash"]
        assert header_to_json(header) == entry["block"]["header"]


def test_recorded_commit_is_signed_by_the_genesis_validator(rpc: Path) -> None:
    genesis = Genesis.from_json(result(rpc, "genesis")["genesis"])
    value = result(rpc, "commit_at_height_10")["signed_header"]
    header, commit = header_from_json(value["header"]), commit_from_json(value["commit"])
    validators = genesis.validator_set()
    key = validators.validators[0].public_key
    assert validators.hash == header.validators_hash
    assert verify_ed25519(key, commit.sign_bytes(header.chain_id, 0), commit.signatures[0].signature)
    assert not verify_ed25519(key, commit.sign_bytes("other", 0), commit.signatures[0].signature)
    assert commit_to_json(commit) == value["commit"]
    assert genesis.params.hash == header.consensus_hash
    assert results_hash([]) == header.last_results_hash


def test_recorded_time_is_the_median_of_the_last_commit(rpc: Path) -> None:
    genesis = Genesis.from_json(result(rpc, "genesis")["genesis"])
    block = block_of(result(rpc, "block_at_height_10")["block"])
    assert median_time_ns(block.last_commit, genesis.validator_set()) == block.header.time_ns


def test_genesis_is_written_as_it_was_read(rpc: Path) -> None:
    document = result(rpc, "genesis")["genesis"]
    written = Genesis.from_json(document).to_json()
    assert written == document | {"app_state": {}}


def test_json_canonicalization_of_what_we_allow(shared_data: Path) -> None:
    folder = shared_data / "vectors" / "json-canonicalization"
    accepted = 0
    for path in sorted((folder / "input").glob("*.json")):
        expected = (folder / "output" / path.name).read_bytes()
        try:
            canonical = dumps(json.loads(path.read_text()))
        except CanonicalError:
            continue  # holds a float
        assert canonical == expected
        assert dumps(loads_canonical(expected)) == expected
        accepted += 1
    assert accepted >= 3


def test_wycheproof_ed25519_but_for_the_one_encoding_that_zip_215_admits(shared_data: Path) -> None:
    (found,) = (shared_data / "vectors" / "wycheproof").glob("ed25519*.json")
    admitted = []
    for group in json.loads(found.read_text())["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            valid = verify_ed25519(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            if valid and case["result"] == "invalid":
                admitted.append(case["comment"])
            else:
                assert valid == (case["result"] == "valid"), case
    assert len(admitted) == 1
    assert admitted[0].startswith("R encodes y = 1 with the sign bit of x set")
