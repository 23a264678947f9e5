"""A door before a real validator that changes what it says: the liar of these stories."""

import asyncio
import copy
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from aiohttp import web

Params = Mapping[str, Any]
Lie = Callable[[str, Params, Any], Any]
"""(method, params, the honest result) -> another result; an Exception in its place is told as an error."""


def honest(method: str, params: Params, result: Any) -> Any:
    """No lie."""
    return result


class Liar:
    """Serves on `port` what the validator at `upstream` says, changed by `lie`, which may be replaced."""

    def __init__(self, port: int, upstream: str, lie: Lie = honest) -> None:
        self.port, self.upstream, self.lie = port, upstream, lie
        self.raw: Callable[[web.Request], Any] | None = None
        """Answers in place of JSON-RPC, when set."""
        self.asked: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Liar":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession()
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/", self._post)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = json.loads(body)
        self.asked.append(asked["method"])
        if self.raw is not None:
            answer: web.StreamResponse = await self.raw(request)
            return answer
        async with self._session.post(self.upstream, data=body) as said:
            answered = await said.json()
            status = said.status
        if "result" in answered:
            method, params = asked["method"], asked.get("params") or {}
            answered["result"] = self.lie(method, params, copy.deepcopy(answered["result"]))
        return web.json_response(answered, status=status)
