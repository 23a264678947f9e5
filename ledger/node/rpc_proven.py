"""Our own routes beside CometBFT's: answers that carry everything needed to check them, in one round trip.

- `commit_proven`: submit a transaction, wait, answer with its proof bundle.
- `proof_bundle`: header, commit, validators, transaction and inclusion proof, in CometBFT's JSON forms.
- `query_proven`: a state value with its ICS-23 proof and the signed header that holds its root.
- `chain_range`: headers linked to one commit, with transaction hashes or whole transactions.
- `events_since`: the chain range that holds the transactions after a cursor; waits for the first one.

Headers and commits of ranges are base64 of their protobuf: they come by the thousand.
"""

import asyncio
from typing import Any

from ledger.node.errors import MempoolRefused
from ledger.node.node import Node
from ledger.node.rpc_params import Params, RpcError, internal, invalid
from ledger.node.rpc_routes import Route, commit_for, signed_header, stored_at
from ledger.types.block import Block, tx_proof
from ledger.types.ids import sha256
from ledger.types.rpc_json import base64_text, hex_text, proof_to_json, validator_to_json

REJECTED = -32001
"""JSON-RPC error code: the rules refused the transaction; `data` is `code|permanent|reason`."""
TIMED_OUT = -32002
"""JSON-RPC error code: not committed within the time given."""
MAX_WAIT_MS = 60_000
MAX_HEADERS = 500
MAX_ANSWER_BYTES = 4 * 1024 * 1024


def bundle(node: Node, tx_hash: bytes) -> dict[str, Any]:
    """What proves that a transaction is on the ledger. Raises RpcError when it is not."""
    place = node.store.place_of(tx_hash)
    if place is None:
        raise internal(f"tx ({hex_text(tx_hash)}) not found")
    stored = stored_at(node, place.height)
    return {
        "signed_header": signed_header(node, place.height),
        "validators": _validators(node, place.height),
        "tx": base64_text(stored.txs[place.index]),
        "proof": proof_to_json(tx_proof(stored.txs, place.index)),
    }


def _validators(node: Node, height: int) -> list[dict[str, Any]]:
    members = [validator_to_json(each) for each in node.executor.validators_at(height).validators]
    for member in members:
        del member["proposer_priority"]
    return members


async def proof_bundle(node: Node, params: Params) -> dict[str, Any]:
    """The bundle of a committed transaction by its hash."""
    return bundle(node, params.data("hash"))


async def commit_proven(node: Node, params: Params) -> dict[str, Any]:
    """Submit `tx`, wait at most `wait_ms` for a block to hold it, and answer with its bundle."""
    wait_ms = params.integer("wait_ms", 10_000, 0, MAX_WAIT_MS)
    try:
        tx_hash = node.submit(params.data("tx"))
        async with asyncio.timeout(wait_ms / 1000):
            await node.wait_for_tx(tx_hash)
    except MempoolRefused as refused:
        raise RpcError(
            REJECTED, "Transaction rejected", f"{refused.code}|{int(refused.permanent)}|{refused.reason}"
        ) from refused
    except TimeoutError:
        raise RpcError(TIMED_OUT, "Not committed in time", f"within {wait_ms} ms") from None
    return bundle(node, tx_hash)


async def submit(node: Node, params: Params) -> dict[str, Any]:
    """Put `tx` into the pool; like broadcast_tx_sync, but a refusal says whether it is for good."""
    try:
        return {"hash": hex_text(node.submit(params.data("tx")))}
    except MempoolRefused as refused:
        raise RpcError(
            REJECTED, "Transaction rejected", f"{refused.code}|{int(refused.permanent)}|{refused.reason}"
        ) from refused


