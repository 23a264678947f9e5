"""What the core asked for before a crash and the log does not answer: done once the replay is over."""

from ledger.consensus.effects import (
    CommitBlock,
    Effect,
    EvidenceFound,
    MakeBlock,
    RequestBlock,
    ScheduleTimeout,
    SignProposal,
    SignVote,
)
from ledger.consensus.inputs import (
    BlockKnown,
    BlockMade,
    Input,
    ProposalReceived,
    TimeoutElapsed,
    VoteReceived,
)


class Unanswered:
    """Pairs effects with the inputs that answer them, while a log is replayed."""

    def __init__(self, address: bytes) -> None:
        """`address` is our validator's: its votes in the log are answers to SignVote."""
        self._address = address
        self._open: dict[object, Effect] = {}

    def asked(self, effects: tuple[Effect, ...]) -> None:
        """Note the effects that need an answer."""
        for effect in effects:
            if (key := _asked_key(effect)) is not None:
                self._open[key] = effect

    def answered(self, happened: Input) -> None:
        """Strike out what this logged input answers."""
        if isinstance(happened, VoteReceived):
            vote = happened.vote
            if vote.validator_address == self._address:
                self._open.pop(("vote", vote.type, vote.round), None)
        elif isinstance(happened, ProposalReceived):
            self._open.pop(("proposal", happened.proposal.round), None)
        elif isinstance(happened, BlockMade):
            self._open.pop(("block", happened.round), None)
        elif isinstance(happened, BlockKnown):
            self._open.pop(("wanted", happened.block_id), None)
        elif isinstance(happened, TimeoutElapsed):
            self._open.pop(("timeout", happened.step, happened.round), None)

    def effects(self) -> tuple[Effect, ...]:
        """What is still to be done, in the order in which it was asked."""
        return tuple(self._open.values())


def _asked_key(effect: Effect) -> object | None:
    if isinstance(effect, SignVote):
        return ("vote", effect.vote.type, effect.vote.round)
    if isinstance(effect, SignProposal):
        return ("proposal", effect.proposal.round)
    if isinstance(effect, MakeBlock):
        return ("block", effect.round)
    if isinstance(effect, RequestBlock):
        return ("wanted", effect.block_id)
    if isinstance(effect, ScheduleTimeout):
        return ("timeout", effect.step, effect.round)
    if isinstance(effect, EvidenceFound):
        return ("evidence", effect.first, effect.second)
    if isinstance(effect, CommitBlock):
        return "commit"
    return None
