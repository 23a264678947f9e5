"""Evidence that validators signed a second history, for those who can punish it.

Rules (CometBFT v0.38, LightClientAttackEvidence)
- Lunatic: the conflicting header states what cannot follow from the chain (validators, parameters, app hash,
  results), or is above the chain that it contradicts. Guilty: validators of the common height who signed it.
- Equivocation: both headers could follow, and were committed in one round. Guilty: who signed both.
- Amnesia: both could follow, in different rounds. Who forgot a lock is not visible here: nobody is named.
- Evidence accuses; which side is right nobody can tell from outside.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ledger.light import predicates
from ledger.light.light_json import light_block_to_json
from ledger.light.verdict import LightBlock, Options, Verdict, invalid
from ledger.light.verifier import verify_block
from ledger.types.block import BlockIDFlag, Commit, CommitSig, Header
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.rpc_json import time_to_text, validator_to_json
from ledger.types.validators import Validator
from ledger.types.vote import Vote, VoteType

_DERIVED = (
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
)


class AttackKind(Enum):
    """How the second history came about."""

    LUNATIC = "lunatic"
    EQUIVOCATION = "equivocation"
    AMNESIA = "amnesia"


@dataclass(frozen=True)
class AttackEvidence:
    """A header and commit that contradict the chain after `common_height`, and who is guilty of it.

    `total_power` and `time_ns` (nanoseconds since 1970) are those of the common height.
    """

    kind: AttackKind
    conflicting: LightBlock
    common_height: int
    byzantine: tuple[Validator, ...]
    total_power: int
    time_ns: int

    @classmethod
    def of(cls, conflicting: LightBlock, opposed: LightBlock, common: LightBlock) -> "AttackEvidence":
        """That `conflicting` contradicts `opposed`; both histories agree up to `common`."""
        kind = attack_kind(conflicting, opposed)
        base = common if kind is AttackKind.LUNATIC else opposed
        guilty = _guilty(kind, conflicting, opposed, common)
        return cls(kind, conflicting, base.height, guilty, base.validators.total_power, base.header.time_ns)

    def check(self, opposed: LightBlock, common: LightBlock, options: Options) -> Verdict:
        """Whether this convinces somebody who trusts `opposed` and `common`, of the chain itself."""
        if self != self.of(self.conflicting, opposed, common):
            return invalid("evidence", "the evidence does not follow from these headers")
        if self.conflicting.header.hash == opposed.header.hash:
            return invalid("evidence", "the headers do not conflict")
        verdict = predicates.same_chain(opposed.header, self.conflicting.header)
        if not verdict.ok:
            return verdict
        verdict = verify_block(self.conflicting)
        if not verdict.ok or self.kind is not AttackKind.LUNATIC:
            return verdict
        trusted = common.validators
        return predicates.enough_trusted_signed(self.conflicting.commit, trusted, options.trust_level)

    def duplicate_votes(self, opposed: LightBlock) -> tuple[DuplicateVoteEvidence, ...]:
        """The double signatures of an equivocation, as evidence that the chain itself takes."""
        if self.kind is not AttackKind.EQUIVOCATION:
            return ()
        found, guilty = [], {member.address for member in self.byzantine}
        for index, member in enumerate(opposed.validators.validators):
            if member.address in guilty:
                one, other = _vote(self.conflicting.commit, index), _vote(opposed.commit, index)
                time_ns = opposed.header.time_ns
                found.append(DuplicateVoteEvidence.of(one, other, opposed.validators, time_ns))
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """CometBFT's JSON of LightClientAttackEvidence."""
        block = light_block_to_json(self.conflicting)
        return {
            "type": "tendermint/LightClientAttackEvidence",
            "value": {
                "ConflictingBlock": {
                    "signed_header": block["signed_header"],
                    "validator_set": {"validators": block["validators"]},
                },
                "CommonHeight": str(self.common_height),
                "ByzantineValidators": [validator_to_json(member) for member in self.byzantine],
                "TotalVotingPower": str(self.total_power),
                "Timestamp": time_to_text(self.time_ns),
            },
        }


def attack_kind(conflicting: LightBlock, opposed: LightBlock) -> AttackKind:
    """Which attack two contradicting, well signed headers show."""
    if conflicting.height != opposed.height or _derived(conflicting.header) != _derived(opposed.header):
        return AttackKind.LUNATIC
    if conflicting.commit.round == opposed.commit.round:
        return AttackKind.EQUIVOCATION
    return AttackKind.AMNESIA


def _guilty(
    kind: AttackKind, conflicting: LightBlock, opposed: LightBlock, common: LightBlock
) -> tuple[Validator, ...]:
    signers = _signers(conflicting.commit)
    if kind is AttackKind.LUNATIC:
        members = common.validators.validators
    elif kind is AttackKind.EQUIVOCATION:
        members, signers = opposed.validators.validators, signers & _signers(opposed.commit)
    else:
        members = ()
    # Without priorities, which no hash covers: two who have the same chain name the same validators.
    return tuple(replace(member, priority=0) for member in members if member.address in signers)


def _derived(header: Header) -> tuple[bytes, ...]:
    return tuple(getattr(header, name) for name in _DERIVED)


def _signers(commit: Commit) -> frozenset[bytes]:
    return frozenset(slot.validator_address for slot in commit.signatures if _for_block(slot))


def _for_block(slot: CommitSig) -> bool:
    return slot.flag is BlockIDFlag.COMMIT


def _vote(commit: Commit, index: int) -> Vote:
    slot = commit.signatures[index]
    return Vote(
        VoteType.PRECOMMIT,
        commit.height,
        commit.round,
        commit.block_id,
        slot.time_ns,
        slot.validator_address,
        index,
        slot.signature,
    )
