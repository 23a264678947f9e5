"""A chain of four validators in memory: real headers, commits and inclusion proofs for any transaction."""

import json
import time
from pathlib import Path
from typing import Any

from ledger.types.block import BlockIDFlag, Commit, CommitSig, Header, Version, data_hash, tx_proof
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.rpc_json import (
    base64_text,
    commit_to_json,
    header_to_json,
    proof_to_json,
    time_to_text,
    validator_to_json,
)
from ledger.types.signing import public_key_of, sign
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import VoteType, vote_sign_bytes

SECOND = 1_000_000_000
BEGAN_NS = time.time_ns() // SECOND * SECOND - 3_600 * SECOND
"""An hour ago: what a page trusts must not have run out."""


class Chain:
    """Signs one block per transaction with the keys of `seeds`."""

    def __init__(self, chain_id: str, *seeds: bytes) -> None:
        self.chain_id = chain_id
        self._seeds = {public_key_of(seed): seed for seed in seeds}
        self._validators = ValidatorSet.of(Validator.of(key, 10) for key in self._seeds)

    def write_genesis(self, path: Path) -> None:
        """What a page reads its first trust from."""
        validators = [validator_to_json(each) for each in self._validators.validators]
        listed = [{**each, "power": each["voting_power"]} for each in validators]
        genesis = {"chain_id": self.chain_id, "genesis_time": time_to_text(BEGAN_NS), "validators": listed}
        path.write_text(json.dumps(genesis))

    def light_block(self, height: int | None) -> dict[str, Any]:
        """What each validator says of the block at `height` or of the newest: pages follow so."""
        found = self.bundle(b"the first", 1 if height is None else height)
        return {
            "signed_header": found["signed_header"],
            "validators": found["validators"],
            "next_validators": [validator_to_json(each) for each in self._validators.advanced(1).validators],
        }

    def bundle(self, wire: bytes, height: int = 7) -> dict[str, Any]:
        """The proof bundle of a transaction in a block of its own."""
        header = self._header(wire, height)
        block_id = BlockID(header.hash, PartSetHeader(1, b"\x08" * 32))
        slots = tuple(self._slot(block_id, height, each) for each in self._validators.validators)
        return {
            "signed_header": {
                "header": header_to_json(header),
                "commit": commit_to_json(Commit(height, 0, block_id, slots)),
            },
            "validators": [validator_to_json(each) for each in self._validators.validators],
            "tx": base64_text(wire),
            "proof": proof_to_json(tx_proof((wire,), 0)),
        }

    def _header(self, wire: bytes, height: int) -> Header:
        return Header(
            Version(),
            self.chain_id,
            height,
            BEGAN_NS + height * SECOND,
            BlockID(b"\x01" * 32, PartSetHeader(1, b"\x02" * 32)),
            b"\x03" * 32,
            data_hash((wire,)),
            self._validators.hash,
            self._validators.hash,
            b"\x04" * 32,
            b"\x05" * 32,
            b"\x06" * 32,
            b"\x07" * 32,
            self._validators.proposer.address,
        )

    def _slot(self, block_id: BlockID, height: int, validator: Validator) -> CommitSig:
        time_ns = BEGAN_NS + (height + 1) * SECOND
        message = vote_sign_bytes(self.chain_id, VoteType.PRECOMMIT, height, 0, block_id, time_ns)
        signature = sign(self._seeds[validator.public_key], message)
        return CommitSig(BlockIDFlag.COMMIT, validator.address, time_ns, signature)
