"""An open-loop generator: it sends at the times it planned, whatever the answers say, and waits for nobody.

Transactions are signed and their requests written out before the first one leaves. Each batch goes as one
JSON-RPC POST of `broadcast_tx_sync` to the validators in turn. When a block was committed is told by one
validator's `NewBlockHeader` events; which transactions it holds is read after the run.
"""

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import msgspec

from bench.common import percentile
from ledger.node.devnet import DevnetNode

TICK_S = 0.01
MAX_BATCH = 100
SETTLE_S = 15.0
QUIET_S = 1.5
BUSY = 1001
WARM_S = 2.0
"""Before that, what is sent has not had the time to be committed."""


@dataclass(frozen=True)
class Outcome:
    """One run: latencies are submit to commit, in ms, of what was committed."""

    offered_per_s: float
    seconds: float
    sent: int
    refused: int
    committed_per_s: float
    """Commits told while transactions were being sent, a second, but for the first `WARM_S`."""
    committed: int
    latencies_ms: tuple[float, ...]
    blocks: int
    late_ms: float
    """How far behind its plan the generator fell at most."""

    def latency(self, share: float) -> float:
        return percentile(self.latencies_ms, share) if self.latencies_ms else float("inf")


@dataclass(frozen=True)
class _Batch:
    at_s: float
    body: bytes
    texts: tuple[str, ...]


def plan(txs: Sequence[bytes], rate: float) -> list[_Batch]:
    """The requests, each with the second at which it leaves."""
    batches: list[_Batch] = []
    taken, tick = 0, 0
    while taken < len(txs):
        tick += 1
        due = min(len(txs), int(rate * TICK_S * tick))
        for at in range(taken, due, MAX_BATCH):
            texts = tuple(base64.b64encode(tx).decode() for tx in txs[at : min(at + MAX_BATCH, due)])
            calls = [
                {"jsonrpc": "2.0", "id": 0, "method": "broadcast_tx_sync", "params": {"tx": text}}
                for text in texts
            ]
            batches.append(_Batch((tick - 1) * TICK_S, json.dumps(calls).encode(), texts))
        taken = due
    return batches


async def run(nodes: Sequence[DevnetNode], txs: Sequence[bytes], rate: float) -> Outcome:
    """Send `txs` at `rate` a second; returns after the ledger has been quiet for a moment."""
    batches = plan(txs, rate)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=timeout, trust_env=False
    ) as session:
        watch = _Watch()
        watching = asyncio.create_task(watch.follow(session, nodes[0]))
        await watch.ready.wait()
        sent_at: dict[str, float] = {}
        answers: list[asyncio.Task[bytes]] = []
        began, late = time.perf_counter() + 0.1, 0.0
        for turn, batch in enumerate(batches):
            due = began + batch.at_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            now = time.perf_counter()
            late = max(late, now - due)
            sent_at.update(dict.fromkeys(batch.texts, now))
            url = nodes[turn % len(nodes)].rpc
            answers.append(asyncio.create_task(_post(session, url, batch.body)))
        ended = time.perf_counter()
        replies = await asyncio.gather(*answers, return_exceptions=True)
        await watch.quiet()
        watching.cancel()
        refused = sum(
            _refused(reply, len(batch.texts)) for reply, batch in zip(replies, batches, strict=True)
        )
        committed_at = await _committed(session, nodes[0], watch.heights)
    latencies = [1000 * (committed_at[text] - at) for text, at in sent_at.items() if text in committed_at]
    warm = began + min(WARM_S, (ended - began) / 4)
    within = sum(1 for text, at in committed_at.items() if text in sent_at and warm < at <= ended)
    return Outcome(
        rate,
        ended - began,
        len(txs),
        refused,
        within / (ended - warm),
        len(latencies),
        tuple(latencies),
        len(watch.heights),
        1000 * late,
    )


class _Watch:
    """When each block was told, by one validator's events."""

    def __init__(self) -> None:
        self.heights: dict[int, float] = {}
        self.ready = asyncio.Event()
        self._last = time.perf_counter()

    async def follow(self, session: aiohttp.ClientSession, node: DevnetNode) -> None:
        url = node.rpc.replace("http", "ws") + "/websocket"
        async with session.ws_connect(url, max_msg_size=0) as socket:
            query = {"query": "tm.event='NewBlockHeader'"}
            await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": query})
            async for message in socket:
                told = json.loads(message.data)
                if "error" in told:
                    raise RuntimeError(told["error"])
                self.ready.set()
                if (data := told["result"].get("data")) is not None:
                    self._last = time.perf_counter()
                    self.heights[int(data["value"]["header"]["height"])] = self._last

    async def quiet(self) -> None:
        """Until no block came for a moment, or for as long as anybody waits."""
        self._last = max(self._last, time.perf_counter())
        deadline = time.perf_counter() + SETTLE_S
        while time.perf_counter() < min(deadline, self._last + QUIET_S):
            await asyncio.sleep(0.05)


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> bytes:
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
        return await response.read()


class _Checked(msgspec.Struct):
    code: int = 0


class _Reply(msgspec.Struct):
    result: _Checked | None = None


_replies = msgspec.json.Decoder(list[_Reply])


def _refused(reply: bytes | BaseException, size: int) -> int:
    if isinstance(reply, BaseException):
        return size
    try:
        return sum(1 for one in _replies.decode(reply) if one.result is None or one.result.code)
    except msgspec.DecodeError:
        return size


async def _committed(
    session: aiohttp.ClientSession, node: DevnetNode, heights: dict[int, float]
) -> dict[str, float]:
    """When each transaction (base64) was committed."""
    found: dict[str, float] = {}
    for height, at in heights.items():
        async with session.get(f"{node.rpc}/block?height={height}") as response:
            block = (await response.json())["result"]["block"]
        found.update(dict.fromkeys(block["data"]["txs"], at))
    return found
