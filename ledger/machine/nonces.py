"""Which nonces are used: remembered by block, forgotten by block.

Rules
- The nonces of a block's accepted transactions are one list, in the order of the block. The state holds one
  entry for it, `nonces/<height>`: the list's digest, and the latest `not_after` among its transactions.
- A block whose header time lies past that moment deletes the entry and forgets the list. So a nonce is
  remembered at least until header time passes its transaction's `not_after`; from then on the rule of time
  refuses the transaction.
- The lists lie beside the state, which says what they are: whoever takes a snapshot over checks every list
  against its digest, and that none is missing or too many.
"""

import heapq
from collections.abc import Iterable, Mapping

from ledger.machine.entries import NONCES_PREFIX, NoncesEntry, View, decode_nonces
from ledger.types.canonical import b64u_encode, tagged_hash

Names = tuple[str, ...]
"""`<author>/<nonce>` of one block's transactions, in its order."""


def nonce_name(author: str, nonce: str) -> str:
    """How a used nonce is listed; neither half holds a slash."""
    return f"{author}/{nonce}"


def nonces_entry(used: Mapping[str, int]) -> NoncesEntry:
    """The state entry of a block that used these (`not_after` by name, in the block's order; not empty)."""
    return NoncesEntry(digest_of(used), max(used.values()))


def digest_of(names: Iterable[str]) -> str:
    """H("salus/nonces/v1", names...) as b64u."""
    return b64u_encode(tagged_hash("salus/nonces/v1", *(name.encode() for name in names)))


class NonceBook:
    """The remembered nonces of one committed state."""

    def __init__(self) -> None:
        self._lists: dict[int, Names] = {}
        self._until: dict[str, int] = {}
        self._ends: list[tuple[int, int]] = []

    @classmethod
    def restore(
        cls, state: Mapping[bytes, bytes], lists: Iterable[tuple[int, Names]], ours: bool = False
    ) -> "NonceBook":
        """The book of a state. Raises ValueError unless `lists` are exactly those that the state names.

        `ours`: we wrote them ourselves, so that their digests need not be computed again.
        """
        book, view = cls(), View(state.get)
        for height, names in lists:
            entry = view.nonces(height)
            if entry is None or height in book._lists or not (ours or entry.digest == digest_of(names)):
                raise ValueError(f"the nonces of block {height} are not those that the state names")
            book.remember(height, names, entry.until)
        if sum(key.startswith(NONCES_PREFIX) for key in state) != len(book._lists):
            raise ValueError("the nonces of a block are missing")
        if len(book._until) != sum(map(len, book._lists.values())):
            raise ValueError("a nonce is listed twice")
        return book

    def is_used(self, name: str, time_ms: int) -> bool:
        """Whether a block with this header time must refuse the nonce."""
        return self._until.get(name, -1) >= time_ms

    def lists(self) -> list[tuple[int, Names]]:
        """Every remembered list with its block's height, ascending."""
        return sorted(self._lists.items())

    def remember(self, height: int, names: Iterable[str], until: int) -> None:
        """Take in what the committed block at `height` used."""
        self._lists[height] = tuple(names)
        self._until.update(dict.fromkeys(self._lists[height], until))
        heapq.heappush(self._ends, (until, height))

    def expired(self, time_ms: int) -> list[int]:
        """Heights whose lists a block with this header time forgets; left in place, it may yet be refused."""
        found, waiting = [], [0]
        while waiting:
            at = waiting.pop()
            if at < len(self._ends) and self._ends[at][0] < time_ms:
                found.append(self._ends[at][1])
                waiting.extend((2 * at + 1, 2 * at + 2))
        return found

    def forget(self, time_ms: int) -> None:
        """Drop what a committed block with this header time removed."""
        while self._ends and self._ends[0][0] < time_ms:
            for name in self._lists.pop(heapq.heappop(self._ends)[1]):
                del self._until[name]


def used_by(changes: Mapping[bytes, bytes | None], height: int) -> NoncesEntry | None:
    """The entry that the block at `height` wrote for its own nonces, if it used any."""
    value = changes.get(NONCES_PREFIX + str(height).encode())
    return None if value is None else decode_nonces(value)
