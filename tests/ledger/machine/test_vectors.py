"""Python runs the vectors that the browser runs, read from the files as a third party would read them."""

import json
from typing import Any, get_args

import pytest

from ledger.light.proof import verify_inclusion
from ledger.light.verdict import LightBlock
from ledger.light.verifier import verify_block
from ledger.machine.proofs import verify_absence, verify_presence
from ledger.types import canonical, rpc_json
from ledger.types.handles import HandleProof, handles_covered
from ledger.types.header import Header
from ledger.types.signing import verify_ed25519
from ledger.types.tx import Body, decode_tx
from ledger.types.tx_change import Change
from ledger.types.tx_errors import Rejected
from ledger.types.validators import ValidatorSet
from ledger.types.vote import Vote, VoteType
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


def test_every_type_of_transaction_and_every_kind_of_change_has_a_vector() -> None:
    bodies = [case["body"] for case in vectors("tx")]
    assert {body["type"] for body in bodies} == {each.__name__ for each in get_args(Body)}
    kinds = {body["change"]["kind"] for body in bodies if body["type"] == "GovernanceProposed"}
    assert kinds == {each.__struct_config__.tag for each in get_args(Change)}


@pytest.mark.parametrize("case", vectors("refused_tx"), ids=lambda case: case["what"])
def test_what_is_no_transaction_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        decode_tx(case["wire"].encode())


def test_bytes_of_votes_sets_and_headers_are_read_back() -> None:
    """From their JSON, as a third party would; that they are CometBFT's is tested with the types."""
    found = vectors("bytes")
    for case in found["votes"]:
        commit, time_ns = case["commit"], rpc_json.time_from_text(case["entry"]["timestamp"])
        block_id = rpc_json.block_id_from_json(commit["block_id"])
        vote = Vote(VoteType.PRECOMMIT, int(commit["height"]), commit["round"], block_id, time_ns)
        assert vote.sign_bytes("salus-test").hex() == case["sign_bytes"]
    for case in found["validators"]:
        members = ValidatorSet.of(map(rpc_json.validator_from_json, reversed(case["validators"])))
        assert members.hash.hex() == case["hash"]
    for case in found["headers"]:
        header = rpc_json.header_from_json(case["header"])
        assert header.hash.hex() == case["hash"]
        assert Header.decode(header.encode()) == header


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
