"""Verified things in the JSON of CometBFT's RPC, labelled where something is not proven or left out."""

from collections.abc import Sequence
from typing import Any

from ledger.client.verify import ProvenBlock
from ledger.light.verdict import LightBlock
from ledger.node.rpc_forms import block_to_json, event_to_json, result_to_json
from ledger.node.rpc_routes import PROOF_TYPE
from ledger.thin.outcomes import Outcome, Results
from ledger.thin.reading import Bundled, FoundState, FoundTx
from ledger.types.block import Block, Commit, Header, block_id_of
from ledger.types.ids import BlockID, sha256
from ledger.types.rpc_json import (
    base64_text,
    block_id_to_json,
    commit_to_json,
    header_to_json,
    hex_text,
    proof_to_json,
    validator_to_json,
)
from ledger.types.validators import ValidatorSet


def signed_header(header: Header, commit: Commit) -> dict[str, Any]:
    """Header and commit."""
    return {"header": header_to_json(header), "commit": commit_to_json(commit)}


def members(validators: ValidatorSet) -> list[dict[str, Any]]:
    """Validators without their proposer priorities, which no hash covers."""
    found = [validator_to_json(each) for each in validators.validators]
    for member in found:
        del member["proposer_priority"]
    return found


def labels(told: Results | Outcome) -> dict[str, list[str]]:
    """What of an answer is vouched for, not proven, and what is left out; nothing where all is proven."""
    said = {"vouched": list(told.vouched), "omitted": list(told.omitted)}
    return {label: names for label, names in said.items() if names}


def block_answer(block: Block) -> dict[str, Any]:
    """A block and its id, which follows from it, as `block` and `block_search` answer them."""
    return {"block_id": block_id_to_json(block_id_of(block)), "block": block_to_json(block)}


def outcome_answer(told: Outcome) -> dict[str, Any]:
    """The answer of `block_results`."""
    return {
        "height": str(told.block.header.height),
        "txs_results": [result_to_json(result) for result in told.results] or None,
        "finalize_block_events": [event_to_json(event) for event in told.events] or None,
        "validator_updates": told.updates or None,
        "consensus_param_updates": None,
        "app_hash": base64_text(told.app_hash),
        **labels(told),
    }


def bundle(found: Bundled) -> dict[str, Any]:
    """A proof bundle, as `proof_bundle` and `commit_proven` answer."""
    return {
        "signed_header": signed_header(found.block.header, found.block.commit),
        "validators": members(found.block.validators),
        "tx": base64_text(found.tx.wire),
        "proof": proof_to_json(found.tx.proof),
    }


def state_answer(found: FoundState) -> dict[str, Any]:
    """The answer of `query_proven`."""
    return {
        "signed_header": signed_header(found.block.header, found.block.commit),
        "validators": members(found.block.validators),
        "height": str(found.block.height - 1),
        "value": None if found.value is None else base64_text(found.value),
        "proof": base64_text(found.proof),
    }


def query_answer(key: bytes, found: FoundState, prove: bool) -> dict[str, Any]:
    """The answer of `abci_query`."""
    op = {"type": PROOF_TYPE, "key": base64_text(key), "data": base64_text(found.proof)}
    return {
        "code": 0,
        "log": "exists" if found.value is not None else "does not exist",
        "info": "",
        "index": "0",
        "key": base64_text(key),
        "value": None if found.value is None else base64_text(found.value),
        "proofOps": {"ops": [op]} if prove else None,
        "height": str(found.block.height - 1),
        "codespace": "",
    }


def tx_answer(found: FoundTx, told: Results, prove: bool) -> dict[str, Any]:
    """A committed transaction, as `tx` and `tx_search` answer it."""
    answer: dict[str, Any] = {
        "hash": hex_text(sha256(found.wire)),
        "height": str(found.header.height),
        "index": found.proof.index,
        "tx_result": result_to_json(told.by_index[found.proof.index]),
        "tx": base64_text(found.wire),
        **labels(told),
    }
    if prove:
        answer["proof"] = {
            "root_hash": hex_text(found.header.data_hash),
            "data": base64_text(found.wire),
            "proof": proof_to_json(found.proof),
        }
    return answer


def range_answer(blocks: Sequence[ProvenBlock], end: LightBlock, tip: int) -> dict[str, Any]:
    """The answer of `chain_range` and `events_since`."""
    return {
        "headers": [base64_text(block.header.encode()) for block in blocks],
        "commit": base64_text(end.commit.encode()),
        "txs": [[base64_text(tx) for tx in block.txs] for block in blocks],
        "tip": str(tip),
    }


def signed_parts(blocks: Sequence[ProvenBlock]) -> dict[str, Any]:
    """What `chain_range` adds when asked for who `signed`: last commits and evidence, block by block."""
    commits = [block.last_commit for block in blocks if block.last_commit is not None]
    return {
        "last_commits": [base64_text(commit.encode()) for commit in commits],
        "evidence": [[base64_text(one.encode()) for one in block.evidence] for block in blocks],
    }


def block_meta(block: ProvenBlock, block_id: BlockID) -> dict[str, Any]:
    """A BlockMeta; its size is under no hash."""
    return {
        "block_id": block_id_to_json(block_id),
        "block_size": "0",
        "header": header_to_json(block.header),
        "num_txs": str(len(block.txs)),
    }
