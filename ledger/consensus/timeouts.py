"""How long a step may take: longer in each round, so that rounds outlast any delay once the network calms."""

from dataclasses import dataclass

from ledger.consensus.inputs import Step


@dataclass(frozen=True, slots=True)
class TimeoutPolicy:
    """Milliseconds per step in round 0, and what each further round adds."""

    propose_ms: int = 1000
    prevote_ms: int = 500
    precommit_ms: int = 500
    delta_ms: int = 500

    def duration_ms(self, step: Step, round_: int) -> int:
        """How long to wait for `step` of `round_`. Raises ValueError for a step that has no timeout."""
        first = {
            Step.PROPOSE: self.propose_ms,
            Step.PREVOTE: self.prevote_ms,
            Step.PRECOMMIT: self.precommit_ms,
        }
        if step not in first:
            raise ValueError(f"step {step.name} has no timeout")
        return first[step] + self.delta_ms * round_
