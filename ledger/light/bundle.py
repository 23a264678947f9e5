"""An exported proof, verified offline: a transaction in a block, or a state's value or absence, and its age.

A bundle is JSON: `signed_header` and `validators` in CometBFT's forms, then either
`tx` (base64) and `proof` (RFC 6962: total, index, leaf_hash, aunts), or
`key` (text), `value` (base64, or null for absence) and `proof` (base64 of ICS-23).
It may carry `between`: light blocks, ascending, that lead from what is trusted to the header; and `after`: base64
headers, descending, from a trusted one down to the one after the bundle's.

Rules
- The header is believed by `verify` from a trusted block below it, through `between`; or, when `after` is there,
  by the hashes that lead down from a trusted header.
- A genesis is trusted whatever its age: who uses one vouches for its validators' keys. A trusted store's block
  is trusted within its period.
- A transaction lies under `data_hash`, a state under `app_hash`: the state after the block before.
- Inclusion never proves absence, and a proof of absence never follows from one of presence.
- A malformed bundle is INVALID, by the rule `form`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.light import predicates
from ledger.light.consent import ConsentKnowledge, StateFact, consent_knowledge
from ledger.light.errors import HeaderRefused
from ledger.light.light_json import light_block_from_json
from ledger.light.path import accepted, backwards
from ledger.light.proof import verify_inclusion
from ledger.light.verdict import SUCCESS, LightBlock, Options, TrustedState, Verdict, invalid, not_enough_trust
from ledger.light.verifier import verify
from ledger.machine.proofs import ProofError, verify_absence, verify_presence
from ledger.types.block import BlockIDFlag, Header
from ledger.types.genesis import Genesis
from ledger.types.ids import sha256
from ledger.types.proto import ProtoError
from ledger.types.rpc_json import JsonShapeError, base64_bytes, proof_from_json
from ledger.types.tx import decode_tx
from ledger.types.tx_errors import Rejected
