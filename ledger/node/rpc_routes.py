"""The routes of CometBFT v0.38's RPC that a permissioned ledger needs, in its JSON."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from ledger.machine.application import UnknownVersion
from ledger.machine.results import QueryResult
from ledger.machine.validators import updates
from ledger.node.block_store import StoredBlock
from ledger.node.event_tags import block_events
from ledger.node.executor import stored_results
from ledger.node.node import Node
from ledger.node.rpc_forms import block_answer, event_to_json, result_to_json
from ledger.node.rpc_params import Params, RpcError, internal
from ledger.types.block import Block, Commit, tx_proof
from ledger.types.rpc_json import (
    KEY_TYPE,
    base64_text,
    block_id_to_json,
    commit_to_json,
    header_to_json,
    hex_text,
    proof_to_json,
    time_to_text,
    validator_to_json,
)

Route = Callable[[Node, Params], Awaitable[Any]]
PROOF_TYPE = "ics23:smt"
MAX_PAGE = 20


def stored_at(node: Node, height: int | None) -> StoredBlock:
    """The block at `height`, or the last one. Raises RpcError."""
    stored = node.store.tip if height is None else node.store.load(height)
    if stored is None and height is not None and 0 < height < node.store.base:
        raise internal(f"height {height} is not available, lowest height is {node.store.base}")
    if stored is None:
        raise internal(
            f"height {height} must be less than or equal to the current blockchain height {node.store.height}"
        )
    return stored


def commit_for(node: Node, height: int) -> Commit:
    """The commit of the block at `height`, with as many signatures as we know of."""
    if height == node.store.height:
        return node.host.seen_commit
    return Block.decode(stored_at(node, height + 1).block).last_commit


def signed_header(node: Node, height: int) -> dict[str, Any]:
    """Header and commit of a block."""
    block = Block.decode(stored_at(node, height).block)
    return {"header": header_to_json(block.header), "commit": commit_to_json(commit_for(node, height))}


def tx_to_json(node: Node, tx_hash: bytes, prove: bool) -> dict[str, Any]:
    """A committed transaction, with its proof of inclusion if asked. Raises RpcError."""
    place = node.store.place_of(tx_hash)
    if place is None:
        raise internal(f"tx ({hex_text(tx_hash)}) not found")
    stored = stored_at(node, place.height)
    wire = stored.txs[place.index]
    answer: dict[str, Any] = {
        "hash": hex_text(tx_hash),
        "height": str(place.height),
        "index": place.index,
        "tx_result": result_to_json(stored_results(stored)[place.index]),
        "tx": base64_text(wire),
    }
    if prove:
        proof = tx_proof(stored.txs, place.index)
        root = Block.decode(stored.block).header.data_hash
        answer["proof"] = {
            "root_hash": hex_text(root),
            "data": base64_text(wire),
            "proof": proof_to_json(proof),
        }
    return answer


async def status(node: Node, params: Params) -> dict[str, Any]:
    """Who this node is and how far it has come."""
    ours = next(
        (each for each in node.executor.state.validators.validators if each.address == node.address), None
    )
    return {
        "node_info": {
            "protocol_version": {"p2p": "8", "block": "11", "app": str(node.genesis.app_version)},
            "id": node.mesh.fingerprint[:20].hex(),
            "listen_addr": f"tcp://{node.config.p2p_host}:{node.config.p2p_port}",
            "network": node.genesis.chain_id,
            "version": "0.38.0",
            "channels": "",
            "moniker": node.config.moniker,
            "other": {
                "tx_index": "on",
                "rpc_address": f"tcp://{node.config.rpc_host}:{node.config.rpc_port}",
            },
        },
        "sync_info": _sync_info(node),
        "validator_info": {
            "address": hex_text(node.address),
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64_text(node.public_key)},
            "voting_power": str(ours.power if ours else 0),
        },
    }


def _sync_info(node: Node) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for name, stored in (("latest", node.store.tip), ("earliest", node.store.load(node.store.base))):
        header = Block.decode(stored.block).header if stored else None
        info |= {
            f"{name}_block_hash": hex_text(stored.block_hash) if stored else "",
            f"{name}_app_hash": hex_text(header.app_hash) if header else "",
            f"{name}_block_height": str(stored.height if stored else 0),
            f"{name}_block_time": time_to_text(header.time_ns if header else node.genesis.time_ns),
        }
    return {**info, "catching_up": node.catching_up}


async def health(node: Node, params: Params) -> dict[str, Any]:
    """Answers when the node runs."""
    return {}


async def block(node: Node, params: Params) -> dict[str, Any]:
    """The block at `height`, or the last one."""
    return block_answer(stored_at(node, params.height()))


async def block_by_hash(node: Node, params: Params) -> dict[str, Any]:
    """The block with this header hash; null when there is none."""
    stored = node.store.by_hash(params.data("hash"))
    empty = {"block_id": {"hash": "", "parts": {"total": 0, "hash": ""}}, "block": None}
    return empty if stored is None else block_answer(stored)


async def header(node: Node, params: Params) -> dict[str, Any]:
    """The header at `height`, or the last one."""
    return {"header": header_to_json(Block.decode(stored_at(node, params.height()).block).header)}


async def header_by_hash(node: Node, params: Params) -> dict[str, Any]:
    """The header with this hash; null when there is none."""
    stored = node.store.by_hash(params.data("hash"))
    return {"header": None if stored is None else header_to_json(Block.decode(stored.block).header)}


async def block_results(node: Node, params: Params) -> dict[str, Any]:
    """What the transactions of a block came to."""
    stored = stored_at(node, params.height())
    results = [result_to_json(result) for result in stored_results(stored)]
    return {
        "height": str(stored.height),
        "txs_results": results or None,
        "finalize_block_events": [event_to_json(event) for event in block_events(stored)] or None,
        "validator_updates": validator_updates(node, stored.height) or None,
        "consensus_param_updates": None,
        "app_hash": base64_text(stored.app_hash),
    }


def validator_updates(node: Node, height: int) -> list[dict[str, Any]]:
    """Whose power block `height` changed."""
    before, after = (node.executor.app.validators_at(height + more) for more in (1, 2))
    return [
        {"pub_key": {"type": KEY_TYPE, "value": base64_text(key)}, "power": str(power)}
        for key, power in updates(before, after)
    ]


async def blockchain(node: Node, params: Params) -> dict[str, Any]:
    """Headers from `minHeight` to `maxHeight`, newest first, at most 20."""
    newest = min(params.integer("maxHeight") or node.store.height, node.store.height)
    oldest = max(params.integer("minHeight") or 1, newest - MAX_PAGE + 1, node.store.base)
    metas = [_meta(stored_at(node, height)) for height in range(newest, oldest - 1, -1)]
    return {"last_height": str(node.store.height), "block_metas": metas}


def _meta(stored: StoredBlock) -> dict[str, Any]:
    return {
        "block_id": block_id_to_json(Commit.decode(stored.commit).block_id),
        "block_size": str(len(stored.block)),
        "header": header_to_json(Block.decode(stored.block).header),
        "num_txs": str(len(stored.txs)),
    }


async def commit(node: Node, params: Params) -> dict[str, Any]:
    """Header and commit at `height`; canonical once the next block carries the commit."""
    height = stored_at(node, params.height()).height
    return {"signed_header": signed_header(node, height), "canonical": height < node.store.height}


async def validators(node: Node, params: Params) -> dict[str, Any]:
    """The validators that decide `height`, at most two beyond the last block.

    Proposer priorities are stated where this node keeps them: for the next two heights. Others are zero.
    """
    height = params.height() or max(node.store.height, 1)
    if height > node.store.height + 2:
        raise internal(f"height {height} must be at most two above the current blockchain height")
    state = node.executor.state
    kept = {state.height + 1: state.validators, state.height + 2: state.next_validators}
    found = kept.get(height) or node.executor.validators_at(height)
    stated = found.validators if height in kept else (replace(one, priority=0) for one in found.validators)
    everybody = [validator_to_json(each) for each in stated]
    members = everybody[params.page(len(everybody))]
    return {
        "block_height": str(height),
        "validators": members,
        "count": str(len(members)),
        "total": str(len(everybody)),
    }


async def genesis(node: Node, params: Params) -> dict[str, Any]:
    """The genesis document."""
    return {"genesis": node.genesis.to_json()}


async def consensus_params(node: Node, params: Params) -> dict[str, Any]:
    """The limits of blocks and evidence, which are those of the genesis at every height."""
    height = stored_at(node, params.height()).height
    return {"block_height": str(height), "consensus_params": node.genesis.to_json()["consensus_params"]}


async def tx(node: Node, params: Params) -> dict[str, Any]:
    """A committed transaction by its hash, proven with `prove`."""
    return tx_to_json(node, params.data("hash"), params.boolean("prove"))


async def abci_info(node: Node, params: Params) -> dict[str, Any]:
    """The application's last height and app hash."""
    info = node.executor.app.info()
    return {
        "response": {
            "data": "salus",
            "version": "1",
            "app_version": str(node.genesis.app_version),
            "last_block_height": str(info.height),
            "last_block_app_hash": base64_text(info.app_hash),
        }
    }


