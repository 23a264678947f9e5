"""The routes of CometBFT v0.38's RPC as a thin node answers them: each answer verified, or none."""

import asyncio
from itertools import pairwise
from typing import Any

from ledger.client.errors import LedgerError, NotFound
from ledger.client.transport import Unanswered
from ledger.light.verdict import LightBlock
from ledger.node.rpc_params import Params, internal
from ledger.node.rpc_routes import MAX_PAGE
from ledger.thin import forms, outcomes, reading
from ledger.thin.errors import Halted
from ledger.thin.node import NO_KEY, ThinNode
from ledger.thin.pool import Source
from ledger.types.block import Commit, Header
from ledger.types.ids import BlockID
from ledger.types.rpc_json import (
    JsonShapeError,
    base64_text,
    header_to_json,
    hex_text,
    integer_of,
    time_to_text,
    validator_to_json,
)
from ledger.types.validators import ValidatorSet

STATUS_S = 1.0
VERSION = "0.38.0"


async def asked_header(node: ThinNode, params: Params) -> Header:
    """The verified header at the `height` asked for, or the newest one. Raises RpcError, LedgerError."""
    height = params.height()
    return node.headers.check_usable().header if height is None else await node.headers.header(height)


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


async def consensus_params(node: ThinNode, params: Params) -> dict[str, Any]:
    """The limits of blocks and evidence, which are those of the genesis at every height."""
    height = (await asked_header(node, params)).height
    return {"block_height": str(height), "consensus_params": node.genesis.to_json()["consensus_params"]}


async def block(node: ThinNode, params: Params) -> dict[str, Any]:
    """The block at `height`, or the newest verified one."""
    height = (await asked_header(node, params)).height
    return forms.block_answer(await reading.whole_block(node, height))


async def block_by_hash(node: ThinNode, params: Params) -> dict[str, Any]:
    """The block with this header hash; null when there is none, as f + 1 validators say."""
    try:
        return forms.block_answer(await reading.block_with_hash(node, params.data("hash")))
    except NotFound:
        return {"block_id": {"hash": "", "parts": {"total": 0, "hash": ""}}, "block": None}


async def header(node: ThinNode, params: Params) -> dict[str, Any]:
    """The header at `height`, or the newest verified one."""
    return {"header": header_to_json(await asked_header(node, params))}


async def header_by_hash(node: ThinNode, params: Params) -> dict[str, Any]:
    """The header with this hash; null when there is none, as f + 1 validators say."""
    try:
        found = await reading.block_with_hash(node, params.data("hash"))
    except NotFound:
        return {"header": None}
    return {"header": header_to_json(found.header)}


async def commit(node: ThinNode, params: Params) -> dict[str, Any]:
    """Header and commit at `height`: the canonical commit, which the next block holds, but for the newest."""
    found = await asked_header(node, params)
    tip = node.headers.check_usable()
    if found.height >= tip.height:
        return {"signed_header": forms.signed_header(found, tip.commit), "canonical": False}
    after = await reading.signed_block(node, found.height + 1)
    return {"signed_header": forms.signed_header(found, after.last_commit or Commit()), "canonical": True}


async def validators(node: ThinNode, params: Params) -> dict[str, Any]:
    """The validators that decide `height`, at most one beyond the newest verified block."""
    height = params.height() or node.headers.check_usable().height
    everybody = [
        {**validator_to_json(each), "proposer_priority": "0"}
        for each in (await _set_at(node, height)).validators
    ]
    found = everybody[params.page(len(everybody))]
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
    """What the block at `height`, or the newest verified one, came to."""
    found = await asked_header(node, params)
    return forms.outcome_answer(await outcomes.of_block(node, found.height))


async def tx(node: ThinNode, params: Params) -> dict[str, Any]:
    """A committed transaction by its hash, proven whether `prove` asks for the proof or not."""
    found = await reading.transaction(node, params.data("hash"))
    place, wires = found.proof, {found.proof.index: found.wire}
    told = await outcomes.of_transactions(node, found.header.height, place.total, wires)
    return forms.tx_answer(found, told, params.boolean("prove"))


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
        await node.headers.header(height)
        found = await reading.state_after(node, key, await outcomes.next_block(node, height))
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


ROUTES = {
    route.__name__: route
    for route in (
        status,
        health,
        genesis,
        consensus_params,
        block,
        block_by_hash,
        header,
        header_by_hash,
        commit,
        validators,
        blockchain,
        block_results,
        tx,
        abci_info,
        abci_query,
        net_info,
    )
}
