"""What a restart does with blocks after the last snapshot: their rules run again, their signatures do not."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from ledger.machine import execution
from ledger.native import Signed
from ledger.node import chain
from ledger.node.block_store import BlockStore
from ledger.node.errors import NodeError
from ledger.types import signing
from ledger.types.tx import decode_tx
from tests.ledger.machine.cast import NOON, Member, register, resign, seed_of
from tests.ledger.node.chain_maker import Maker, people


def test_signatures_in_our_own_blocks_are_not_verified_again_but_those_of_new_ones_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Maker(tmp_path / "made")
    made.extend(3, people)
    verified: list[Signed] = []

    def alone(key: bytes, message: bytes, signature: bytes) -> bool:
        verified.append((key, message, signature))
        return signing.verify_ed25519(key, message, signature)

    def together(signed: Sequence[Signed]) -> bool:
        verified.extend(signed)
        return signing.verify_all(signed)

    monkeypatch.setattr(execution, "verify_ed25519", alone)
    monkeypatch.setattr(execution, "verify_all", together)
    made.reboot()
    assert made.executor.height == 3
    assert verified == []
    good = register(Member("newcomer"), issued_at=NOON)
    forged = resign(good, seed_of("Mallory"))
    now_ms = NOON + 5_000
    assert made.executor.app.check_tx(forged, now_ms).code.name == "SIGNATURE_INVALID"
    assert made.executor.app.check_tx(good, now_ms).ok
    assert {one[2] for one in verified} == {decode_tx(forged).signature, decode_tx(good).signature}


def test_block_that_was_decided_with_a_forged_transaction_gives_the_same_state_again(tmp_path: Path) -> None:
    """More than two thirds were Mallory's: the forgery is in a block, without effect, after a restart too."""
    made = Maker(tmp_path / "made")
    made.extend(2, people)
    state = made.executor.state
    forged = resign(people(9)[0], seed_of("Mallory"))
    txs = (*people(3), forged)
    made.decide(chain.make_block(state, txs, made.last_commit, state.validators.proposer.address))
    after = made.executor.state
    assert after.app_hash != state.app_hash
    made.reboot()
    assert made.executor.state == after


def test_block_that_gives_another_app_hash_than_was_stored_stops_the_node(tmp_path: Path) -> None:
    made = Maker(tmp_path / "made")
    made.extend(3, people)
    store = made.executor.store
    blocks = [store.load(height) for height in (1, 2, 3)]
    store.close()
    (tmp_path / "made" / "blocks.log").unlink()
    rewritten = BlockStore(tmp_path / "made" / "blocks.log")
    for stored in blocks:
        assert stored is not None
        twisted = msgspec.structs.replace(stored, app_hash=bytes(32))
        rewritten.append(twisted if stored.height == 2 else stored)
    rewritten.close()
    with pytest.raises(NodeError, match="executing block 2 again"):
        made.boot()
