"""Compiled help does what its twins in Python do: the same bytes, the same refusals, the same tree."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import native
from ledger.machine import state
from ledger.machine.state import Inner, Leaf, Node, StateTree, updated
from ledger.native import COMPILED
from ledger.types import merkle

KEYS = [b"key/%d" % number for number in range(60)]
CHANGES = st.dictionaries(
    st.sampled_from(KEYS), st.none() | st.binary(min_size=1, max_size=9), max_size=len(KEYS)
)


def test_it_is_used_wherever_it_was_built() -> None:
    built = Path(native.__file__).parent / "target" / ".built"
    assert (COMPILED is not None) or not built.exists()


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to go on without compiled help."""

    def go_on() -> None:
        monkeypatch.setattr(merkle, "COMPILED", None)
        monkeypatch.setattr(state, "COMPILED", None)

    return go_on


def shape(node: Node) -> object:
    """A tree as nested tuples, down to the bytes."""
    if isinstance(node, Inner):
        return (node.hash, shape(node.left), shape(node.right))
    return node if node is None else (type(node), node.hash, node.key, node.value)


@settings(max_examples=300)
@given(st.lists(CHANGES, max_size=8))
def test_a_tree_grows_node_by_node_as_it_does_in_python(blocks: list[dict[bytes, bytes | None]]) -> None:
    tree, twin, kept = StateTree(), None, []
    for changes in blocks:
        kept.append((tree, shape(tree.root_node)))
        tree, twin = tree.update(changes), updated(twin, changes)
        assert shape(tree.root_node) == shape(twin)
    for old, as_it_was in kept:
        assert shape(old.root_node) == as_it_was


def test_what_no_change_touches_is_shared() -> None:
    tree = StateTree().update(dict.fromkeys(KEYS, b"v"))
    assert tree.update({}).root_node is tree.root_node
    assert tree.update({b"absent": None}).root_node is tree.root_node
    changed = tree.update({KEYS[0]: b"w"}).root_node
    assert isinstance(changed, Inner)
    assert isinstance(tree.root_node, Inner)
    assert (changed.left is tree.root_node.left) is not (changed.right is tree.root_node.right)


@pytest.mark.parametrize("changes", [{b"": b"v"}, {b"k": b""}, {b"": b""}])
def test_empty_keys_and_values_are_refused(
    changes: dict[bytes, bytes], in_python: Callable[[], None]
) -> None:
    for prepare in (lambda: None, in_python):
        prepare()
        with pytest.raises(ValueError, match="no empty key or value"):
            StateTree().update({b"other": b"v", **changes})


def test_a_node_of_neither_class_breaks_the_update_and_not_the_process() -> None:
    for node in (17, Leaf(bytes(32), 7, b"v"), Inner(bytes(32), 17, 17)):  # type: ignore[arg-type]
        with pytest.raises((AttributeError, TypeError)):
            StateTree(node).update(dict.fromkeys(KEYS, b"v"))  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=80), max_size=70))
def test_merkle_roots_are_those_of_python(leaves: list[bytes]) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    found = merkle.root(leaves), merkle.root_of_hashes(hashes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merkle, "COMPILED", None)
        assert found == (merkle.root(leaves), merkle.root_of_hashes(hashes))
    assert found[0] == found[1]
