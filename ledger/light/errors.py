"""What ends a light client's work, who is at fault, and what to do next.

- `ProviderUnavailable`, `NoSuchBlock`: the network or the node; ask another, or later.
- `ProviderLied`: the node served what no honest one would; the client drops it.
- `HeaderRefused`: a header failed verification; the verdict says by which rule.
- `AttackDetected`: two chains are signed well enough to be believed. Stop; show the evidence to people.
- `NotConfirmed`: nobody besides the primary vouches for the header; nothing is kept.
- `NothingTrusted`, `StoreDamaged`: our own trusted store; make it anew from a source that you trust.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledger.light.verdict import Verdict

if TYPE_CHECKING:
    from ledger.light.evidence import AttackEvidence


class LightClientError(Exception):
    """Anything that the light client raises."""


class ProviderError(LightClientError):
    """A provider is of no use for this request; another may be."""


class ProviderUnavailable(ProviderError):
    """The provider did not answer."""


class NoSuchBlock(ProviderError):
    """The provider has no block of this height: not yet, or no longer."""


class ProviderLied(ProviderError):
    """The provider's answer is malformed or for another height than was asked."""


class HeaderRefused(LightClientError):
    """The header of `height` was not accepted; `verdict` says by which rule and why."""

    def __init__(self, height: int, verdict: Verdict) -> None:
        super().__init__(f"header {height} is refused ({verdict.rule}): {verdict.reason}")
        self.height = height
        self.verdict = verdict


class AttackDetected(LightClientError):
    """More than a third of the validators signed two histories. `evidence` holds one piece for each side.

    Nobody but people can tell which side is right: halt, and hand the evidence to the consortium.
    """

    def __init__(self, evidence: Sequence["AttackEvidence"]) -> None:
        first = evidence[0]
        super().__init__(
            f"{first.kind.value} attack: two signed histories after height {first.common_height}."
            " Trust neither, and hand the evidence to the consortium"
        )
        self.evidence = tuple(evidence)


class NotConfirmed(LightClientError):
    """No witness confirmed the header; try again later, or with other witnesses."""


class NothingTrusted(LightClientError):
    """The trusted store is empty, or holds nothing from which the height can be reached."""


class StoreDamaged(LightClientError):
    """The trusted store cannot be read as what we wrote."""
