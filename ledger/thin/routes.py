"""The routes of CometBFT v0.38's RPC as a thin node answers them: each answer verified, or none."""

import asyncio
from itertools import pairwise
from typing import Any

from ledger.client.errors import LedgerError, TxRejected
from ledger.client.transport import Unanswered
from ledger.light.verdict import LightBlock
from ledger.machine.validators import updates
from ledger.node.rpc_mempool import COMMIT_WAIT_S
from ledger.node.rpc_params import MAX_PER_PAGE, Params, internal
from ledger.node.rpc_routes import MAX_PAGE
from ledger.thin import forms, reading, submitting
from ledger.thin.errors import Halted
from ledger.thin.node import NO_KEY, ThinNode
from ledger.thin.pool import Source
from ledger.types.ids import BlockID, sha256
from ledger.types.rpc_json import (
    KEY_TYPE,
    JsonShapeError,
    base64_text,
    hex_text,
    integer_of,
    time_to_text,
    validator_to_json,
)
from ledger.types.validators import ValidatorSet

STATUS_S = 1.0
VERSION = "0.38.0"


async def light_block(node: ThinNode, params: Params) -> LightBlock:
    """The verified light block at the `height` asked for, or the newest one. Raises RpcError, LedgerError."""
    height = params.height()
    return node.headers.check_usable() if height is None else await node.headers.block(height)


async def status(node: ThinNode, params: Params) -> dict[str, Any]:
    """How far this node has verified the chain, and which validators it reaches: that is their own word."""
    tip = node.headers.check_usable()
    first = node.headers.lowest or tip
    latest, earliest = _sync_info("latest", tip), _sync_info("earliest", first)
    return {
        "node_info": {
            "protocol_version": {"p2p": "8", "block": "11", "app": str(node.genesis.app_version)},
            "id": hex_text(node.address).lower(),
            "listen_addr": f"tcp://{node.config.rpc_host}:{node.config.rpc_port}",
            "network": node.genesis.chain_id,
            "version": VERSION,
            "channels": "",
            "moniker": "thin",
            "other": {
                "tx_index": "on",
                "rpc_address": f"tcp://{node.config.rpc_host}:{node.config.rpc_port}",
            },
        },
        "sync_info": {**latest, **earliest, "catching_up": bool(node.headers.trouble)},
        "validator_info": {
            "address": hex_text(node.address),
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64_text(NO_KEY)},
            "voting_power": "0",
        },
        "validators_reached": await reached(node),
        "trouble": node.headers.trouble,
    }


def _sync_info(name: str, block: LightBlock) -> dict[str, str]:
    return {
        f"{name}_block_hash": hex_text(block.header.hash),
        f"{name}_app_hash": hex_text(block.header.app_hash),
        f"{name}_block_height": str(block.height),
        f"{name}_block_time": time_to_text(block.header.time_ns),
    }


async def reached(node: ThinNode) -> list[dict[str, Any]]:
    """The validators that answer now: who they say they are, and how far they say they have come.

    Nobody's height is believed beyond the newest verified header, whose time and app hash are told for all.
    """
    tip = node.headers.check_usable()
    asked = (_said(source, tip) for source in node.pool.in_turn())
    return [said for said in await asyncio.gather(*asked) if said is not None]


async def _said(source: Source, tip: LightBlock) -> dict[str, Any] | None:
    try:
        said = await source.upstream.call("status", {}, STATUS_S)
        height = integer_of(said["sync_info"]["latest_block_height"])
        return {
            "url": source.url,
            "validator_info": {"address": hex_text(bytes.fromhex(said["validator_info"]["address"]))},
            "sync_info": {**_sync_info("latest", tip), "latest_block_height": str(min(height, tip.height))},
        }
    except (LedgerError, Unanswered, KeyError, TypeError, ValueError, JsonShapeError):
        return None


async def health(node: ThinNode, params: Params) -> dict[str, Any]:
    """Answers while the node may be relied on: not once it has halted."""
    if node.headers.halted:
        raise Halted(node.headers.halted)
    return {}


async def genesis(node: ThinNode, params: Params) -> dict[str, Any]:
    """The genesis that this node was given."""
    return {"genesis": node.genesis.to_json()}