async def query_proven(node: Node, params: Params) -> dict[str, Any]:
    """The value under `key`, proven; the effects of block `min_height` are in it.

    Waits at most `wait_ms` for the header that carries the newest root.
    """
    least = params.integer("min_height")
    try:
        async with asyncio.timeout(params.integer("wait_ms", 2_000, 0, MAX_WAIT_MS) / 1000):
            await node.wait_for_block(least)
            if node.executor.state.proof_due:
                await node.wait_for_block(node.store.height + 1)
    except TimeoutError:
        if node.store.height <= least:
            raise RpcError(TIMED_OUT, "No header carries that state yet", f"height {least}") from None
    return _proven(node, params.text("key").encode())


def _proven(node: Node, key: bytes) -> dict[str, Any]:
    """The state whose root the last header carries."""
    height = node.store.height
    proven = height - 1 if node.executor.state.proof_due else height
    found = node.executor.app.query_at(proven, key, True)
    return {
        "signed_header": signed_header(node, height),
        "validators": _validators(node, height),
        "height": str(found.height),
        "value": None if found.value is None else base64_text(found.value),
        "proof": base64_text(found.proof),
    }


async def chain_range(node: Node, params: Params) -> dict[str, Any]:
    """Headers `from`..`to` (at most 500), the commit of the last, and per block its transactions' hashes,
    or with `full` the transactions; with `signed` also the last commit and the evidence in each block."""
    first = params.integer("from", 1, 1)
    last = min(params.integer("to", node.store.height), node.store.height, first + MAX_HEADERS - 1)
    if last < first:
        raise internal(f"no block {first} yet; the last is {node.store.height}")
    answer = _range(node, first, last, params.boolean("full"))
    if params.boolean("signed"):
        blocks = [Block.decode(stored_at(node, height).block) for height in range(first, last + 1)]
        answer["last_commits"] = [base64_text(block.last_commit.encode()) for block in blocks]
        answer["evidence"] = [[base64_text(one.encode()) for one in block.evidence] for block in blocks]
    return answer


async def events_since(node: Node, params: Params) -> dict[str, Any]:
    """The blocks from `height` on, whole, until `limit` transactions after (`height`, `index`) are in them.

    Waits at most `wait_ms` for the first one; an answer without headers means that nothing came.
    """
    height, index = params.integer("height"), params.integer("index")
    limit = params.integer("limit", 500, 1, 5_000)
    if height > node.store.height + 1:
        raise invalid(f"the cursor's height {height} lies beyond the chain's end {node.store.height}")
    try:
        async with asyncio.timeout(params.integer("wait_ms", 0, 0, MAX_WAIT_MS) / 1000):
            while not (last := _last_wanted(node, height, index, limit)):
                await node.wait_for_block(node.store.height + 1)
    except TimeoutError:
        return {"headers": [], "commit": "", "txs": [], "tip": str(node.store.height)}
    return _range(node, max(height, 1), last, full=True)


def _last_wanted(node: Node, height: int, index: int, limit: int) -> int:
    """The last block of the answer; 0 when no transaction is after the cursor."""
    found = size = 0
    last = 0
    first = max(height, 1)
    for at in range(first, min(node.store.height, first + MAX_HEADERS - 1) + 1):
        stored = stored_at(node, at)
        new = len(stored.txs) - (index + 1 if at == height else 0)
        size += len(stored.block)
        if new > 0:
            found += new
            last = at
        if found >= limit or size > MAX_ANSWER_BYTES:
            return last or at
    return last


def _range(node: Node, first: int, last: int, full: bool) -> dict[str, Any]:
    headers, txs = [], []
    for height in range(first, last + 1):
        stored = stored_at(node, height)
        headers.append(base64_text(Block.decode(stored.block).header.encode()))
        txs.append([base64_text(tx if full else sha256(tx)) for tx in stored.txs])
    return {
        "headers": headers,
        "commit": base64_text(commit_for(node, last).encode()),
        "txs": txs,
        "tip": str(node.store.height),
    }


PROVEN_ROUTES: dict[str, Route] = {
    route.__name__: route
    for route in (proof_bundle, commit_proven, submit, query_proven, chain_range, events_since)
}