async def abci_query(node: Node, params: Params) -> dict[str, Any]:
    """The value under the key `data` (bytes) after block `height`; with `prove`, an ICS-23 proof.

    The proof is against the app hash in the header of `height` + 1.
    """
    key = params.data("data", as_hex=True)
    try:
        found = node.executor.app.query(key, params.boolean("prove"), params.integer("height"))
    except UnknownVersion as error:
        raise internal(str(error)) from error
    return {"response": _query_to_json(found)}


def _query_to_json(found: QueryResult) -> dict[str, Any]:
    op = {"type": PROOF_TYPE, "key": base64_text(found.key), "data": base64_text(found.proof)}
    return {
        "code": 0,
        "log": "exists" if found.value is not None else "does not exist",
        "info": "",
        "index": "0",
        "key": base64_text(found.key),
        "value": None if found.value is None else base64_text(found.value),
        "proofOps": {"ops": [op]} if found.proof else None,
        "height": str(found.height),
        "codespace": "",
    }


async def net_info(node: Node, params: Params) -> dict[str, Any]:
    """The validators we are connected to."""
    peers = [
        {
            "node_info": {
                "id": peer.address.fingerprint[:20].hex(),
                "moniker": peer.moniker,
                "listen_addr": f"tcp://{peer.address.host}:{peer.address.port}",
            },
            "is_outbound": node.mesh.dials(peer.address),
            "remote_ip": peer.address.host,
        }
        for peer in node.mesh.peers.values()
    ]
    listener = f"Listener(@{node.config.p2p_host}:{node.config.p2p_port})"
    return {"listening": True, "listeners": [listener], "n_peers": str(len(peers)), "peers": peers}


ROUTES: dict[str, Route] = {
    route.__name__: route
    for route in (
        status,
        health,
        block,
        block_by_hash,
        header,
        header_by_hash,
        block_results,
        blockchain,
        commit,
        validators,
        genesis,
        consensus_params,
        tx,
        abci_info,
        abci_query,
        net_info,
    )
}

__all__ = ["ROUTES", "Route", "RpcError"]
