"""A tiny message never makes a node hold much: what claims too much is refused before room is made for it."""

import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from ledger.light.light_json import light_block_from_json
from ledger.machine.proofs import ProofError, verify_presence
from ledger.node import messages
from ledger.node.devnet import DevnetNode, init_devnet
from ledger.node.errors import PeerMisbehaved
from ledger.node.home import Home
from ledger.node.node import Node
from ledger.node.rpc import Rpc
from ledger.types import proto
from ledger.types.block import Block, Commit
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.handles import HandleProof, handles_covered
from ledger.types.header import Header
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.merkle import MerkleError, root_from_multiproof
from ledger.types.proposal import Proposal
from ledger.types.rpc_json import JsonShapeError
from ledger.types.tx import decode_tx
from ledger.types.tx_errors import Rejected
from ledger.types.vote import Vote
from tests.free_ports import free_ports
from tests.ledger.node.app_state import APP_STATE

MIB = 1024 * 1024
LIMIT = 4 * MIB


def peak(work: Callable[[], object]) -> int:
    """The most bytes that Python held at once for `work`."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(frame: bytes) -> Callable[[], None]:
    def work() -> None:
        with pytest.raises(PeerMisbehaved):
            messages.decode(frame)

    return work


CLAIMS = {
    "four thousand million votes": b"\x92\xa5Votes\xdd\xff\xff\xff\xff",
    "as many transactions": b"\x92\xacTransactions\xdd\xff\xff\xff\xff",
    "a block of four gigabytes": b"\x93\xa9BlockHeld\x01\xc6\xff\xff\xff\xff",
    "a commit of four gigabytes": b"\x94\xa9Committed\x01\xc4\x01x\xc6\xff\xff\xff\xff",
    "a map of as many": b"\x92\xa5Votes\xdf\xff\xff\xff\xff",
    "lists in lists": b"\x91" * 100_000,
    "a kind of four gigabytes": b"\x92\xdb\xff\xff\xff\xffVotes",
    "chunks without end": b"\x94\xafSnapshotOffered\x01\xc4\x20" + bytes(32) + b"\xdd\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_frame_that_claims_much_costs_nothing(name: str) -> None:
    assert peak(refused(CLAIMS[name])) < LIMIT


@pytest.mark.parametrize("kind", [Vote, Proposal, Block, Commit, Header, DuplicateVoteEvidence])
def test_a_field_that_claims_more_than_is_there_costs_nothing(kind: type) -> None:
    claim = b"\x0a\xff\xff\xff\xff\x0f" + b"x"  # field 1 of four gigabytes

    def work() -> None:
        with pytest.raises(proto.ProtoError):
            kind.decode(claim)  # type: ignore[attr-defined]

    assert peak(work) < LIMIT


def test_a_block_id_of_four_thousand_million_parts_is_a_number_and_nothing_more() -> None:
    """CometBFT once made a bit array as long as a peer said."""
    many = BlockID(bytes(32), PartSetHeader(2**32 - 1, bytes(32)))
    assert peak(lambda: BlockID.decode(many.encode())) < MIB


@pytest.mark.parametrize("size", [2**31, 2**53])
def test_a_proof_in_a_tree_of_any_size_costs_its_own_length(size: int) -> None:
    def work() -> None:
        with pytest.raises(MerkleError):
            root_from_multiproof(size, [0, size - 1], [bytes(32)] * 2, [bytes(32)])
        assert not handles_covered(HandleProof((bytes(32),), (size - 1,), ()), size, bytes(32))

    assert peak(work) < LIMIT


def test_deep_or_long_json_is_refused_by_its_size_or_depth() -> None:
    def work() -> None:
        for wire in (b"[" * 60_000, b'{"a":' * 10_000, b'{"body":' + b"9" * 60_000):
            with pytest.raises(Rejected):
                decode_tx(wire)
        with pytest.raises(JsonShapeError):
            light_block_from_json({"signed_header": {"header": [[]] * 1000}, "validators": []})
        with pytest.raises(ProofError):
            verify_presence(bytes(32), b"k", b"v", b"\x0a\xff\xff\xff\xff\x0f")

    assert peak(work) < LIMIT


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[DevnetNode]:
    names = ["riverside", "north-lake", "hillside", "health-authority"]
    made, *_ = init_devnet(tmp_path / "net", names, APP_STATE, "salus-test", free_ports(40))
    node = Node(Home(made.home))
    rpc = Rpc(node)
    await rpc.start()
    yield made
    await rpc.stop()
    await node.stop()


async def test_a_compressed_request_that_unpacks_to_a_hundred_times_the_limit_is_refused(
    served: DevnetNode,
) -> None:
    bomb = zlib.compress(b'{"method":"' + b"a" * 100 * MIB + b'"}', 9)
    assert len(bomb) < MIB / 4
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"Content-Encoding": "deflate", "Content-Type": "application/json"}
        tracemalloc.start()
        answer = await client.post(served.rpc, content=bomb, headers=headers)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert answer.status_code in (400, 413)
        assert most < 20 * MIB
        assert (await client.get(f"{served.rpc}/health")).json()["result"] == {}


async def test_a_batch_that_asks_for_the_same_again_and_again_is_cut(served: DevnetNode) -> None:
    batch = json.dumps([{"jsonrpc": "2.0", "id": n, "method": "genesis"} for n in range(5_000)])
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(served.rpc, content=batch)
    assert len(answer.content) < LIMIT
