"""Mallory's validators: something different to everybody, or one lie to all, at the times that hurt."""

from ledger.consensus.inputs import BlockKnown, Input, ProposalReceived, VoteReceived
from ledger.types.ids import NIL, BlockID
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote, VoteType
from tests.ledger.simulator.blocks import GENESIS_NS, SimBlock
from tests.ledger.simulator.validator import Host

DECADE_NS = 315_576_000 * 1_000_000_000


class Mallory:
    """The liar at validator `index` of `cluster` (a `Cluster`)."""

    def __init__(self, cluster: "object", index: int) -> None:
        self._cluster, self._index = cluster, index
        self._lies = 0

    def lie(self) -> None:
        """For a height and round that somebody is in: proposals and votes. Half of the time each hearer gets
        another, half of the time all get the same: a broken lock must meet a liar who knows what it wants.
        """
        cluster = self._cluster
        choice, random = cluster.random.choice, cluster.random.random
        target: Host = choice([host for host in cluster.hosts if not host.done] or cluster.hosts)
        if target.done:
            return
        height, round_ = target.state.height, target.state.round + (random() < 0.2)
        validators = cluster.validators_at(height)
        address = cluster.address_of(self._index)
        index = validators.index_of(address)
        known = list({p.block_id for host in cluster.hosts for p in host.state.proposals.values()})
        known.sort(key=lambda block_id: block_id.hash)
        known = [block_id for block_id in known if cluster.block(block_id).height == height]
        proposes = validators.proposer_at(round_).address == address
        fresh = self._fresh(target, height) if proposes else []
        united, offer = random() < 0.5, choice([*fresh, *known, NIL])
        for host in cluster.hosts:
            if host.state.height > height:
                continue
            if proposes:
                block_id: BlockID = offer if united and offer != NIL else choice(fresh + known)
                pol = -1 if united else int(random() * (round_ + 1)) - 1
                self._tell(
                    host, self._known(block_id), ProposalReceived(Proposal(height, round_, pol, block_id))
                )
            for type_ in (VoteType.PREVOTE, VoteType.PRECOMMIT):
                time_ns = GENESIS_NS + choice((-DECADE_NS, cluster.now * 1_000_000, DECADE_NS))
                value = offer if united else choice([*known, NIL])
                vote = Vote(type_, height, round_, value, time_ns, address, index, bytes(64))
                self._tell(host, VoteReceived(vote))

    def _tell(self, host: Host, *inputs: Input) -> None:
        self._cluster.send_to(self._index, host, inputs)

    def _known(self, block_id: BlockID) -> BlockKnown:
        block: SimBlock = self._cluster.block(block_id)
        return BlockKnown(block.height, block_id, block.valid, block.time_ns)

    def _fresh(self, like: Host, height: int) -> list[BlockID]:
        """A block that the application refuses, and two that it takes."""
        self._lies += 1
        names = [f"mallory {self._index} {self._lies} {number}" for number in range(3)]
        return [
            self._cluster.new_block(like, height, name, number > 0).block_id
            for number, name in enumerate(names)
        ]
