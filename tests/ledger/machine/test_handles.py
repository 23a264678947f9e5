"""Handles: any subset of a consent is proven, and nothing else is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.types import merkle
from ledger.types.handles import handle, handles_covered, handles_root, prove_handles
from tests.ledger.machine.cast import RECORDS, SALT

HANDLES = st.sets(st.binary(min_size=32, max_size=32), min_size=1, max_size=40).map(sorted)


@given(HANDLES, st.data())
def test_every_subset_is_covered_in_whatever_order_it_was_named(
    handles: list[bytes], data: st.DataObject
) -> None:
    opened = data.draw(st.lists(st.sampled_from(handles), min_size=1, unique=True))
    proof = prove_handles(data.draw(st.permutations(handles)), opened)
    assert proof.handles == tuple(sorted(opened))
    assert handles_covered(proof, len(handles), handles_root(handles))
    assert proof.path == () or len(opened) < len(handles)


@given(HANDLES, st.binary(min_size=32, max_size=32), st.data())
def test_no_foreign_handle_takes_a_place_in_a_proof(
    handles: list[bytes], foreign: bytes, data: st.DataObject
) -> None:
    opened = data.draw(st.lists(st.sampled_from(handles), min_size=1, unique=True))
    proof = prove_handles(handles, opened)
    place = data.draw(st.integers(0, len(opened) - 1))
    if foreign in handles:
        return
    forged = tuple(foreign if at == place else each for at, each in enumerate(proof.handles))
    assert not handles_covered(replace(proof, handles=forged), len(handles), handles_root(handles))
    with pytest.raises(ValueError, match="not covered"):
        prove_handles(handles, [foreign])


def test_a_proof_names_its_handles_ascending_and_each_once() -> None:
    handles = sorted(handle(SALT, record) for record in RECORDS)
    root = handles_root(handles)
    proof = prove_handles(handles, handles[:2])
    assert handles_covered(proof, 7, root)
    # A tree over descending leaves is another tree, but its proofs would verify under its own root.
    unsorted = [handles[1], handles[0]]
    backwards = replace(proof, handles=tuple(unsorted), path=())
    assert not handles_covered(backwards, 2, merkle.root(unsorted))
    twice = replace(proof, handles=(handles[0],) * 2, path=())
    assert not handles_covered(twice, 2, merkle.root([handles[0]] * 2))


def test_a_handle_tells_nothing_across_consents() -> None:
    assert handle(SALT, RECORDS[0]) != handle(bytes(32), RECORDS[0])
    assert len({handle(SALT, record) for record in RECORDS}) == len(RECORDS)


@pytest.mark.parametrize("handles", [[], [b"a" * 32] * 2])
def test_a_consent_covers_at_least_one_record_and_each_once(handles: list[bytes]) -> None:
    with pytest.raises(ValueError, match="at least one and without repeats"):
        handles_root(handles)
