"""A member of the consortium that turns on a running node: it costs little, gains nothing, and is dropped."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from ledger.node import messages
from ledger.node.devnet import init_devnet
from ledger.node.home import Home
from ledger.node.limits import INVALID_AT_ONCE
from ledger.node.messages import (
    BlockHeld,
    Committed,
    EvidenceHeld,
    Message,
    ProposedBlock,
    Status,
    Transactions,
    Votes,
)
from ledger.node.node import Node
from ledger.node.peers import Mesh, Peer
from ledger.types.block import Block, block_id_of
from ledger.types.commit import Commit
from ledger.types.genesis import Genesis
from ledger.types.ids import NIL, BlockID, PartSetHeader, address_of
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote, VoteType
from tests.free_ports import free_ports
from tests.ledger.cluster.network import APP_STATE, CHAIN_ID, Person

NAMES = ["north-lake", "riverside", "hillside", "health-authority"]


@dataclass
class Member:
    """A validator's keys in the hands of a test: it says what it is told to, by its own certificate."""

    home: Home
    key: SigningKey

    def __post_init__(self) -> None:
        port = self.home.config().p2p_port
        self.mesh = Mesh(
            self.home.certificate,
            self.home.tls_key,
            ("127.0.0.1", port),
            self.home.peers(),
            lambda peer, frame: None,
            lambda peer: None,
        )

    @property
    def address(self) -> bytes:
        return address_of(bytes(self.key.verify_key))

    def say(self, message: Message) -> None:
        self.mesh.broadcast(messages.encode(message))

    def signed(self, vote: Vote) -> Vote:
        return replace(vote, signature=bytes(self.key.sign(vote.sign_bytes(CHAIN_ID)).signature))


class Scene:
    """One honest node, and two of the other members."""

    def __init__(self, folder: Path) -> None:
        homes = [Home(made.home) for made in init_devnet(folder, NAMES, APP_STATE, CHAIN_ID, free_ports(40))]
        keys = [home.signing_key() for home in homes]
        proposer = self._proposer(homes[0])
        guilty = next(n for n, key in enumerate(keys) if address_of(bytes(key.verify_key)) == proposer)
        honest, other = [n for n in range(4) if n != guilty][:2]
        self.node = Node(homes[honest])
        self.mallory, self.other = Member(homes[guilty], keys[guilty]), Member(homes[other], keys[other])

    @staticmethod
    def _proposer(home: Home) -> bytes:
        return Genesis.read(home.genesis.read_bytes()).validator_set().proposer.address

    def peer(self, member: Member) -> Peer | None:
        found = [p for p in self.node.mesh.peers.values() if p.address.validator == member.address]
        return found[0] if found else None

    async def connected(self) -> None:
        await until(lambda: bool(self.peer(self.mallory) and self.peer(self.other)))
        for member in (self.mallory, self.other):
            await until(lambda member=member: member.mesh.reaches(self.node.address))

    async def heard(self, member: Member) -> None:
        """Everything that the member said so far was handled."""
        member.say(Status(77, 0, False))
        await until(lambda: (peer := self.peer(member)) is not None and peer.height == 77)

    async def dropped(self, member: Member, message: Message) -> None:
        """Saying this ends the member's connection."""
        before = self.peer(member)
        assert before is not None
        member.say(message)
        await until(before.closed.is_set)


async def until(condition: object, within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path / "net")
    await made.node.start()
    for member in (made.mallory, made.other):
        await member.mesh.start()
    await made.connected()
    yield made
    for member in (made.mallory, made.other):
        await member.mesh.stop()
    await made.node.stop()


async def test_member_that_floods_garbage_is_dropped_and_honest_gossip_goes_on(scene: Scene) -> None:
    garbage = Person("Mallory").registers().replace(b'"custody":"self"', b'"custody":"custodial"')
    few = [garbage + b" " * number for number in range(int(INVALID_AT_ONCE) - 1)]
    scene.mallory.say(Transactions(tuple(few)))
    await scene.heard(scene.mallory)
    await scene.dropped(scene.mallory, Transactions(tuple(os.urandom(40) for _ in range(100))))
    await scene.connected()
    await scene.dropped(scene.mallory, Transactions(tuple(os.urandom(40) for _ in range(100))))
    wires = [Person(f"person {number}").registers() for number in range(20)]
    scene.other.say(Transactions(tuple(wires)))
    await until(lambda: len(scene.node.mempool) == 20)


async def test_member_that_votes_in_anothers_name_gets_nothing(scene: Scene) -> None:
    validators = scene.node.executor.state.validators
    index = validators.index_of(scene.other.address)
    assert index is not None
    stolen = Vote(VoteType.PREVOTE, 1, 0, NIL, time.time_ns(), scene.other.address, index)
    await scene.dropped(scene.mallory, Votes((scene.mallory.signed(stolen).encode(),)))
    assert not scene.node.host._material.votes.get((VoteType.PREVOTE, 0, index))
    await scene.connected()
    scene.mallory.say(Votes((scene.other.signed(stolen).encode(),)))  # passing on what is true is fine
    await until(lambda: (VoteType.PREVOTE, 0, index) in scene.node.host._material.votes)


async def test_member_that_evidences_what_never_was_is_dropped(scene: Scene) -> None:
    await scene.dropped(scene.mallory, EvidenceHeld((b"\x0a\x02ab",)))


async def test_blocks_that_nobody_asked_for_are_neither_judged_nor_kept(scene: Scene) -> None:
    made = [block_of(scene, number) for number in range(5)]
    for encoded in made:
        scene.mallory.say(BlockHeld(1, encoded))
        scene.mallory.say(Committed(1, encoded, Commit(1, 0, NIL, ()).encode()))
    await scene.heard(scene.mallory)
    assert not scene.node.host._material.blocks
    assert scene.peer(scene.mallory) is not None


async def test_proposer_that_makes_many_blocks_for_one_round_is_heard_once(scene: Scene) -> None:
    for number in range(6):
        encoded = block_of(scene, number)
        proposal = Proposal(1, 0, -1, block_id_of(Block.decode(encoded), encoded), time.time_ns())
        signature = bytes(scene.mallory.key.sign(proposal.sign_bytes(CHAIN_ID)).signature)
        scene.mallory.say(ProposedBlock(replace(proposal, signature=signature).encode(), encoded))
    await scene.heard(scene.mallory)
    assert len(scene.node.host._material.blocks) == 1


async def test_blocks_of_a_height_to_come_take_bounded_memory(scene: Scene) -> None:
    (towards_node,) = (p for p in scene.mallory.mesh.peers.values() if p.moniker == scene.node.config.moniker)
    nowhere = BlockID(b"\x66" * 32, PartSetHeader(1, b"\x66" * 32))
    for round_ in range(15):
        proposal = Proposal(2, round_, -1, nowhere, time.time_ns(), b"\x01" * 64)
        towards_node.send(messages.encode(ProposedBlock(proposal.encode(), bytes(4_000_000))))
        await until(lambda: towards_node.connection.queued_bytes == 0)
    await scene.heard(scene.mallory)
    assert 16_000_000 < scene.node.host._early_bytes <= 32 * 1024 * 1024


def block_of(scene: Scene, number: int) -> bytes:
    """A block that could be the first one, each with another transaction."""
    txs = [Person(f"person {number}").registers()]
    return scene.node.executor.make_block(txs, Commit(), scene.mallory.address).encode()
