"""Who may speak: the checks that the host makes on a peer's vote or proposal before consensus sees it.

Rules
- A vote's index and address name the same validator of this height's set, and that validator signed it.
- A proposal is signed by the proposer of its round.
- Finding a proposer costs work that grows with the round, so rounds beyond MAX_PROPOSAL_ROUND are refused:
  timeouts grow so that no chain ever gets there.
"""

from ledger.types.proposal import Proposal
from ledger.types.signing import verify_ed25519
from ledger.types.validators import ValidatorSet
from ledger.types.vote import Vote

MAX_PROPOSAL_ROUND = 2_048


class NotAdmitted(ValueError):
    """The peer sent a vote or proposal that nobody with a say has signed; drop it, and blame the peer."""


def verify_vote(vote: Vote, validators: ValidatorSet, chain_id: str) -> None:
    """Raises NotAdmitted unless the validator at the vote's index has the vote's address and signed it."""
    validator = validators.get(vote.validator_index)
    if validator is None or validator.address != vote.validator_address:
        raise NotAdmitted(
            f"index {vote.validator_index} and address name no validator of height {vote.height}"
        )
    if not verify_ed25519(validator.public_key, vote.sign_bytes(chain_id), vote.signature):
        raise NotAdmitted(f"vote of validator {vote.validator_index} at height {vote.height}: bad signature")


def verify_proposal(proposal: Proposal, validators: ValidatorSet, chain_id: str) -> None:
    """Raises NotAdmitted unless the proposer of the proposal's round signed it."""
    if not 0 <= proposal.round <= MAX_PROPOSAL_ROUND:
        raise NotAdmitted(f"proposal of height {proposal.height}: no honest round is {proposal.round}")
    proposer = validators.proposer_at(proposal.round)
    if not verify_ed25519(proposer.public_key, proposal.sign_bytes(chain_id), proposal.signature):
        raise NotAdmitted(f"proposal of height {proposal.height} round {proposal.round}: bad signature")
