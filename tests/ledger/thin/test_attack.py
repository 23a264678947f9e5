"""Most validators sign two histories: the thin node halts, keeps the evidence, and waits for a person."""

import base64
import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from ledger.node.home import Home
from ledger.types.block import Commit
from ledger.types.commit import BlockIDFlag
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.rpc_json import commit_from_json, commit_to_json, header_from_json, header_to_json
from tests.free_ports import free_ports
from tests.ledger.cluster.network import CHAIN_ID, Network, Person
from tests.ledger.thin.liar import Liar, Params
from tests.ledger.thin.thin_process import Thin

HALTED = -32004


class Forger:
    """Has every validator's key, and signs another block than the real one from height `since` on."""

    def __init__(self, network: Network) -> None:
        keys = [Home(node.home).signing_key() for node in network.nodes]
        self._keys: dict[bytes, SigningKey] = {
            bytes.fromhex(network.rpc(node.moniker, "status")["validator_info"]["address"]): key
            for node, key in zip(network.nodes, keys, strict=True)
        }
        self.since = 2**62

    def __call__(self, method: str, params: Params, result: Any) -> Any:
        if not isinstance(result, dict) or "signed_header" not in result:
            return result
        if int(result["signed_header"]["header"]["height"]) < self.since:
            return result
        forged = copy.deepcopy(result)
        forged["signed_header"] = self._signed(result["signed_header"])
        return forged

    def _signed(self, signed: dict[str, Any]) -> dict[str, Any]:
        header = replace(header_from_json(signed["header"]), app_hash=b"\x66" * 32)
        block_id = BlockID(header.hash, PartSetHeader(1, b"\x66" * 32))
        commit = replace(commit_from_json(signed["commit"]), block_id=block_id)
        slots = tuple(self._slot(commit, index) for index in range(len(commit.signatures)))
        return {
            "header": header_to_json(header),
            "commit": commit_to_json(replace(commit, signatures=slots)),
        }

    def _slot(self, commit: Commit, index: int) -> Any:
        slot = commit.signatures[index]
        if slot.flag is not BlockIDFlag.COMMIT:
            return slot
        message = commit.sign_bytes(CHAIN_ID, index)
        return replace(slot, signature=bytes(self._keys[slot.validator_address].sign(message).signature))


@pytest.fixture
def forger(network: Network) -> Forger:
    return Forger(network)


@pytest.fixture
def thin(network: Network, forger: Forger) -> Iterator[Thin]:
    """A thin node; the second of its three validators tells the forged history."""
    with Liar(free_ports(1), network.node("north-lake").rpc, forger) as liar:
        others = [network.node(name).rpc for name in ("riverside", "hillside")]
        made = Thin(network, [others[0], liar.url, others[1]], name=f"attack-{os.urandom(4).hex()}")
        yield made
        if made.process:
            made.kill()


def evidence_of(thin: Thin) -> list[Path]:
    return sorted((thin.home / "evidence").glob("*.json"))


def test_two_signed_histories_halt_it_until_a_person_has_decided(
    network: Network, forger: Forger, thin: Thin
) -> None:
    thin.start()
    direct = network.client()
    direct.commit(Person(f"before {os.urandom(8).hex()}").registers())
    thin.until(lambda: thin.height() >= network.height("riverside"), "it has followed")
    forger.since = network.height("riverside") + 1
    done = direct.commit(Person(f"forked {os.urandom(8).hex()}").registers())
    thin.until(lambda: "event=ATTACK" in thin.log(), "it says so, loudly")
    tx = base64.b64encode(Person("nobody").registers()).decode()
    for method in ("health", "status", "query_proven", "block", "events_since", "submit", "commit_proven"):
        error = thin.error(method, key="did/nobody", tx=tx)
        assert error["code"] == HALTED, (method, error)
        assert "hand it to the consortium" in error["data"]
    pieces = json.loads(evidence_of(thin)[0].read_text())
    assert [piece["type"] for piece in pieces] == ["tendermint/LightClientAttackEvidence"] * 2
    named = pieces[0]["value"]["ByzantineValidators"]
    assert len(named) >= 3

    thin.kill()
    thin.again()
    thin.until(lambda: "event=halted" in thin.log(), "a restart forgets nothing")
    assert thin.error("health")["code"] == HALTED

    thin.kill()
    evidence_of(thin)[0].rename(thin.home / "handed-over.json")
    thin.validators = [network.node(name).rpc for name in ("riverside", "hillside")]
    block_id = network.rpc("riverside", f"commit?height={done.height}")["signed_header"]["commit"]["block_id"]
    thin.start("--trust", f"{done.height}:{block_id['hash']}")
    assert thin.result("query_proven", key="did/nobody")["value"] is None
    direct.close()


def test_a_forged_history_without_the_keys_halts_nothing(
    network: Network, forger: Forger, thin: Thin
) -> None:
    """Anybody can claim another history; only who can prove it halts us. The others go on."""
    for address in forger._keys:
        forger._keys[address] = SigningKey.generate()
    thin.start()
    forger.since = 1
    direct = network.client()
    for _round in range(4):
        done = direct.commit(Person(f"claimed {os.urandom(8).hex()}").registers())
        found = thin.result("tx", hash=base64.b64encode(bytes.fromhex(done.tx_hash)).decode())
        assert found["height"] == str(done.height)
    assert "event=ATTACK" not in thin.log()
    assert evidence_of(thin) == []
    direct.close()
