"""The authenticated map: a dict with a root that depends on the pairs alone, and proofs that are sound."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.machine.ics23 import ExistenceProof, NonExistenceProof, decode_proof
from ledger.machine.proofs import ProofError, prove, verify_absence, verify_presence
from ledger.machine.state import EMPTY, StateTree, make_leaf
from ledger.types import proto

KEYS = st.integers(0, 60).map(lambda n: f"key/{n}".encode())
VALUES = st.binary(min_size=1, max_size=8)
BLOCKS = st.lists(st.dictionaries(KEYS, st.none() | VALUES, max_size=12), max_size=8)
PAIRS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=40)


@given(BLOCKS)
def test_tree_holds_what_a_dict_holds(blocks: list[dict[bytes, bytes | None]]) -> None:
    tree, model = StateTree(), dict[bytes, bytes]()
    for block in blocks:
        tree = tree.update(block)
        model.update({key: value for key, value in block.items() if value is not None})
        for key in [key for key, value in block.items() if value is None]:
            model.pop(key, None)
        assert dict(tree.items()) == model
        assert all(tree.get(key) == model.get(key) for key in [*model, *block, b"never there"])
        assert tree.root == StateTree().update(model).root


@given(PAIRS, st.randoms(use_true_random=False))
def test_root_does_not_depend_on_order_or_grouping(pairs: dict[bytes, bytes], random: object) -> None:
    order = list(pairs.items())
    random.shuffle(order)  # type: ignore[attr-defined]
    one_by_one = StateTree()
    for key, value in order:
        one_by_one = one_by_one.update({key: value})
    assert one_by_one.root == StateTree().update(pairs).root


@given(PAIRS, PAIRS)
def test_an_old_version_never_changes(before: dict[bytes, bytes], changes: dict[bytes, bytes]) -> None:
    tree = StateTree().update(before)
    root = tree.root
    tree.update(changes).update(dict.fromkeys(before))
    assert dict(tree.items()) == before
    assert tree.root == root


def test_empty_and_single_trees_have_the_hashes_of_the_spec() -> None:
    assert StateTree().root == EMPTY
    assert StateTree().update({b"k": b"v"}).root == make_leaf(sha256(b"k").digest(), b"k", b"v").hash
    assert StateTree().update({b"k": b"v"}).update({b"k": None}).root == EMPTY


@pytest.mark.parametrize(("key", "value"), [(b"", b"v"), (b"k", b"")])
def test_empty_keys_and_values_are_refused(key: bytes, value: bytes) -> None:
    with pytest.raises(ValueError, match="empty"):
        StateTree().update({key: value})


@given(PAIRS, KEYS)
def test_every_key_is_proven_present_or_absent_and_never_the_other(
    pairs: dict[bytes, bytes], key: bytes
) -> None:
    tree = StateTree().update(pairs)
    proof = prove(tree, key)
    if key in pairs:
        verify_presence(tree.root, key, pairs[key], proof)
        with pytest.raises(ProofError):
            verify_absence(tree.root, key, proof)
        with pytest.raises(ProofError):
            verify_presence(tree.root, key, pairs[key] + b"!", proof)
    else:
        verify_absence(tree.root, key, proof)
        with pytest.raises(ProofError):
            verify_presence(tree.root, key, b"v", proof)


@given(PAIRS, KEYS, KEYS)
def test_no_proof_for_one_key_shows_the_absence_of_a_present_one(
    pairs: dict[bytes, bytes], other: bytes, key: bytes
) -> None:
    tree = StateTree().update(pairs | {key: b"here"})
    with pytest.raises(ProofError):
        verify_absence(tree.root, key, prove(tree, other))


@given(PAIRS, KEYS)
def test_an_older_state_does_not_show_the_absence_of_what_came_since(
    pairs: dict[bytes, bytes], key: bytes
) -> None:
    before = StateTree().update(pairs | {b"other": b"o"}).update({key: None})
    after = before.update({key: b"here"})
    proof = prove(before, key)
    verify_absence(before.root, key, proof)
    with pytest.raises(ProofError, match="another root"):
        verify_absence(after.root, key, proof)


@given(PAIRS, KEYS, KEYS, KEYS)
def test_neighbours_that_are_not_adjacent_hide_no_key(
    pairs: dict[bytes, bytes], hidden: bytes, one: bytes, two: bytes
) -> None:
    tree = StateTree().update(pairs | {hidden: b"here", one: b"1", two: b"2"})
    for left in (one, None):
        for right in (two, None):
            with pytest.raises(ProofError):
                verify_absence(tree.root, hidden, _absence(tree, hidden, left, right))


def _absence(tree: StateTree, key: bytes, left: bytes | None, right: bytes | None) -> bytes:
    body = proto.data(1, key)
    for field, neighbour in ((2, left), (3, right)):
        if neighbour is not None:
            # A CommitmentProof of presence is one tag and length around the ExistenceProof: reuse the inside.
            body += proto.message(field, proto.Fields(prove(tree, neighbour), {1: proto.BYTES}).blob(1))
    return proto.message(2, body)


@given(PAIRS, KEYS, st.data())
def test_a_flipped_bit_in_a_proof_never_proves_another_value(
    pairs: dict[bytes, bytes], key: bytes, data: st.DataObject
) -> None:
    tree = StateTree().update(pairs | {key: b"real"})
    proof = bytearray(prove(tree, key))
    at = data.draw(st.integers(0, len(proof) * 8 - 1))
    proof[at // 8] ^= 1 << at % 8
    with pytest.raises(ProofError):
        verify_presence(tree.root, key, b"fake", bytes(proof))
    with pytest.raises(ProofError):
        verify_absence(tree.root, key, bytes(proof))


@given(st.binary(max_size=200))
def test_garbage_is_refused_as_a_proof_and_raises_nothing_else(garbage: bytes) -> None:
    with pytest.raises(ProofError):
        verify_absence(EMPTY, b"key", garbage)


def test_an_empty_state_proves_nothing() -> None:
    with pytest.raises(ValueError, match="proves nothing"):
        prove(StateTree(), b"key")
    with pytest.raises(ProofError, match="needs a neighbour"):
        verify_absence(EMPTY, b"key", proto.message(2, proto.data(1, b"key")))


@pytest.mark.parametrize(
    "name",
    ["exist_left", "exist_middle", "exist_right", "nonexist_left", "nonexist_middle", "nonexist_right"],
)
def test_published_ics23_proofs_verify(shared_data: Path, name: str) -> None:
    path = shared_data / "vectors" / "ics23" / "smt" / f"{name}.json"
    vector = {field: bytes.fromhex(text) for field, text in json.loads(path.read_text()).items()}
    if name.startswith("exist"):
        assert isinstance(decode_proof(vector["proof"]), ExistenceProof)
        verify_presence(vector["root"], vector["key"], vector["value"], vector["proof"])
    else:
        assert isinstance(decode_proof(vector["proof"]), NonExistenceProof)
        verify_absence(vector["root"], vector["key"], vector["proof"])
    with pytest.raises(ProofError):
        verify_presence(bytes(32), vector["key"], vector["value"] or b"v", vector["proof"])


@pytest.mark.parametrize("tree", ["iavl", "tendermint"])
def test_proofs_of_other_trees_are_refused(shared_data: Path, tree: str) -> None:
    path = shared_data / "vectors" / "ics23" / tree / "exist_left.json"
    vector = {field: bytes.fromhex(text) for field, text in json.loads(path.read_text()).items()}
    with pytest.raises(ProofError, match="another"):
        verify_presence(vector["root"], vector["key"], vector["value"], vector["proof"])
