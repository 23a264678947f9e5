"""One validator's RPC, believed in nothing: bounded in time and in bytes, whatever it sends.

Rules
- A call ends within its time, however slowly the answer trickles, and never takes more than its bytes.
- Nothing is unpacked or followed: no compression, no redirects, no cookies.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from ledger.client.errors import LedgerError
from ledger.client.transport import TIMED_OUT, Unanswered, error_of
from ledger.light.errors import NoSuchBlock, ProviderError, ProviderLied, ProviderUnavailable
from ledger.light.rpc import RpcProvider
from ledger.thin.errors import Busy, ThinError, TooLarge
from ledger.thin.memory import Memory
from ledger.types.validators import ValidatorSet

CONNECT_S = 1.0
ANSWER_S = 5.0
BLOCK_S = 20.0
"""How long one validator may take for a whole block, or what came of it."""
LIGHT_S = 2.0
"""How long the light client, which asks one after the other, waits for one answer."""
SMALL_BYTES = 1024 * 1024
LARGE_BYTES = 8 * 1024 * 1024
"""A whole block of the largest size that validators exchange (4 MiB), in base64, and then some."""
MAX_SETS = 8
_CHUNK = 64 * 1024


class Silent(Unanswered):
    """The validator did not answer in time, or not with JSON-RPC."""


class NotInTime(Unanswered):
    """The validator answered that what was waited for did not happen in the time given."""


def open_session() -> aiohttp.ClientSession:
    """Connections to validators."""
    return aiohttp.ClientSession(
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit_per_host=64),
        skip_auto_headers=("Accept-Encoding",),
    )


class Upstream:
    """JSON-RPC to the validator at `url`. `silent` since it last failed to answer, until it answers again."""

    def __init__(self, url: str, session: aiohttp.ClientSession, memory: Memory) -> None:
        self.url = url.rstrip("/")
        self._session = session
        self._memory = memory
        self.silent = False

    async def call(
        self, method: str, params: Mapping[str, Any], within_s: float = ANSWER_S, most: int = SMALL_BYTES
    ) -> Any:
        """The result of one call, unverified.

        Raises TxRejected, NotFound, Silent, NotInTime, TooLarge, Unanswered, Busy.
        """
        try:
            answer = await self._ask(method, params, within_s, most)
        except Silent:
            self.silent = True
            raise
        self.silent = False
        refused = answer.get("error")
        if isinstance(refused, dict) and refused.get("code") == TIMED_OUT:
            raise NotInTime(f"{self.url}: not in time")
        if refused is not None:
            raise error_of(self.url, refused)
        return answer.get("result")

    async def _ask(
        self, method: str, params: Mapping[str, Any], within_s: float, most: int
    ) -> dict[str, Any]:
        request = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params)})
        async with self._memory.large() if most > SMALL_BYTES else contextlib.nullcontext():
            body = await self._post(request, within_s, most)
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Silent(f"{self.url}: not JSON") from error
        if not isinstance(answer, dict):
            raise Silent(f"{self.url}: not a JSON-RPC answer")
        return answer

    async def _post(self, body: bytes, within_s: float, most: int) -> bytearray:
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=CONNECT_S)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                self.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return await self._read(response, most)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Silent(f"{self.url}: {type(error).__name__}") from error

    async def _read(self, response: aiohttp.ClientResponse, most: int) -> bytearray:
        stated = response.content_length
        if stated is not None:
            self._check_size(stated, most)
            await self._memory.take(stated)
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            self._check_size(len(body), most if stated is not None else min(most, SMALL_BYTES))
        return body

    def _check_size(self, size: int, most: int) -> None:
        if size > most:
            raise TooLarge(f"{self.url}: an answer of more than {most} bytes")


class KnownSets:
    """The validator sets that were verified last, by their hash: they need not be asked for again."""

    def __init__(self) -> None:
        self._sets: OrderedDict[bytes, ValidatorSet] = OrderedDict()

    def know(self, validators: ValidatorSet) -> None:
        """This set is verified."""
        self._sets[validators.hash] = validators
        self._sets.move_to_end(validators.hash)
        while len(self._sets) > MAX_SETS:
            self._sets.popitem(last=False)

    def get(self, digest: bytes) -> ValidatorSet | None:
        """The set with this hash, if it is known."""
        return self._sets.get(digest)


class UpstreamProvider(RpcProvider):
    """A validator as the light client's provider, for a thread beside the event loop that does the I/O."""

    def __init__(self, upstream: Upstream, loop: asyncio.AbstractEventLoop, sets: KnownSets) -> None:
        self._upstream = upstream
        self._loop = loop
        self._sets = sets
        self._ready: tuple[dict[str, Any], Any] | None = None

    @property
    def name(self) -> str:
        """The validator's address."""
        return self._upstream.url

    async def prefetch(self, height: int) -> None:
        """Ask for the commit of `height`, of all validators at once; the light client asks in turn for it."""
        params = {"height": str(height)}
        with contextlib.suppress(LedgerError, Unanswered, ThinError):
            self._ready = (params, await self._upstream.call("commit", params, LIGHT_S))

    def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result of one call. Raises NoSuchBlock, ProviderUnavailable."""
        ready, self._ready = self._ready, None
        if ready is not None and (method, params) == ("commit", ready[0]):
            return ready[1]
        future = asyncio.run_coroutine_threadsafe(self._upstream.call(method, params, LIGHT_S), self._loop)
        try:
            return future.result(LIGHT_S + 1)
        except TimeoutError as error:
            raise ProviderUnavailable(f"{self.name}: no answer") from error
        except (LedgerError, Unanswered, ThinError) as error:
            raise _as_provider_error(self.name, error) from error

    def _set(self, height: int, digest: bytes) -> ValidatorSet:
        return self._sets.get(digest) or super()._set(height, digest)


def _as_provider_error(name: str, error: Exception) -> ProviderError:
    if isinstance(error, TooLarge):
        return ProviderLied(f"{name}: a light block of impossible size")
    if isinstance(error, Unanswered | Busy):
        return ProviderUnavailable(str(error))
    return NoSuchBlock(f"{name}: no such block")
