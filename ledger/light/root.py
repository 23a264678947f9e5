"""What an offline verification starts from, and whether a header follows from it.

Rules
- Up: from the highest trusted block below the header, through the blocks given between, by `verify`.
- Down: when the headers after it are given, by the hashes that lead from a trusted header to it.
- A genesis is trusted whatever its age: who uses one vouches for its validators' keys. A trusted store's
  block is trusted within its period.
- A header at the height of a trusted one is that one, or it contradicts what is trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ledger.light import predicates
from ledger.light.errors import HeaderRefused
from ledger.light.path import accepted
from ledger.light.verdict import (
    LightBlock,
    Options,
    TrustedState,
    Verdict,
    invalid,
    not_enough_trust,
)
from ledger.light.verifier import verify, verify_block
from ledger.types.block import Header
from ledger.types.genesis import Genesis

_FOR_EVER_NS = 2**63


@dataclass(frozen=True)
class Root:
    """Trusted states, lowest first, and whether they are trusted whatever their age."""

    states: tuple[TrustedState, ...]
    ageless: bool = False

    @classmethod
    def of_genesis(cls, genesis: Genesis) -> "Root":
        """Trust the validators of this genesis."""
        return cls((TrustedState.of_genesis(genesis),), ageless=True)

    @classmethod
    def of_blocks(cls, blocks: Sequence[LightBlock]) -> "Root":
        """Trust these verified blocks, lowest first (a trusted store's)."""
        return cls(tuple(TrustedState.of(block) for block in blocks))

    def reaches(
        self,
        block: LightBlock,
        between: Sequence[LightBlock],
        after: Sequence[Header],
        options: Options,
        now_ns: int,
    ) -> Verdict:
        """Whether `block` follows from what is trusted."""
        if self.ageless:
            options = replace(options, trusting_period_ns=_FOR_EVER_NS)
        if after:
            return self._down(block, after, options, now_ns)
        return self._up(block, between, options, now_ns)

    def _up(self, block: LightBlock, between: Sequence[LightBlock], options: Options, now_ns: int) -> Verdict:
        below = [state for state in self.states if state.header.height <= block.height]
        if not below:
            return not_enough_trust("trust", f"nothing at or below block {block.height} is trusted")
        trusted = below[-1]
        if trusted.header.height == block.height:
            return self._same(trusted, block, options, now_ns)
        try:
            for step in between:
                if step.height > trusted.header.height:
                    trusted = accepted(step, verify(trusted, step, options, now_ns))
        except HeaderRefused as refused:
            return refused.verdict
        return verify(trusted, block, options, now_ns)

    def _same(self, trusted: TrustedState, block: LightBlock, options: Options, now_ns: int) -> Verdict:
        if trusted.header.hash != block.header.hash:
            return invalid(
                "conflict", f"another block {block.height} is trusted: show both to the consortium"
            )
        fresh = predicates.within_trusting_period(trusted.header, options, now_ns)
        return verify_block(block) if fresh.ok else fresh

    def _down(self, block: LightBlock, after: Sequence[Header], options: Options, now_ns: int) -> Verdict:
        first = after[0]
        if first.hash not in [state.header.hash for state in self.states]:
            return not_enough_trust(
                "trust", f"header {first.height}, from which the proof goes down, is not trusted"
            )
        fresh = predicates.within_trusting_period(first, options, now_ns)
        if not fresh.ok:
            return fresh
        for newer, older in pairwise((*after, block.header)):
            verdict = predicates.links_back(newer, older)
            if not verdict.ok:
                return verdict
        return verify_block(block)
