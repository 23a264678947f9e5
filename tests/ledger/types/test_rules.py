"""What the ledger's types refuse, and what holds for any of them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.types import merkle, proto
from ledger.types.block import Part, split
from ledger.types.canonical import (
    CanonicalError,
    b64u_decode,
    b64u_encode,
    dumps,
    loads_canonical,
    tagged_hash,
)
from ledger.types.commit import BlockIDFlag, Commit, CommitSig, median_time_ns
from ledger.types.evidence import DuplicateVoteEvidence, EvidenceError, unwrap, wrap
from ledger.types.genesis import Genesis, GenesisError, GenesisValidator
from ledger.types.ids import NIL, BlockID, PartSetHeader
from ledger.types.proposal import Proposal
from ledger.types.proto import ProtoError
from ledger.types.signing import (
    BadPublicKey,
    check_public_key,
    is_acceptable_public_key,
    public_key_of,
    sign,
    verify_ed25519,
)
from ledger.types.validators import Validator, ValidatorSet, ValidatorSetError
from ledger.types.vote import Vote, VoteType

SEEDS = [bytes([i]) * 32 for i in range(1, 5)]
FOUR = ValidatorSet.of(Validator.of(public_key_of(seed), 10) for seed in SEEDS)
BLOCK = BlockID(b"\x01" * 32, PartSetHeader(1, b"\x02" * 32))
OTHER = BlockID(b"\x03" * 32, PartSetHeader(1, b"\x04" * 32))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


# -- canonical JSON ------------------------------------------------------------------------------------------


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_canonical_json_is_read_back_as_it_was(value: object) -> None:
    assert loads_canonical(dumps(value)) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b"1.0",
        b"1e3",
        b"-0",
        b"NaN",
        b"9007199254740992",
        b"\xff",
        b'"\\ud800"',
        b'"\\u0041"',
        b"[" * 5000,
        b"",
        b" 1",
        b"1\n",
        b"9" * 5000,
        b"\xef\xbb\xbf1",
    ],
)
def test_json_with_a_second_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        loads_canonical(data)


@pytest.mark.parametrize("value", [1.0, {1: 2}, b"x", 2**53, {"a": [float("nan")]}, "\ud800", object()])
def test_value_without_canonical_json_is_refused(value: object) -> None:
    with pytest.raises(CanonicalError):
        dumps(value)


def test_tagged_hash_separates_tag_and_parts() -> None:
    hashes = [
        tagged_hash("t", b"ab"),
        tagged_hash("t", b"a", b"b"),
        tagged_hash("ta", b"b"),
        tagged_hash("t", b"ab", b""),
    ]
    assert len(set(hashes)) == 4


@given(st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_base64url_round_trip(data: bytes) -> None:
    assert b64u_decode(b64u_encode(data), len(data)) == data


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "A+", "A/", "A\n", "AAA\n", "é"])
def test_second_spelling_of_base64url_is_refused(text: str) -> None:
    with pytest.raises(CanonicalError):
        b64u_decode(text)


# -- Merkle --------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
@settings(max_examples=100, deadline=None)
def test_multiproof_leads_to_the_root_and_only_with_every_hash(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size = len(leaves)
    indices = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    path = merkle.multiproof(leaves, indices)
    hashes = [merkle.leaf_hash(leaves[i]) for i in indices]
    assert merkle.root_from_multiproof(size, indices, hashes, path) == merkle.root(leaves)
    forged = [bytes(32), *hashes[1:]]
    assert merkle.root_from_multiproof(size, indices, forged, path) != merkle.root(leaves)
    with pytest.raises(merkle.MerkleError):
        merkle.root_from_multiproof(size, indices, hashes, (*path, bytes(32)))
    if path:
        with pytest.raises(merkle.MerkleError):
            merkle.root_from_multiproof(size, indices, hashes, path[:-1])


@pytest.mark.parametrize("indices", [[], [1, 0], [1, 1], [-1], [4]])
def test_multiproof_of_impossible_places_is_refused(indices: list[int]) -> None:
    with pytest.raises(merkle.MerkleError):
        merkle.root_from_multiproof(4, indices, [bytes(32)] * len(indices), ())


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
@settings(max_examples=100, deadline=None)
def test_proof_shows_its_leaf_alone(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = merkle.proof(leaves, index), merkle.root(leaves)
    assert merkle.verify(root, leaves[index], proof)
    assert not merkle.verify(root, leaves[index] + b"!", proof)
    assert not merkle.verify(root, leaves[index], replace(proof, aunts=(*proof.aunts, bytes(32))))
    assert not merkle.verify(bytes(32), leaves[index], proof)


# -- protobuf, parts, votes ----------------------------------------------------------------------------------


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_noise_is_refused_with_a_typed_error_or_is_exact(noise: bytes) -> None:
    for kind in (Vote, Proposal, Commit):
        try:
            assert kind.decode(noise).encode() == noise
        except ProtoError:
            continue


def test_vote_is_read_back_and_every_longer_spelling_refused() -> None:
    vote = Vote(VoteType.PREVOTE, 3, 1, BLOCK, 5, b"\x07" * 20, 2, b"\x08" * 64)
    encoded = vote.encode()
    assert Vote.decode(encoded) == vote
    for bad in (encoded + b"\x38\x02", encoded[:-1], encoded + b"\x48\x00", b"\x08\x81\x00" + encoded[2:]):
        with pytest.raises(ProtoError):
            Vote.decode(bad)


@pytest.mark.parametrize(
    "change",
    [
        {"height": 0},
        {"round": -1},
        {"round": 2**31},
        {"validator_index": -1},
        {"validator_address": b"short"},
        {"signature": b"short"},
        {"block_id": BlockID(b"\x01" * 32)},
        {"type": VoteType.PROPOSAL},
    ],
)
def test_malformed_vote_is_refused(change: dict[str, object]) -> None:
    good = Vote(VoteType.PREVOTE, 3, 1, BLOCK, 5, b"\x07" * 20, 2, b"\x08" * 64)
    with pytest.raises(ProtoError):
        Vote.decode(replace(good, **change).encode())


def test_proposal_with_a_polka_round_not_before_its_own_is_refused() -> None:
    for pol_round in (1, 5, -2):
        with pytest.raises(ProtoError):
            Proposal.decode(Proposal(3, 1, pol_round, BLOCK, 5, b"\x08" * 64).encode())


def test_part_belongs_only_at_its_own_index() -> None:
    header, parts = split(bytes(200_000))
    assert header.total == 4
    assert all(part.belongs_to(header) for part in parts)
    assert Part.decode(parts[1].encode()) == parts[1]
    assert not replace(parts[0], index=1).belongs_to(header)
    assert not Part(0, parts[3].data, parts[0].proof).belongs_to(header)
    assert not parts[0].belongs_to(replace(header, total=5))


def test_varint_of_ten_bytes_at_most() -> None:
    assert proto.read_varint(proto.varint(-1), 0) == (2**64 - 1, 10)
    with pytest.raises(ProtoError):
        proto.read_varint(b"\xff" * 11, 0)


# -- keys ----------------------------------------------------------------------------------------------------

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]
NOT_CANONICAL = [
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("key", SMALL_ORDER + NOT_CANONICAL + ["02" + "00" * 31, "00", ""])
def test_weak_key_is_not_registered(key: str) -> None:
    assert not is_acceptable_public_key(bytes.fromhex(key))
    with pytest.raises(BadPublicKey):
        check_public_key(bytes.fromhex(key))


def test_zip_215_accepts_what_a_small_order_key_signs_so_registration_must_not() -> None:
    """S = 0 and R the identity fit every message under a small-order key: why registration refuses it."""
    key = bytes.fromhex(SMALL_ORDER[0])
    signature = key + bytes(32)
    assert verify_ed25519(key, b"anything", signature)
    assert verify_ed25519(key, b"something else", signature)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50))
@settings(max_examples=30, deadline=None)
def test_our_keys_are_acceptable_and_our_signatures_verify(seed: bytes, message: bytes) -> None:
    key = public_key_of(seed)
    assert is_acceptable_public_key(key)
    assert verify_ed25519(key, message, sign(seed, message))
    assert not verify_ed25519(key, message + b"!", sign(seed, message))


def test_malformed_key_or_signature_never_raises() -> None:
    assert not verify_ed25519(b"", b"m", bytes(64))
    assert not verify_ed25519(bytes(32), b"m", b"")
    assert not verify_ed25519(b"\xff" * 32, b"m", b"\xff" * 64)


# -- validators, time, evidence, genesis ---------------------------------------------------------------------


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_turns_are_fair_and_priorities_stay_in_their_window(powers: list[int], turns: int) -> None:
    current = ValidatorSet.of(Validator(bytes([i]), b"", power) for i, power in enumerate(powers))
    for _ in range(turns):
        current = current.advanced(1)
    spread = [member.priority for member in current.validators]
    assert max(spread) - min(spread) <= 2 * current.total_power + max(powers)
    assert abs(sum(spread)) < len(powers)


def test_two_thirds_means_more_than_two_thirds() -> None:
    assert not FOUR.has_two_thirds(26)
    assert FOUR.has_two_thirds(27)
    assert not FOUR.has_one_third(13)
    assert FOUR.has_one_third(14)
    three = ValidatorSet.of(Validator(bytes([i]), b"", 1) for i in range(3))
    assert not three.has_two_thirds(2)


def test_proposer_of_a_round_is_that_of_as_many_turns_asked_in_any_order() -> None:
    uneven = ValidatorSet.of(Validator(bytes([i]), b"", power) for i, power in enumerate((1, 7, 30, 4)))
    for round_ in (9, 3, 1, 40, 0, 12):
        expected = uneven.advanced(round_).proposer if round_ else uneven.proposer
        assert uneven.proposer_at(round_).address == expected.address


def test_rejoining_gains_no_turn() -> None:
    mallory = FOUR.validators[3]
    without = FOUR.updated([replace(mallory, power=0)]).advanced(1)
    back = without.updated([mallory])
    rejoined = back.validators[back.index_of(mallory.address) or 0]
    assert rejoined.priority == min(member.priority for member in back.validators)


def test_impossible_sets_and_changes_are_refused() -> None:
    member = FOUR.validators[0]
    for members in ([], [member, member], [replace(member, power=0)], [replace(member, power=2**61)]):
        with pytest.raises(ValidatorSetError):
            ValidatorSet.of(members)
    for changes in (
        [replace(v, power=0) for v in FOUR.validators],
        [Validator(b"new", b"", 0)],
        [member, member],
    ):
        with pytest.raises(ValidatorSetError):
            FOUR.updated(changes)


def _commit(times: list[int]) -> Commit:
    slots = (
        CommitSig(BlockIDFlag.COMMIT, v.address, t, bytes(64))
        for v, t in zip(FOUR.validators, times, strict=True)
    )
    return Commit(1, 0, BLOCK, tuple(slots))


def test_a_third_of_liars_cannot_move_time_beyond_honest_clocks() -> None:
    assert 100 <= median_time_ns(_commit([100, 101, 102, 10**18]), FOUR) <= 102
    assert 100 <= median_time_ns(_commit([-(10**18), 100, 101, 102]), FOUR) <= 102


def test_one_liar_among_three_votes_of_power_one_cannot_set_the_time() -> None:
    """CometBFT rounds half of an odd total down and would take the earliest of these."""
    ones = ValidatorSet.of(Validator.of(bytes([number]) * 32, 1) for number in range(3))
    for times in ([-(10**18), 100, 101], [100, 101, 10**18]):
        slots = [
            CommitSig(BlockIDFlag.COMMIT, v.address, t, bytes(64))
            for v, t in zip(ones.validators, times, strict=True)
        ]
        assert 100 <= median_time_ns(Commit(1, 0, BLOCK, tuple(slots)), ones) <= 101


def test_time_under_a_swapped_address_is_refused() -> None:
    commit = _commit([1, 2, 3, 4])
    first, second, *rest = commit.signatures
    swapped = (replace(first, validator_address=second.validator_address), second, *rest)
    with pytest.raises(ValueError, match="slot 0"):
        median_time_ns(replace(commit, signatures=swapped), FOUR)


def _vote(block_id: BlockID, seed_at: int = 0) -> Vote:
    key = public_key_of(SEEDS[seed_at])
    index = FOUR.index_of(Validator.of(key, 1).address)
    assert index is not None
    vote = Vote(VoteType.PRECOMMIT, 5, 0, block_id, 7, FOUR.validators[index].address, index)
    return replace(vote, signature=sign(SEEDS[seed_at], vote.sign_bytes("salus-test")))


def test_two_votes_of_mallory_are_evidence_in_either_order() -> None:
    evidence = DuplicateVoteEvidence.of(_vote(OTHER), _vote(BLOCK), FOUR, 9)
    assert evidence == DuplicateVoteEvidence.of(_vote(BLOCK), _vote(OTHER), FOUR, 9)
    evidence.check(FOUR, "salus-test", 9)
    assert unwrap(wrap(evidence)) == evidence


def test_false_evidence_is_refused() -> None:
    good = DuplicateVoteEvidence.of(_vote(BLOCK), _vote(OTHER), FOUR, 9)
    lies = [
        replace(good, vote_b=good.vote_a),
        replace(good, vote_a=good.vote_b, vote_b=good.vote_a),
        replace(good, vote_b=_vote(OTHER, 1)),
        replace(good, vote_b=replace(good.vote_b, round=1)),
        replace(good, vote_b=replace(good.vote_b, signature=bytes(64))),
        replace(good, validator_power=11),
        replace(good, time_ns=8),
        DuplicateVoteEvidence.of(_vote(BLOCK), replace(_vote(NIL), signature=bytes(64)), FOUR, 9),
    ]
    for lie in lies:
        with pytest.raises(EvidenceError):
            lie.check(FOUR, "salus-test", 9)
    with pytest.raises(EvidenceError):
        good.check(FOUR, "salus-other", 9)


def test_genesis_that_cannot_start_a_chain_is_refused() -> None:
    good = Genesis(
        "salus-test", 0, tuple(GenesisValidator(v.public_key, 10) for v in FOUR.validators), {"version": 1}
    )
    assert Genesis.from_json(good.to_json()) == good
    document = good.to_json()
    bad_documents = [
        document | {"chain_id": ""},
        document | {"chain_id": "x" * 51},
        document | {"validators": []},
        document | {"validators": document["validators"][:1] * 2},
        document | {"validators": [document["validators"][0] | {"address": "00" * 20}]},
        document | {"validators": [document["validators"][0] | {"power": "0"}]},
        document | {"genesis_time": "yesterday"},
        document | {"initial_height": "0.5"},
        {},
    ]
    for bad in bad_documents:
        with pytest.raises(GenesisError):
            Genesis.from_json(bad)
    for data in (b"", b"[]", b"[" * 100_000, b"\xff"):
        with pytest.raises(GenesisError):
            Genesis.read(data)
