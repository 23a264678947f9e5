"""A validator's disk: the node's own log and guard files, with the power cut at any write.

Rules
- What was not synced may be lost from any byte on, and the file may end in zeros that were never filled.
- A write to the guard may stop at any byte of its slot.
- A fault of the disk flips one bit of what was synced; a wipe loses the log and keeps the guard.
"""

from dataclasses import dataclass
from pathlib import Path

from ledger.node.signer import GuardFile, SignRecord
from ledger.node.wal import Wal


class PowerCut(Exception):
    """The machine went dark in the middle of a write."""


@dataclass(frozen=True)
class Cut:
    """A crash, drawn ahead: it strikes at the `writes`-th write from now (at the restart if there are fewer).

    `kept` is the fraction (0..1) of unsynced log bytes, and of a half-written guard slot, that reached the
    disk; with `zeros` the file has its full length and the rest (16 bytes or more: file systems fill pages)
    was never filled. `flip` (0..1) is where a bit of the synced log turns, `wipe` loses it all.
    """

    writes: int
    kept: float
    zeros: bool = False
    flip: float | None = None
    wipe: bool = False


class FailingWal(Wal):
    """The node's write-ahead log, dark at the write that the disk's cut says; `synced` bytes are safe."""

    def __init__(self, path: Path, disk: "Disk") -> None:
        super().__init__(path)
        self._disk, self._file_path = disk, path
        self.synced = path.stat().st_size

    def append(self, height: int, kind: str, data: bytes) -> None:
        super().append(height, kind, data)
        self._disk.spend()

    def sync(self) -> None:
        self._disk.spend()
        super().sync()
        self.synced = self._file_path.stat().st_size
        self._disk.spend()

    def end_height(self, height: int) -> None:
        super().end_height(height)
        self._disk.spend()


class FailingGuard(GuardFile):
    """The node's guard file, whose write may be torn."""

    def __init__(self, path: Path, disk: "Disk") -> None:
        super().__init__(path)
        self._disk, self._file_path = disk, path

    def write(self, record: SignRecord) -> None:
        if not self._disk.armed:
            super().write(record)
            return
        self._disk.spend()
        before = self._file_path.read_bytes()
        super().write(record)
        try:
            self._disk.spend()
        except PowerCut:
            self._tear(before)
            raise

    def _tear(self, before: bytes) -> None:
        after = self._file_path.read_bytes()
        changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        end = changed[int(len(changed) * self._disk.kept)] if changed else 0
        self._file_path.write_bytes(after[:end] + before[end:])


class Disk:
    """The folder of one validator, and the cut that it is waiting for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.guard_path = folder / "wal.log", folder / "signer.state"
        folder.mkdir(parents=True, exist_ok=True)
        for left in (self.log, self.guard_path):
            left.unlink(missing_ok=True)
        GuardFile.create(self.guard_path)
        self.cut: Cut | None = None
        self.wiped = False
        self._left = 0
        self.power_on()

    @property
    def armed(self) -> bool:
        return self.cut is not None

    @property
    def kept(self) -> float:
        return self.cut.kept if self.cut else 0.0

    def power_on(self) -> None:
        """Open both files as a starting node does. Raises FileCorrupt when one was altered."""
        self.guard = FailingGuard(self.guard_path, self)
        try:
            self.wal = FailingWal(self.log, self)
        except BaseException:
            self.guard.close()
            raise

    def arm(self, cut: Cut) -> None:
        self.cut, self._left = cut, cut.writes

    def spend(self) -> None:
        """One write happens; raises PowerCut when it is the one that the cut waits for."""
        if self.cut is not None:
            self._left -= 1
            if self._left < 0:
                raise PowerCut

    def power_off(self) -> None:
        """Leave on the disk what the cut leaves there."""
        cut, synced = self.cut or Cut(0, 1.0), self.wal.synced
        self.cut = None
        self.close()
        content = self.log.read_bytes()
        lost = len(content) - synced - int((len(content) - synced) * cut.kept)
        content = content[: len(content) - lost] + bytes(lost if cut.zeros and lost >= 16 else 0)
        if cut.flip is not None and synced:
            at = int(synced * cut.flip)
            content = content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
        self.wiped = cut.wipe
        if cut.wipe:
            self.log.unlink()
        else:
            self.log.write_bytes(content)

    def close(self) -> None:
        Wal.close(self.wal)
        self.guard.close()
