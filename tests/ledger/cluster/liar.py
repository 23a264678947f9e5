"""A validator whose operator has gone bad: what it sends of snapshots is a lie (environment: LIE).

Run like `python -m ledger.node`. Only tests start it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ledger.node import __main__ as command
from ledger.node import gossip
from ledger.node.messages import Chunk, Message, SnapshotOffered
from ledger.node.newcomer import answers

LIES: dict[str, Callable[[Chunk], Chunk | None]] = {
    "wrong": lambda chunk: Chunk(chunk.height, chunk.index, bytes(len(chunk.data))),
    "truncated": lambda chunk: Chunk(chunk.height, chunk.index, chunk.data[:-1]),
    "of another place": lambda chunk: Chunk(chunk.height, chunk.index + 1, chunk.data),
    "silent": lambda chunk: None,
}


@dataclass(frozen=True)
class Liar:
    """Answers as an honest node does, but for chunks and, when told so, for what it offers."""

    lie: str

    def __call__(self, *asked: Any) -> Iterator[Message]:
        for said in answers(*asked):
            if isinstance(said, Chunk) and self.lie in LIES:
                if (twisted := LIES[self.lie](said)) is not None:
                    yield twisted
            elif isinstance(said, SnapshotOffered) and self.lie == "offers another order":
                yield SnapshotOffered(said.height, said.app_hash, said.chunks[::-1])
            elif isinstance(said, SnapshotOffered) and self.lie == "offers another height":
                yield SnapshotOffered(said.height + 1, said.app_hash, said.chunks)
            else:
                yield said


if __name__ == "__main__":
    gossip.answers = Liar(os.environ["LIE"])  # type: ignore[assignment]
    sys.exit(command.main())
