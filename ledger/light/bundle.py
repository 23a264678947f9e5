"""An exported proof, verified offline: a transaction in a block, or a state's value or absence, and its age.

A bundle is JSON: `signed_header` and `validators` in CometBFT's forms, then either
`tx` (base64) and `proof` (RFC 6962: total, index, leaf_hash, aunts), or
`key` (text), `value` (base64, or null for absence) and `proof` (base64 of an ICS-23 CommitmentProof).
It may carry `between`, light blocks that lead up to the header from what is trusted, ascending; or `after`,
headers (base64 of protobuf) that lead down to it from a trusted one, descending.

Rules
- The header must follow from what is trusted; only then is anything under it looked at.
- A transaction lies under `data_hash` and names this ledger. A state lies under `app_hash`: it is the state
  after the block before.
- Inclusion never proves absence, and a proof of absence never follows from one of presence.
- A malformed bundle is INVALID, by the rule `form`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.light.consent import MS, ConsentKnowledge, StateFact, consent_knowledge, granted_fact
from ledger.light.light_json import light_block_from_json
from ledger.light.proof import verify_inclusion
from ledger.light.root import Root
from ledger.light.verdict import LightBlock, Options, Verdict, invalid
from ledger.machine.proofs import ProofError, verify_absence, verify_presence
from ledger.types.block import BlockIDFlag, Header
from ledger.types.proto import ProtoError
from ledger.types.rpc_json import JsonShapeError, base64_bytes, proof_from_json
from ledger.types.tx import ConsentGranted, SignedTx, decode_tx
from ledger.types.tx_errors import Rejected

MAX_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Proven:
    """What a bundle proves: `fact`, under the header of `block`. `age_ms` is how old that header is."""

    block: LightBlock
    fact: SignedTx | StateFact
    age_ms: int

    @property
    def signed(self) -> tuple[int, int]:
        """How many of how many validators signed the block."""
        slots = self.block.commit.signatures
        return sum(slot.flag is BlockIDFlag.COMMIT for slot in slots), len(slots)


def verify_bundle(bundle: Mapping[str, Any], root: Root, options: Options, now_ns: int) -> Proven | Verdict:
    """What `bundle` proves to somebody who trusts `root`, or the verdict that says why it proves nothing."""
    try:
        block = light_block_from_json(bundle)
        between = [light_block_from_json(step) for step in _steps(bundle, "between")]
        after = [Header.decode(base64_bytes(step)) for step in _steps(bundle, "after")]
        verdict = root.reaches(block, between, after, options, now_ns)
        if not verdict.ok:
            return verdict
        fact = _tx(bundle, block.header) if "tx" in bundle else _state(bundle, block.header)
    except (JsonShapeError, ProtoError, KeyError, TypeError, AttributeError, UnicodeEncodeError) as error:
        return invalid("form", f"the bundle is malformed: {error}")
    if isinstance(fact, Verdict):
        return fact
    return Proven(block, fact, max(0, now_ns // MS - block.header.time_ns // MS))


def verify_consent(
    consent: str,
    granted: Mapping[str, Any],
    latest: Mapping[str, Any],
    root: Root,
    options: Options,
    now_ns: int,
) -> ConsentKnowledge | Verdict:
    """Granted at H and not revoked at H'.

    `latest` is a state bundle of the entry `consent/<id>`; `granted`, too, or a bundle of the transaction.
    """
    first, second = [verify_bundle(bundle, root, options, now_ns) for bundle in (granted, latest)]
    if isinstance(first, Verdict):
        return first
    if isinstance(second, Verdict):
        return second
    then, now = _granted(first), second.fact
    if then is None:
        return invalid("consent", "the first proof is of neither a grant nor a state")
    if not isinstance(now, StateFact):
        return invalid("consent", "a proof of state is needed: inclusion does not say what came later")
    return consent_knowledge(consent, then, now, now_ns, options.clock_drift_ns)


def _granted(proven: Proven) -> StateFact | None:
    """The state that the first proof shows, whether it is one of state or of the grant's inclusion."""
    if isinstance(proven.fact, StateFact):
        return proven.fact
    body, header = proven.fact.body, proven.block.header
    return granted_fact(body, header.height, header.time_ns) if isinstance(body, ConsentGranted) else None


def _tx(bundle: Mapping[str, Any], header: Header) -> SignedTx | Verdict:
    wire = base64_bytes(bundle["tx"])
    verdict = verify_inclusion(header, wire, proof_from_json(bundle["proof"]))
    if not verdict.ok:
        return verdict
    try:
        tx = decode_tx(wire)
    except Rejected as refused:
        return invalid("form", f"the transaction is malformed: {refused}")
    if tx.body.ledger != header.chain_id:
        return invalid("chain", "the transaction is for another ledger")
    return tx


def _state(bundle: Mapping[str, Any], header: Header) -> StateFact | Verdict:
    key, proof = str(bundle["key"]).encode(), base64_bytes(bundle["proof"])
    value = None if bundle["value"] is None else base64_bytes(bundle["value"])
    try:
        if value is None:
            verify_absence(header.app_hash, key, proof)
        else:
            verify_presence(header.app_hash, key, value, proof)
    except ProofError as error:
        return invalid("state", str(error))
    return StateFact(key, value, header.height - 1, header.time_ns)


def _steps(bundle: Mapping[str, Any], name: str) -> list[Any]:
    steps = bundle.get(name) or []
    if not isinstance(steps, list) or len(steps) > MAX_STEPS:
        raise JsonShapeError(f"{name} must be a list of at most {MAX_STEPS}")
    return steps
