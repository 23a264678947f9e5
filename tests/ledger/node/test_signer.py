"""The double-sign guard: what this key never signs, whatever it is asked and whenever it crashed."""

from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from ledger.node.errors import DoubleSignRefused, FileCorrupt
from ledger.node.signer import PRECOMMIT, PREVOTE, PROPOSE, GuardFile, Signer
from ledger.types.ids import NIL, BlockID, PartSetHeader, sha256
from ledger.types.signing import verify_ed25519
from ledger.types.vote import Vote, VoteType

KEY = SigningKey(b"k" * 32)
A = BlockID(sha256(b"a"), PartSetHeader(1, sha256(b"parts a")))
B = BlockID(sha256(b"b"), PartSetHeader(1, sha256(b"parts b")))


class Validator:
    """A signer over a guard file, which `crash` closes and opens again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        GuardFile.create(path)
        self.crash()

    def crash(self) -> None:
        self.signer = Signer(GuardFile(self.path), lambda message: bytes(KEY.sign(message).signature))

    def vote(
        self, height: int, round_: int, step: int, block: BlockID = A, time_ns: int = 1
    ) -> tuple[bytes, int]:
        type_ = VoteType.PRECOMMIT if step == PRECOMMIT else VoteType.PREVOTE
        vote = Vote(type_, height, round_, block)
        signed = self.signer.sign(
            (height, round_, step), time_ns, lambda at: replace(vote, time_ns=at).sign_bytes("salus-test")
        )
        message = replace(vote, time_ns=signed.timestamp_ns).sign_bytes("salus-test")
        assert verify_ed25519(bytes(KEY.verify_key), message, signed.signature)
        return signed.signature, signed.timestamp_ns


@pytest.fixture
def validator(tmp_path: Path) -> Validator:
    return Validator(tmp_path / "signer.state")


def test_goes_forward_through_heights_rounds_and_steps(validator: Validator) -> None:
    for place in ((1, 0, PROPOSE), (1, 0, PREVOTE), (1, 0, PRECOMMIT), (1, 1, PREVOTE), (2, 0, PREVOTE)):
        validator.vote(*place)


@pytest.mark.parametrize("place", [(4, 9, PRECOMMIT), (5, 1, PRECOMMIT), (5, 2, PROPOSE)])
def test_never_signs_before_what_it_signed(validator: Validator, place: tuple[int, int, int]) -> None:
    validator.vote(5, 2, PREVOTE)
    with pytest.raises(DoubleSignRefused, match="before"):
        validator.vote(*place)
    validator.crash()
    with pytest.raises(DoubleSignRefused, match="before"):
        validator.vote(*place)


@pytest.mark.parametrize("other", [B, NIL])
def test_never_signs_two_blocks_at_one_place_not_even_after_a_crash(
    validator: Validator, other: BlockID
) -> None:
    validator.vote(5, 0, PREVOTE, A)
    with pytest.raises(DoubleSignRefused, match="other bytes"):
        validator.vote(5, 0, PREVOTE, other)
    validator.crash()
    with pytest.raises(DoubleSignRefused, match="other bytes"):
        validator.vote(5, 0, PREVOTE, other, time_ns=2)


def test_same_vote_with_a_later_clock_gives_the_first_signature_and_time(validator: Validator) -> None:
    first = validator.vote(5, 0, PREVOTE, A, time_ns=1_000)
    validator.crash()
    assert validator.vote(5, 0, PREVOTE, A, time_ns=2_000) == first


def test_refused_request_changes_nothing(validator: Validator) -> None:
    first = validator.vote(5, 0, PREVOTE, A)
    with pytest.raises(DoubleSignRefused):
        validator.vote(5, 0, PREVOTE, B)
    assert validator.vote(5, 0, PREVOTE, A) == first


def test_write_torn_by_a_crash_leaves_the_record_before(validator: Validator) -> None:
    validator.vote(5, 0, PREVOTE, A)
    validator.vote(5, 0, PRECOMMIT, A)
    content = bytearray(validator.path.read_bytes())
    newest = 4096 * (2 % 2)
    content[newest + 40 : newest + 400] = bytes(360)
    validator.path.write_bytes(content)
    validator.crash()
    with pytest.raises(DoubleSignRefused):
        validator.vote(5, 0, PREVOTE, B)


def test_without_a_readable_record_nothing_is_signed(validator: Validator) -> None:
    validator.path.write_bytes(b"\xff" * 8192)
    with pytest.raises(FileCorrupt):
        validator.crash()


def test_existing_guard_is_never_overwritten(validator: Validator) -> None:
    with pytest.raises(FileExistsError):
        GuardFile.create(validator.path)


PLACES = [(height, round_, step) for height in (0, 1, 2, 6, 7) for round_ in (0, 1) for step in (1, 2, 3)]


@pytest.mark.parametrize("first", PLACES)
def test_at_heights_0_1_and_n_exactly_later_places_and_the_same_bytes_are_signed(
    tmp_path: Path, first: tuple[int, int, int]
) -> None:
    """Guards of others were off by one at the first heights, where nothing had been signed before."""
    for number, then in enumerate(PLACES):
        validator = Validator(tmp_path / f"signer.state {number}")
        signed = validator.vote(*first, A)
        validator.crash()
        if then > first:
            validator.vote(*then, B)
            continue
        for block in (B, NIL) if then == first else (A, B, NIL):
            with pytest.raises(DoubleSignRefused):
                validator.vote(*then, block)
        if then == first:
            assert validator.vote(*then, A) == signed
