"""Evidence that waits for a block: one piece per validator, kept on disk.

Rules
- What consensus finds counts once its height is decided: only then are the header's time and set known.
- Nothing unverified comes in, and since each validator is held to account once, the pool cannot be flooded.
- After each block what it settled, or what grew too old, leaves.
"""

from pathlib import Path

import msgspec

from ledger.node.evidence import DoesNotCount, History, check
from ledger.node.log import log
from ledger.node.record_log import write_atomically
from ledger.types.evidence import DuplicateVoteEvidence, EvidenceError
from ledger.types.proto import ProtoError
from ledger.types.vote import Vote

_decoder = msgspec.msgpack.Decoder(list[bytes])


class EvidencePool:
    """The pool in one file, `path`. What is in the file is verified again when it is read."""

    def __init__(self, path: Path, history: History) -> None:
        self._path = path
        self._history = history
        self._pending: dict[bytes, DuplicateVoteEvidence] = {}
        self._undecided: list[tuple[Vote, Vote]] = []
        for encoded in self._read():
            self._keep(encoded)

    def __len__(self) -> int:
        return len(self._pending)

    def found(self, first: Vote, second: Vote) -> DuplicateVoteEvidence | None:
        """Consensus saw these two votes contradict each other; the evidence, if it can be made now."""
        if first.height > self._history.height:
            self._undecided.append((first, second))
            return None
        return self._made(first, second)

    def add(self, evidence: DuplicateVoteEvidence) -> bool:
        """Take evidence in; False when it is here already or does not count. Raises EvidenceError."""
        if evidence.vote_a.validator_address in self._pending:
            return False
        try:
            check(evidence, self._history)
        except DoesNotCount:
            return False
        self._pending[evidence.vote_a.validator_address] = evidence
        self._write()
        log("evidence", height=evidence.vote_a.height, validator=evidence.vote_a.validator_address)
        return True

    def pending(self) -> tuple[DuplicateVoteEvidence, ...]:
        """What the next block may hold."""
        size, chosen = 0, []
        for evidence in self._pending.values():
            size += len(evidence.encode())
            if size <= self._history.params.evidence_max_bytes:
                chosen.append(evidence)
        return tuple(chosen)

    def settle(self) -> list[DuplicateVoteEvidence]:
        """A block was committed: forget what no longer counts; returns what can be told only now."""
        before = set(self._pending)
        self._pending = {voter: one for voter, one in self._pending.items() if self._counts(one)}
        if before != set(self._pending):
            self._write()
        undecided, self._undecided = self._undecided, []
        made = [self._made(*votes) for votes in undecided if votes[0].height <= self._history.height]
        self._undecided = [votes for votes in undecided if votes[0].height > self._history.height]
        return [evidence for evidence in made if evidence is not None]

    def _made(self, first: Vote, second: Vote) -> DuplicateVoteEvidence | None:
        time_ns = self._history.header_time_ns(first.height)
        if time_ns is None:
            return None
        validators = self._history.validators_at(first.height)
        try:
            evidence = DuplicateVoteEvidence.of(first, second, validators, time_ns)
            return evidence if self.add(evidence) else None
        except EvidenceError as error:
            log("evidence_unusable", height=first.height, why=str(error))
            return None

    def _counts(self, evidence: DuplicateVoteEvidence) -> bool:
        try:
            check(evidence, self._history)
        except (DoesNotCount, EvidenceError):
            return False
        return True

    def _keep(self, encoded: bytes) -> None:
        try:
            evidence = DuplicateVoteEvidence.decode(encoded)
        except ProtoError as error:
            log("evidence_ignored", why=str(error))
            return
        if self._counts(evidence):
            self._pending[evidence.vote_a.validator_address] = evidence

    def _read(self) -> list[bytes]:
        if not self._path.exists():
            return []
        try:
            return _decoder.decode(self._path.read_bytes())
        except msgspec.DecodeError as error:
            log("evidence_ignored", why=str(error))
            return []

    def _write(self) -> None:
        pieces = [evidence.encode() for evidence in self._pending.values()]
        write_atomically(self._path, msgspec.msgpack.encode(pieces))
