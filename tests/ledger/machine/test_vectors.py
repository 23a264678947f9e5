"""Python runs the vectors that the browser runs, read from the files as a third party would read them."""

import json
from typing import Any

import pytest

from ledger.light.proof import verify_inclusion
from ledger.light.verdict import LightBlock
from ledger.light.verifier import verify_block
from ledger.machine.proofs import verify_absence, verify_presence
from ledger.types import canonical, rpc_json
from ledger.types.handles import HandleProof, handles_covered
from ledger.types.signing import verify_ed25519
from ledger.types.tx import decode_tx
from ledger.types.validators import ValidatorSet
from tests.ledger.machine.make_vectors import FOLDER


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def test_canonical_bytes_and_refusals() -> None:
    found = vectors("canonical")
    for case in found["good"]:
        assert canonical.dumps(case["value"]) == case["bytes"].encode()
    for text in found["refused"]:
        with pytest.raises(canonical.CanonicalError):
            canonical.loads_canonical(text.encode())
    for text in found["refused_b64u"]:
        with pytest.raises(canonical.CanonicalError):
            canonical.b64u_decode(text)


def test_transactions_decode_and_their_signatures_hold() -> None:
    for case in vectors("tx"):
        signed = decode_tx(case["wire"].encode())
        assert verify_ed25519(bytes.fromhex(case["public"]), signed.signed_bytes, signed.signature)
        assert signed.hash.hex() == case["hash"]


def test_handles_are_covered() -> None:
    case = vectors("handles")
    opened, path = (tuple(map(bytes.fromhex, case[name])) for name in ("opened", "path"))
    proof = HandleProof(opened, tuple(case["indices"]), path)
    assert handles_covered(proof, len(case["handles"]), bytes.fromhex(case["root"]))


def test_state_proofs_verify() -> None:
    for tree in vectors("state"):
        root = bytes.fromhex(tree["root"])
        for case in tree["proofs"]:
            key, proof = case["key"].encode(), bytes.fromhex(case["proof"])
            if case["value"] is None:
                verify_absence(root, key, proof)
            else:
                verify_presence(root, key, case["value"].encode(), proof)


def believed(bundle: dict[str, Any], trusted: dict[str, str]) -> bool:
    """Whether Python's light client believes a bundle."""
    try:
        header = rpc_json.header_from_json(bundle["signed_header"]["header"])
        commit = rpc_json.commit_from_json(bundle["signed_header"]["commit"])
        validators = ValidatorSet.of(rpc_json.validator_from_json(each) for each in bundle["validators"])
        proof = rpc_json.proof_from_json(bundle["proof"])
    except (KeyError, ValueError):
        return False
    if (header.chain_id, rpc_json.hex_text(header.validators_hash)) != tuple(trusted.values()):
        return False
    wire = rpc_json.base64_bytes(bundle["tx"])
    return (
        verify_block(LightBlock(header, commit, validators)).ok and verify_inclusion(header, wire, proof).ok
    )


def test_light_bundles_are_believed_or_refused_as_in_the_browser() -> None:
    found = vectors("light")
    assert believed(found["bundle"], found["trusted"])
    accepted = [case["what"] for case in found["refused"] if believed(case["bundle"], found["trusted"])]
    assert accepted == []