async def block(node: ThinNode, params: Params) -> dict[str, Any]:
    """The block at `height`, or the newest verified one."""
    return forms.block_answer(*await reading.whole_block(node, (await light_block(node, params)).height))


async def block_by_hash(node: ThinNode, params: Params) -> dict[str, Any]:
    """The block with this header hash."""
    return forms.block_answer(*await reading.block_with_hash(node, params.data("hash")))


async def header(node: ThinNode, params: Params) -> dict[str, Any]:
    """The header at `height`, or the newest verified one."""
    return {"header": forms.signed_header(await light_block(node, params))["header"]}


async def header_by_hash(node: ThinNode, params: Params) -> dict[str, Any]:
    """The header with this hash."""
    _block, verified = await reading.block_with_hash(node, params.data("hash"))
    return {"header": forms.signed_header(verified)["header"]}


async def commit(node: ThinNode, params: Params) -> dict[str, Any]:
    """Header and commit at `height`; canonical when the next header is known to name this very commit."""
    found = await light_block(node, params)
    after = node.headers.known(found.height + 1)
    canonical = after is not None and after.header.last_commit_hash == found.commit.hash
    return {"signed_header": forms.signed_header(found), "canonical": canonical}


async def validators(node: ThinNode, params: Params) -> dict[str, Any]:
    """The validators that decide `height`, at most one beyond the newest verified block."""
    tip = node.headers.check_usable()
    height = params.height() or tip.height
    everybody = [
        {**validator_to_json(each), "proposer_priority": "0"}
        for each in (await _set_at(node, height)).validators
    ]
    size = params.integer("per_page", MAX_PER_PAGE, 1, MAX_PER_PAGE)
    first = size * (params.integer("page", 1, 1) - 1)
    found = everybody[first : first + size]
    return {
        "block_height": str(height),
        "validators": found,
        "count": str(len(found)),
        "total": str(len(everybody)),
        "omitted": ["proposer_priority"],
    }


async def _set_at(node: ThinNode, height: int) -> ValidatorSet:
    tip = node.headers.check_usable()
    if height == tip.height + 1:
        return tip.next_validators or tip.validators
    return (await node.headers.block(height)).validators


async def blockchain(node: ThinNode, params: Params) -> dict[str, Any]:
    """Headers from `minHeight` to `maxHeight`, newest first, at most 20."""
    tip = node.headers.check_usable().height
    newest = min(params.integer("maxHeight") or tip, tip)
    oldest = max(params.integer("minHeight") or 1, newest - MAX_PAGE + 1, 1)
    if newest < oldest:
        return {"last_height": str(tip), "block_metas": []}
    found, end = await reading.blocks(node, oldest, newest, full=False)
    ids: list[BlockID] = [after.header.last_block_id for _block, after in pairwise(found)]
    metas = [forms.block_meta(*pair) for pair in zip(found, [*ids, end.commit.block_id], strict=True)]
    return {"last_height": str(tip), "block_metas": metas[::-1], "omitted": ["block_size"]}


async def block_results(node: ThinNode, params: Params) -> dict[str, Any]:
    """The codes of a block's transactions and what the next header says it changed: of the block at `height`,
    or of the newest one that has a next header."""
    tip = node.headers.check_usable().height
    height = (await node.headers.block(params.height() or max(tip - 1, 1))).height
    proven, _end = await reading.blocks(node, height, height, full=False)
    codes = await reading.codes(node, height, len(proven[0].txs))
    after = await node.headers.block(height + 1)
    return {
        "height": str(height),
        "txs_results": [forms.result(code) for code in codes] or None,
        "finalize_block_events": None,
        "validator_updates": _updates(after) or None,
        "consensus_param_updates": None,
        "app_hash": base64_text(after.header.app_hash),
        "omitted": [*forms.RESULT_OMITS, "finalize_block_events"],
    }


def _updates(after: LightBlock) -> list[dict[str, Any]]:
    """Whose power changes from the height of `after` to the next: decided one block before `after`."""
    if after.next_validators is None:
        return []
    before, then = (
        {each.public_key: each.power for each in one.validators}
        for one in (after.validators, after.next_validators)
    )
    return [
        {"pub_key": {"type": KEY_TYPE, "value": base64_text(key)}, "power": str(power)}
        for key, power in updates(before, then)
    ]


