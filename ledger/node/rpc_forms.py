"""CometBFT v0.38's JSON of blocks, evidence, results and events, where it needs what only a node has."""

from typing import Any

from ledger.machine.results import Event
from ledger.node.block_store import StoredBlock
from ledger.node.executor import ResultRecord
from ledger.types.block import Block, Commit
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.rpc_json import (
    base64_text,
    block_id_to_json,
    commit_to_json,
    header_to_json,
    hex_text,
    time_to_text,
)
from ledger.types.vote import Vote


def result_to_json(result: ResultRecord) -> dict[str, Any]:
    """An ExecTxResult."""
    return {
        "code": result.code,
        "data": None,
        "log": result.reason,
        "info": "",
        "gas_wanted": "0",
        "gas_used": "0",
        "events": [event_to_json(event) for event in result.events],
        "codespace": "",
    }


def event_to_json(event: Event) -> dict[str, Any]:
    """An Event."""
    attributes = [{"key": key, "value": value, "index": True} for key, value in event.attributes]
    return {"type": event.type, "attributes": attributes}


def block_to_json(block: Block) -> dict[str, Any]:
    """A Block."""
    return {
        "header": header_to_json(block.header),
        "data": {"txs": [base64_text(tx) for tx in block.txs]},
        "evidence": {"evidence": [evidence_to_json(piece) for piece in block.evidence]},
        "last_commit": commit_to_json(block.last_commit),
    }


def evidence_to_json(evidence: DuplicateVoteEvidence) -> dict[str, Any]:
    """A piece of evidence."""
    return {
        "type": "tendermint/DuplicateVoteEvidence",
        "value": {
            "vote_a": _vote_to_json(evidence.vote_a),
            "vote_b": _vote_to_json(evidence.vote_b),
            "TotalVotingPower": str(evidence.total_voting_power),
            "ValidatorPower": str(evidence.validator_power),
            "Timestamp": time_to_text(evidence.time_ns),
        },
    }


def _vote_to_json(vote: Vote) -> dict[str, Any]:
    return {
        "type": int(vote.type),
        "height": str(vote.height),
        "round": vote.round,
        "block_id": block_id_to_json(vote.block_id),
        "timestamp": time_to_text(vote.time_ns),
        "validator_address": hex_text(vote.validator_address),
        "validator_index": vote.validator_index,
        "signature": base64_text(vote.signature),
    }


def block_answer(stored: StoredBlock) -> dict[str, Any]:
    """A block and its id, as `block` and `block_search` answer them."""
    commit = Commit.decode(stored.commit)
    return {
        "block_id": block_id_to_json(commit.block_id),
        "block": block_to_json(Block.decode(stored.block)),
    }
