"""The state as bytes: equal for equal states, made while the ledger goes on; of a peer, not believed."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.machine.application import Application
from ledger.machine.snapshot import SnapshotError, decode_snapshot, encode_snapshot
from ledger.machine.state import Inner, Leaf, Node, StateTree
from tests.ledger.machine.cast import LEDGER, anchor, b64u_of, consortium, grant

PAIRS = st.dictionaries(
    st.integers(0, 300).map(lambda n: f"key/{n}".encode()), st.binary(min_size=1, max_size=9), max_size=200
)


def written(tree: StateTree) -> bytes:
    return b"".join(encode_snapshot(tree, [], LEDGER, 7, 1_000))


def records(*items: object) -> list[bytes]:
    encoded = [msgspec.msgpack.encode(item) for item in items]
    return [len(one).to_bytes(4, "big") + one for one in encoded]


def head(**changed: object) -> dict[str, object]:
    return {"version": 3, "ledger": LEDGER, "height": 7, "time_ms": 0, "parts": 0, "lists": 0, **changed}


def many(count: int) -> StateTree:
    return StateTree().update({b"key/%d" % n: b"value %d" % n for n in range(count)})


@given(PAIRS, PAIRS, st.integers(1, 400), st.booleans())
def test_state_comes_back_however_its_bytes_are_cut_and_equal_states_give_equal_bytes(
    first: dict[bytes, bytes], second: dict[bytes, bytes], cut: int, ours: bool
) -> None:
    pairs = {**first, **second}
    tree = StateTree().update(first).update(second)
    data = written(tree)
    assert data == written(StateTree().update(pairs))
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    found = decode_snapshot(pieces, tree.root, ours)
    assert found.values == pairs
    assert (found.head.ledger, found.head.height, found.head.time_ms) == (LEDGER, 7, 1_000)
    assert found.tree.root == tree.root
    assert dict(found.tree.items()) == pairs
    assert written(found.tree) == data


def test_tree_of_full_parts_comes_back_and_can_be_changed_like_the_original() -> None:
    tree = many(20_000)  # five keys in each of 4,096 parts, some empty
    found = decode_snapshot([written(tree)], tree.root, ours=True)
    changes = {b"key/5": None, b"key/19999": b"changed", b"new": b"value"}
    assert found.tree.update(changes).root == tree.update(changes).root
    assert all(found.tree.get(b"key/%d" % n) == b"value %d" % n for n in range(0, 20_000, 997))


def test_snapshot_tells_of_the_state_at_which_it_was_taken_however_late_it_is_made() -> None:
    chain = consortium(grant())
    pieces, expected = chain.app.snapshot(), list(chain.app.snapshot())
    for n in range(40):
        chain.block(anchor(anchor=b64u_of(f"a{n}", 16)))
    assert list(pieces) == expected
    assert list(chain.app.snapshot()) != expected


def forged(node: Node) -> Node:
    """The same pairs under hashes that say nothing."""
    if isinstance(node, Leaf):
        return Leaf(bytes(32), node.key, node.value)
    return node if node is None else Inner(bytes(32), forged(node.left), forged(node.right))


def test_hashes_that_a_peer_says_are_passed_over() -> None:
    """Right pairs are taken, whatever it says of their hashes, and made into the tree that they are."""
    tree = many(500)
    found = decode_snapshot([written(StateTree(forged(tree.root_node)))], tree.root)
    assert written(found.tree) == written(tree)


def test_hashes_that_fit_do_not_make_a_peers_pairs_right() -> None:
    """The app hash is that of the parts as they claim to be, and one value is another."""

    def revoked(node: Node) -> Node:
        if isinstance(node, Leaf):
            return Leaf(node.hash, node.key, b"another" if node.key == b"key/3" else node.value)
        return node if node is None else Inner(node.hash, revoked(node.left), revoked(node.right))

    tree = many(500)
    with pytest.raises(SnapshotError, match="hash to"):
        decode_snapshot([written(StateTree(revoked(tree.root_node)))], tree.root)


def test_key_of_a_peer_that_occurs_twice_is_refused() -> None:
    tree = many(2)
    parts = [[number, part] for number, part in tree.parts()]
    twice = records(head(parts=3), *parts, parts[0])
    with pytest.raises(SnapshotError, match="twice"):
        decode_snapshot(twice, tree.root)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [b"\xff\xff\xff\xff"],
        records(head(version=2)),
        records(head(parts=2), [0, None]),
        records(head(parts=10**9)),
        records(head(), [1, []]),
        records(head(parts=-1)),
        records(head(more=1)),
        records(head(parts=1), [5000, [0, b"h", b"k", b"v"]]),
        records(head(parts=1), [0, [0, b"h", b"", b"v"]]),
        records(head(parts=1), [0, [2, b"h", b"k", b"v"]]),
        records(head(parts=1), "part"),
        [*records(head(parts=1)), (50_002).to_bytes(4, "big") + b"\x92\x00" + b"\x91" * 50_000],
        [*records(head(parts=1)), (400_002).to_bytes(4, "big") + b"\x92\x00" + b"\x94\x01\xc4\x00" * 100_000],
    ],
)
@pytest.mark.parametrize("ours", [False, True])
def test_what_is_no_snapshot_is_refused(bad: list[bytes], ours: bool) -> None:
    with pytest.raises(SnapshotError):
        decode_snapshot(bad, hashlib.sha256(b"some state").digest(), ours)


def test_app_hash_decides_for_our_own_snapshot_too() -> None:
    chain = consortium(grant())
    with pytest.raises(SnapshotError, match="hash to"):
        Application.restore(chain.app.snapshot(), bytes(32), ours=True)
