"""multipart/related (RFC 2387), read as it comes: each part goes to a file, memory stays bounded.

Python's email parser wants the whole message in memory; a study may be larger than that.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from interop.fhir.outcome import refuse

_READ = 256 * 1024
_IN_MEMORY = 4 * 1024 * 1024
_MAX_HEADERS = 8 * 1024


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Part:
    """One part: its Content-Type in lower case without parameters, and its body, open at the start."""

    content_type: str
    body: BinaryIO


class _Source:
    """Bytes of the request up to each next delimiter; counts them against the limit."""

    def __init__(self, stream: Readable, limit: int) -> None:
        self.stream, self.left, self.held = stream, limit, b""

    def more(self) -> bool:
        data = self.stream.read(_READ)
        self.left -= len(data)
        if self.left < 0:
            raise refuse("too-long", "the request is larger than this server takes", status=413)
        self.held += data
        return bool(data)

    def until(self, mark: bytes) -> Iterator[bytes]:
        """Everything before `mark`, which is consumed. Raises Refused when it never comes."""
        while (at := self.held.find(mark)) < 0:
            safe = max(len(self.held) - len(mark) + 1, 0)
            yield self.held[:safe]
            self.held = self.held[safe:]
            if not self.more():
                raise refuse("structure", "the multipart body is cut off")
        yield self.held[:at]
        self.held = self.held[at + len(mark) :]


def parts(stream: Readable, boundary: str, *, limit: int) -> Iterator[Part]:
    """The parts of a body of at most `limit` bytes. Each part's body is closed when the next is asked for."""
    source = _Source(stream, limit)
    source.held = b"\r\n"  # so that the first delimiter looks like the others
    mark = b"\r\n--" + boundary.encode("ascii")
    for _ in source.until(mark):
        pass  # the preamble means nothing
    while not _is_last(source):
        headers = _headers(source)
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
            for data in source.until(mark):
                body.write(data)
            body.seek(0)
            yield Part(headers.get("content-type", "").split(";")[0].strip().lower(), body)  # type: ignore[arg-type]


def _is_last(source: _Source) -> bool:
    while len(source.held) < 2:
        if not source.more():
            raise refuse("structure", "the multipart body is cut off")
    return source.held.startswith(b"--")


def _headers(source: _Source) -> dict[str, str]:
    lines = b""
    for data in source.until(b"\r\n\r\n"):
        lines += data
        if len(lines) > _MAX_HEADERS:
            raise refuse("too-long", "the headers of a part are too long")
    pairs = (line.partition(":") for line in lines.decode("latin-1").split("\r\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
