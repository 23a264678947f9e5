"""Our own votes and proposals: given a time, signed through the double-sign guard, or not said at all."""

from collections.abc import Callable
from dataclasses import replace

from ledger.node.errors import DoubleSignRefused
from ledger.node.log import log
from ledger.node.signer import PRECOMMIT, PREVOTE, PROPOSE, Signed, Signer
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote, VoteType


class Voice:
    """Signs what the consensus core wants said. None means that the guard refused, which is logged."""

    def __init__(self, signer: Signer, chain_id: str, clock_ns: Callable[[], int]) -> None:
        self._signer = signer
        self._chain_id = chain_id
        self._clock_ns = clock_ns

    def vote(self, vote: Vote) -> Vote | None:
        """The vote with its time (the clock's, but never before `vote.time_ns`) and signature."""
        step = PREVOTE if vote.type is VoteType.PREVOTE else PRECOMMIT
        signed = self._sign(
            (vote.height, vote.round, step),
            max(self._clock_ns(), vote.time_ns),
            lambda time_ns: replace(vote, time_ns=time_ns).sign_bytes(self._chain_id),
        )
        if signed is None:
            return None
        return replace(vote, time_ns=signed.timestamp_ns, signature=signed.signature)

    def proposal(self, proposal: Proposal) -> Proposal | None:
        """The proposal with the clock's time and its signature."""
        signed = self._sign(
            (proposal.height, proposal.round, PROPOSE),
            self._clock_ns(),
            lambda time_ns: replace(proposal, time_ns=time_ns).sign_bytes(self._chain_id),
        )
        if signed is None:
            return None
        return replace(proposal, time_ns=signed.timestamp_ns, signature=signed.signature)

    def _sign(
        self, place: tuple[int, int, int], time_ns: int, message_at: Callable[[int], bytes]
    ) -> Signed | None:
        try:
            return self._signer.sign(place, time_ns, message_at)
        except DoubleSignRefused as error:
            log("not_signed", why=str(error))
            return None
