"""What a thin node trusts, on disk: verified headers, and the evidence that made it halt.

Rules
- Verified headers are written at most every few seconds: a crash loses only what can be verified again.
- Evidence of two signed histories is written before anything is answered, and as long as it lies there the
  node answers nothing: only a person can tell which history is right.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path

from ledger.light.errors import AttackDetected
from ledger.light.store import JsonFileStore, MemoryStore
from ledger.light.verdict import LightBlock
from ledger.node.log import log
from ledger.node.record_log import write_atomically


class PacedStore(JsonFileStore):
    """A trusted store whose file follows at a distance: `save` keeps in memory, `flush` on disk."""

    def __init__(self, path: Path, anew: bool = False) -> None:
        """`anew` begins empty, to replace the file. Raises StoreDamaged when it is not what we wrote."""
        if anew:
            self._path = path
            MemoryStore.__init__(self)
        else:
            super().__init__(path)
        self._written_at = 0.0
        self._dirty = False

    def save(self, blocks: Iterable[LightBlock]) -> None:
        """Keep these, too; on disk with the next flush."""
        MemoryStore.save(self, blocks)
        self._dirty = True

    def flush(self, every_s: float = 0.0) -> None:
        """Bring the file up to date, if that was not done within `every_s` seconds."""
        if self._dirty and time.monotonic() - self._written_at >= every_s:
            super().save(())
            self._dirty, self._written_at = False, time.monotonic()


class EvidenceFolder:
    """Where evidence of attacks lies until a person has dealt with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def found(self) -> str:
        """Why the node must stay halted; empty when nothing lies here."""
        names = sorted(path.name for path in self._folder.glob("*.json")) if self._folder.exists() else []
        return _halted_words(names[0]) if names else ""

    def keep(self, attack: AttackDetected) -> str:
        """Write the evidence down, durably, or where the disk fails into the log; what to tell everybody."""
        name = f"attack-{attack.evidence[0].common_height}-{attack.evidence[0].conflicting.height}.json"
        pieces = [piece.to_json() for piece in attack.evidence]
        try:
            self._folder.mkdir(exist_ok=True)
            write_atomically(self._folder / name, json.dumps(pieces, indent=1).encode())
        except OSError as error:
            log("evidence_not_written", why=str(error), next="keep this line", evidence=json.dumps(pieces))
            return str(attack)
        return _halted_words(name)


def _halted_words(name: str) -> str:
    return (
        f"halted: validators signed two histories. The evidence is evidence/{name} in this node's home:"
        " hand it to the consortium, and rely on nothing from this ledger until it has said which history is"
        " right. Then move the evidence away and start this node again with --trust HEIGHT:HASH of a block of"
        " that history, and --validators of its validators"
    )