async def tx(node: ThinNode, params: Params) -> dict[str, Any]:
    """A committed transaction by its hash, proven whether `prove` asks for the proof or not."""
    found = await reading.transaction(node, params.data("hash"))
    codes = await reading.codes(node, found.block.height, found.proof.total)
    return forms.tx_answer(found, codes[found.proof.index], params.boolean("prove"))


async def broadcast_tx_sync(node: ThinNode, params: Params) -> dict[str, Any]:
    """Hand the transaction to the validators, and answer with the check's code."""
    wire = params.data("tx")
    code, log = 0, ""
    try:
        await submitting.submit(node, wire)
    except TxRejected as refused:
        code, log = refused.code, refused.reason
    return {"code": code, "data": "", "log": log, "codespace": "", "hash": hex_text(sha256(wire))}


async def broadcast_tx_async(node: ThinNode, params: Params) -> dict[str, Any]:
    """Like broadcast_tx_sync, but what the check says is not told."""
    return {**await broadcast_tx_sync(node, params), "code": 0, "log": ""}


async def broadcast_tx_commit(node: ThinNode, params: Params) -> dict[str, Any]:
    """Hand the transaction on and wait until it is proven to be in a block."""
    wire = params.data("tx")
    answer = {
        "check_tx": forms.result(0),
        "tx_result": forms.result(0),
        "hash": hex_text(sha256(wire)),
        "height": "0",
    }
    try:
        found = await submitting.commit(node, wire, int(COMMIT_WAIT_S * 1000))
    except TxRejected as refused:
        return {**answer, "check_tx": {**forms.result(refused.code), "log": refused.reason}}
    except submitting.NotCommitted:
        raise internal("timed out waiting for tx to be included in a block") from None
    codes = await reading.codes(node, found.block.height, found.proof.total)
    result = forms.result(codes[found.proof.index])
    return {**answer, "tx_result": result, "height": str(found.block.height), "omitted": forms.RESULT_OMITS}


async def abci_info(node: ThinNode, params: Params) -> dict[str, Any]:
    """The last height whose app hash is proven: the one before the newest header."""
    tip = node.headers.check_usable()
    return {
        "response": {
            "data": "salus",
            "version": "1",
            "app_version": str(node.genesis.app_version),
            "last_block_height": str(tip.height - 1),
            "last_block_app_hash": base64_text(tip.header.app_hash),
        }
    }


async def abci_query(node: ThinNode, params: Params) -> dict[str, Any]:
    """The value under the key `data` after block `height`, or after the last proven one."""
    key, height = params.data("data", as_hex=True), params.integer("height")
    if height:
        found = await reading.state_after(node, key, height)
    else:
        try:
            key.decode()
        except UnicodeDecodeError as error:
            raise internal("keys of this ledger's state are UTF-8") from error
        found = await reading.state(node, key, 0, 0)
    return {"response": forms.query_answer(key, found, params.boolean("prove"))}


async def net_info(node: ThinNode, params: Params) -> dict[str, Any]:
    """The validators that this node reaches."""
    peers = [
        {
            "node_info": {
                "id": each["validator_info"]["address"].lower(),
                "moniker": each["url"],
                "listen_addr": each["url"],
            },
            "is_outbound": True,
            "remote_ip": each["url"],
        }
        for each in await reached(node)
    ]
    listener = f"Listener(@{node.config.rpc_host}:{node.config.rpc_port})"
    return {"listening": True, "listeners": [listener], "n_peers": str(len(peers)), "peers": peers}


async def num_unconfirmed_txs(node: ThinNode, params: Params) -> dict[str, Any]:
    """How many transactions are being handed on here; the validators' pools are not ours to vouch for."""
    count = str(node.submitting)
    return {"n_txs": count, "total": count, "total_bytes": "0", "txs": None}


ROUTES = {
    route.__name__: route
    for route in (
        status,
        health,
        genesis,
        block,
        block_by_hash,
        header,
        header_by_hash,
        commit,
        validators,
        blockchain,
        block_results,
        tx,
        broadcast_tx_sync,
        broadcast_tx_async,
        broadcast_tx_commit,
        abci_info,
        abci_query,
        net_info,
        num_unconfirmed_txs,
    )
}
