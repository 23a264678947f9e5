"""What one validator hands to another who lacks it: proposals with their blocks, votes, decided heights."""

from collections.abc import Iterator
from typing import Protocol

from ledger.consensus.inputs import BlockKnown, Input, ProposalReceived, VoteReceived
from ledger.types.ids import BlockID
from tests.ledger.simulator.blocks import SimBlock
from tests.ledger.simulator.validator import Host


class Blocks(Protocol):
    def block(self, block_id: BlockID) -> SimBlock: ...


def lacking(sender: Host, host: Host, known: Blocks) -> Iterator[tuple[Input, ...]]:
    """Bundles of inputs that `host` lacks at its height and `sender` has; each is heard or lost whole."""
    height = host.state.height
    if len(sender.chain) + 1 < height:
        return
    theirs, ours = host.state, sender.chain[height - 1] if len(sender.chain) >= height else sender.state
    for round_, proposal in ours.proposals.items():
        if round_ not in theirs.proposals:
            block = known.block(proposal.block_id)
            learned = BlockKnown(height, proposal.block_id, block.valid, block.time_ns)
            yield learned, ProposalReceived(proposal)
    for key, votes in ours.votes.sets.items():
        held = theirs.votes.of(*key).votes
        missing = tuple(
            VoteReceived(vote)
            for index, mine in votes.votes.items()
            for vote in mine
            if all(vote.block_id != other.block_id for other in held.get(index, ()))
        )
        if missing:
            yield missing
