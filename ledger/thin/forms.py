"""Verified things in the JSON of CometBFT's RPC; what no hash covers is left out and named in `omitted`."""

from collections.abc import Sequence
from typing import Any

from ledger.client.verify import ProvenBlock
from ledger.light.verdict import LightBlock
from ledger.node.rpc_forms import block_to_json
from ledger.node.rpc_routes import PROOF_TYPE
from ledger.thin.reading import FoundState, FoundTx
from ledger.types.block import Block
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

RESULT_OMITS = ["log", "info", "events", "codespace"]


def signed_header(block: LightBlock) -> dict[str, Any]:
    """Header and commit."""
    return {"header": header_to_json(block.header), "commit": commit_to_json(block.commit)}


def members(validators: ValidatorSet) -> list[dict[str, Any]]:
    """Validators without their proposer priorities, which no hash covers."""
    found = [validator_to_json(each) for each in validators.validators]
    for member in found:
        del member["proposer_priority"]
    return found


def result(code: int) -> dict[str, Any]:
    """An ExecTxResult of which only the code is proven."""
    return {
        "code": code,
        "data": None,
        "log": "",
        "info": "",
        "gas_wanted": "0",
        "gas_used": "0",
        "events": [],
        "codespace": "",
    }


def block_answer(block: Block, verified: LightBlock) -> dict[str, Any]:
    """The answer of the `block` route."""
    return {"block_id": block_id_to_json(verified.commit.block_id), "block": block_to_json(block)}


def bundle(found: FoundTx) -> dict[str, Any]:
    """A proof bundle, as `proof_bundle` and `commit_proven` answer."""
    return {
        "signed_header": signed_header(found.block),
        "validators": members(found.block.validators),
        "tx": base64_text(found.wire),
        "proof": proof_to_json(found.proof),
    }


def state_answer(found: FoundState) -> dict[str, Any]:
    """The answer of `query_proven`."""
    return {
        "signed_header": signed_header(found.block),
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


def tx_answer(found: FoundTx, code: int, prove: bool) -> dict[str, Any]:
    """The answer of the `tx` route."""
    answer: dict[str, Any] = {
        "hash": hex_text(sha256(found.wire)),
        "height": str(found.block.height),
        "index": found.proof.index,
        "tx_result": result(code),
        "tx": base64_text(found.wire),
        "omitted": RESULT_OMITS,
    }
    if prove:
        answer["proof"] = {
            "root_hash": hex_text(found.block.header.data_hash),
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
