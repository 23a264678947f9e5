"""A provider in a local folder: a laptop's demo, or a mounted volume.

Rules
- An object is written beside its place as `.<name>.<random>.part`, synced, renamed, and its folder synced:
  a crash at any byte leaves the old object, the new one, or a part file that `abandon` removes.
- The root is made once, when the provider is set up. If it is gone later (a volume not mounted) the
  provider is unavailable; it is never quietly made anew.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from storage.core.cipher import Buffer

from .base import (
    ObjectMissing,
    ObjectStat,
    ObjectWriter,
    Provider,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RangeMissing,
    checked_name,
)

REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EISDIR, errno.ENOTDIR}


class FolderProvider(Provider):
    """Objects as files below `root`."""

    def __init__(self, name: str, root: Path, domain: str | None = None) -> None:
        self.name, self.root, self.domain = name, root, domain or name
        root.mkdir(parents=True, exist_ok=True)

    def open(self, name: str) -> ObjectWriter:
        path = self._path("open", name)
        with self._translated("open", name):
            self._require_root()
            _make_folder(path.parent)
            return _FolderWriter(self, path, name)

    def read(self, name: str, offset: int, length: int) -> bytes:
        with self._translated("read", name), self._path("read", name).open("rb", buffering=0) as file:
            file.seek(offset)
            data = bytearray(length)
            got = file.readinto(data) or 0
            while 0 < got < length and (more := file.readinto(memoryview(data)[got:])):
                got += more
        if got != length:
            raise RangeMissing(self.name, "read", name, f"{length} bytes at {offset} asked, {got} there")
        return bytes(data)

    def stat(self, name: str) -> ObjectStat:
        with self._translated("stat", name):
            return ObjectStat(name, self._path("stat", name).stat().st_size)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        with self._translated("list", prefix):
            self._require_root()
            found = [
                ObjectStat(name, path.stat().st_size)
                for path, name in self._files(prefix)
                if not path.name.startswith(".") and name.startswith(prefix)
            ]
        return iter(sorted(found, key=lambda stat: stat.name))

    def delete(self, name: str) -> None:
        path = self._path("delete", name)
        with self._translated("delete", name):
            self._require_root()
            path.unlink(missing_ok=True)
            self._prune(path.parent)

    def abandon(self, prefix: str) -> None:
        checked_name(self.name, "abandon", prefix.rstrip("/"))
        with self._translated("abandon", prefix):
            self._require_root()
            for path, name in self._files(prefix):
                if name.startswith(prefix):
                    path.unlink(missing_ok=True)
                    self._prune(path.parent)

    def probe(self) -> None:
        with self._translated("probe", ""):
            self._require_root()
            if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
                raise ProviderRefused(self.name, "probe", "", "the folder is not readable and writable")

    def _path(self, operation: str, name: str) -> Path:
        return self.root / checked_name(self.name, operation, name)

    def _require_root(self) -> None:
        if not self.root.is_dir():
            raise ProviderUnavailable(self.name, "reach", "", "the folder is gone; mount or restore it")

    def _files(self, prefix: str) -> Iterator[tuple[Path, str]]:
        """Files under the prefix's folder with their object names; a part file has its object's name."""
        start = self.root / prefix.rpartition("/")[0]
        for folder, _, files in os.walk(start):
            for file in files:
                plain = file[1:].rsplit(".", 2)[0] if file.startswith(".") else file
                yield Path(folder, file), (Path(folder, plain).relative_to(self.root)).as_posix()

    def _prune(self, folder: Path) -> None:
        """Remove folders that have become empty, but for the top ones, in which others may be writing."""
        while folder != self.root and folder.parent != self.root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    @contextlib.contextmanager
    def _translated(self, operation: str, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            self._require_root()
            raise ObjectMissing(self.name, operation, name, "no such object") from None
        except OSError as error:
            raise self.failure(operation, name, error) from error

    def failure(self, operation: str, name: str, error: OSError) -> ProviderError:
        """The contract's error for an operating system error."""
        kind = ProviderRefused if error.errno in REFUSALS else ProviderUnavailable
        return kind(self.name, operation, name, error.strerror or type(error).__name__)


class _FolderWriter(ObjectWriter):
    def __init__(self, provider: FolderProvider, path: Path, name: str) -> None:
        self._provider, self._path, self._name = provider, path, name
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._file = self._part.open("xb", buffering=0)
        self._length = 0

    def write(self, data: Buffer) -> None:
        try:
            self._write_all(memoryview(data))
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.seek(self._length)  # a repeated call overwrites what this one left
            raise self._provider.failure("write", self._name, error) from error
        self._length += len(data)

    def _write_all(self, view: memoryview) -> None:
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> int:
        try:
            self._file.truncate(self._length)
            os.fsync(self._file.fileno())
            os.replace(self._part, self._path)
            self._file.close()
            _sync_folder(self._path.parent)
        except OSError as error:
            raise self._provider.failure("finish", self._name, error) from error
        return self._length

    def abort(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
            self._part.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that their names survive a power cut too."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make what was renamed or made in this folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
