"""One connection that carries frames: `length (4, big-endian) ‖ message`.

Rules
- Frames are cut from one buffer, which is no longer than the frame that is being received needs.
- A frame that is too long, empty, or that its handler refuses (PeerMisbehaved) ends the connection.
- One timer watches for silence: what counts is whole frames, so a peer that sends a byte now and then is
  silent, too.
"""

import asyncio
from collections.abc import Callable

from ledger.node.errors import PeerMisbehaved

MAX_FRAME = 8 * 1024 * 1024
SILENCE_S = 30.0
_LENGTH_BYTES = 4
_BUFFER_BYTES = 256 * 1024


def framed(message: bytes) -> bytes:
    """The frame that carries `message`."""
    return len(message).to_bytes(_LENGTH_BYTES, "big") + message


class Connection(asyncio.BufferedProtocol):
    """Calls `on_made(self)` once it is up, `on_frame(message)` for each frame, `on_lost(why)` at its end.

    `on_frame` may raise anything; the connection ends, and that is why.
    """

    def __init__(
        self,
        on_made: Callable[["Connection"], None],
        silence_s: float = SILENCE_S,
    ) -> None:
        self._on_made = on_made
        self.on_frame: Callable[[bytes], None] = lambda message: None
        self.on_lost: Callable[[BaseException | None], None] = lambda why: None
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(_BUFFER_BYTES)
        self._filled = 0
        self._silence_s = silence_s
        self._heard_at_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._why: BaseException | None = None
        self._resting = False
        self.transport: asyncio.Transport | None = None
        self.closed = asyncio.Event()
        self.sent_bytes = 0
        self.received_bytes = 0
        self.frames = 0
        """How many whole frames came."""

    # --- called by the loop -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._heard_at_s = self._loop.time()
        self._timer = self._loop.call_later(self._silence_s, self._check_silence)
        self._on_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        self.received_bytes += nbytes
        try:
            self._cut()
        except Exception as error:  # whoever handles frames says by it that the peer, or we, are at fault
            self.close(error)

    def eof_received(self) -> None:
        self.close(EOFError("the peer closed the connection"))

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._buffer, self._filled = bytearray(1), 0
        self.closed.set()
        self.on_lost(self._why or exc)

    # --- called by us -------------------------------------------------------------------------

    @property
    def is_closing(self) -> bool:
        return self.transport is None or self.transport.is_closing()

    @property
    def queued_bytes(self) -> int:
        """What waits to be sent."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def send(self, frame: bytes) -> None:
        """Queue one frame."""
        if self.transport is not None and not self.transport.is_closing():
            self.sent_bytes += len(frame)
            self.transport.write(frame)

    def close(self, why: BaseException | None = None) -> None:
        """End it at once; what is queued is lost."""
        self._why = self._why or why
        if self.transport is not None:
            self.transport.abort()

    def rest(self, seconds: float) -> None:
        """Read nothing for a while; the peer's own queue fills meanwhile."""
        if seconds <= 0 or self._resting or self.is_closing:
            return
        assert self.transport is not None
        self._resting = True
        self.transport.pause_reading()
        self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._resting = False
        self._heard_at_s = self._loop.time()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def _cut(self) -> None:
        """Hand over every whole frame, and leave room for the rest of the next one."""
        at, needed = 0, _LENGTH_BYTES
        while self._filled - at >= _LENGTH_BYTES and not self.is_closing:
            length = int.from_bytes(self._buffer[at : at + _LENGTH_BYTES], "big")
            if not 0 < length <= MAX_FRAME:
                raise PeerMisbehaved(f"a frame of 1 to {MAX_FRAME} bytes", f"one of {length}")
            needed = _LENGTH_BYTES + length
            if self._filled - at < needed:
                break
            message = bytes(memoryview(self._buffer)[at + _LENGTH_BYTES : at + needed])
            at, needed = at + needed, _LENGTH_BYTES
            self.frames += 1
            self._heard_at_s = self._loop.time()
            self.on_frame(message)
        if self.is_closing:
            self._filled = 0
        else:
            self._keep_rest(at, needed)

    def _keep_rest(self, at: int, needed: int) -> None:
        rest = self._filled - at
        size = max(_BUFFER_BYTES, needed)
        if size != len(self._buffer):
            fresh = bytearray(size)
            fresh[:rest] = memoryview(self._buffer)[at : self._filled]
            self._buffer = fresh
        elif at:
            view = memoryview(self._buffer)
            view[:rest] = bytes(view[at : self._filled])
        self._filled = rest

    def _check_silence(self) -> None:
        left = self._heard_at_s + self._silence_s - self._loop.time()
        if self._resting:
            left = self._silence_s
        if left <= 0:
            self.close(TimeoutError(f"silent for {self._silence_s:g} s"))
        else:
            self._timer = self._loop.call_later(left, self._check_silence)
