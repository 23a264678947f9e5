"""The contract that every provider keeps. This docstring is the whole of it; one suite tests all of them.

A provider holds immutable objects by name. A name is ASCII, 1 to 200 characters of `a-z 0-9 - . /`, without
`..`, a leading `/` or an empty part.

- **Write.** `open(name)` gives a writer. Bytes appended by `write` are not visible until `finish`, which
  makes the whole object durable and visible at once, and returns its length; a crash before that leaves
  nothing visible. `abort` drops the bytes. A `write` or `finish` that raises `ProviderUnavailable` has taken
  nothing of that call, and may be called again. Writing a name that exists replaces it, atomically.
- **Read.** `read(name, offset, length)` returns exactly `length` bytes, or raises: `ObjectMissing` when there
  is no such object, `RangeMissing` when the object ends before the range does. It holds no more than `length`
  bytes in memory, whatever the other side sends.
- **Look.** `stat(name)` gives the length or raises `ObjectMissing`. `list(prefix)` yields every finished
  object whose name begins with `prefix`, by name ascending.
- **Remove.** `delete(name)` removes an object; one that is not there is no error. `abandon(prefix)` removes
  every object and every unfinished write whose name begins with `prefix` (which must not be empty).
- **Errors** are of this module only. `retry` says whether the same call may succeed later; retrying is not
  the provider's business (see retry.py). A provider bounds each call by its own timeouts where its
  transport can; callers bound it as well.
- **Threads.** All methods but a writer's may be called from several threads at once.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from storage.core.cipher import Buffer
from storage.core.errors import StorageError

NAME = re.compile(r"[a-z0-9.-]+(/[a-z0-9.-]+)*")
MAX_NAME = 200


class ProviderError(StorageError):
    """A provider did not do what it was asked; `retry` says whether asking again makes sense."""

    retry = False

    def __init__(self, provider: str, operation: str, name: str, reason: str) -> None:
        super().__init__(f"{provider}: {operation} {name}: {reason}")
        self.provider, self.operation, self.name, self.reason = provider, operation, name, reason


class ObjectMissing(ProviderError):
    """There is no object of this name."""


class RangeMissing(ProviderError):
    """The object ends before the range asked for."""


class ProviderRefused(ProviderError):
    """The provider will not: credentials, policy, bad name, no space. Asking again does not help."""


class ProviderUnavailable(ProviderError):
    """The provider did not answer rightly this time: network, timeout, its own fault."""

    retry = True


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """A finished object's name and length in bytes."""

    name: str
    length: int


class ObjectWriter(ABC):
    """One object being written; used by one thread."""

    @abstractmethod
    def write(self, data: Buffer) -> None:
        """Append bytes."""

    @abstractmethod
    def finish(self) -> int:
        """Make the object durable and visible; returns its length in bytes."""

    @abstractmethod
    def abort(self) -> None:
        """Drop what was written; never raises."""


class Provider(ABC):
    """A place for shards. `name` is its lasting identity; `domain` is what fails together with it."""

    name: str
    domain: str

    @abstractmethod
    def open(self, name: str) -> ObjectWriter:
        """Begin an object."""

    @abstractmethod
    def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly these bytes of an object."""

    @abstractmethod
    def stat(self, name: str) -> ObjectStat:
        """The object's length."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """The finished objects under a prefix, by name."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove an object if it is there."""

    @abstractmethod
    def abandon(self, prefix: str) -> None:
        """Remove all objects and unfinished writes under a prefix."""

    @abstractmethod
    def probe(self) -> None:
        """Return when the provider can be reached and used; raise a ProviderError when not."""

    def put(self, name: str, data: Buffer) -> int:
        """Write a whole object at once."""
        writer = self.open(name)
        try:
            writer.write(data)
            return writer.finish()
        except BaseException:
            writer.abort()
            raise


def checked_name(provider: str, operation: str, name: str) -> str:
    """`name` when it keeps the contract; raises ProviderRefused otherwise."""
    fits = len(name) <= MAX_NAME and NAME.fullmatch(name)
    if not fits or any(part.startswith(".") for part in name.split("/")):
        raise ProviderRefused(provider, operation, repr(name), "not an object name")
    return name
