"""A validator whose operator has gone bad: it prevotes twice from some height on (environment: DOUBLE_FROM),
once for a block of its own.

Run like `python -m ledger.node`. Only tests start it; the product has no way to sign past its guard.
"""

import os
import sys
from dataclasses import replace

from ledger.node import __main__ as command
from ledger.node.home import Home
from ledger.node.messages import Message, Votes
from ledger.node.node import Node
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.vote import Vote, VoteType

FROM_HEIGHT = int(os.environ.get("DOUBLE_FROM", "3"))
OTHER_BLOCK = BlockID(b"\x66" * 32, PartSetHeader(1, b"\x66" * 32))


class DoubleSigner(Node):
    """Says what an honest node says, and then the contrary."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._key = home.signing_key()

    def broadcast(self, message: Message) -> None:
        super().broadcast(message)
        if isinstance(message, Votes):
            for vote in map(Vote.decode, message.votes):
                if vote.type is VoteType.PREVOTE and vote.height >= FROM_HEIGHT:
                    other = replace(vote, block_id=OTHER_BLOCK)
                    signature = bytes(self._key.sign(other.sign_bytes(self.genesis.chain_id)).signature)
                    super().broadcast(Votes((replace(other, signature=signature).encode(),)))


if __name__ == "__main__":
    command.Node = DoubleSigner  # type: ignore[misc]
    sys.exit(command.main())
