"""Attack detection: does another node tell the same history, and if not, who signed two?

Rules (CometBFT light client specification: detection)
- A witness that has the same header confirms it. One that does not have the height yet confirms nothing,
  unless its latest header is as late as ours: then ours lies in a future that its chain contradicts.
- A witness with another header must prove it by its own chain of blocks from the last header both agree on.
  When it can, that is an attack, and both sides are accused; when it cannot, the witness is faulty.
- A witness that disagrees even about our trusted header is of another chain or lies: it is faulty.
- Proposer priorities are in no hash: where both state them, they must be the same, or the witness conflicts
  without evidence.
"""

from collections.abc import Sequence
from enum import Enum

from ledger.light.errors import (
    AttackDetected,
    HeaderRefused,
    NoSuchBlock,
    ProviderError,
    ProviderLied,
    ProviderUnavailable,
)
from ledger.light.evidence import AttackEvidence
from ledger.light.path import skipping
from ledger.light.provider import Provider, fetch, walk
from ledger.light.verdict import LightBlock, Options, TrustedState


class Testimony(Enum):
    """What a witness had to say about a header."""

    CONFIRMS = "confirms"
    BEHIND = "is behind"
    SILENT = "does not answer"
    FAULTY = "cannot back what it says"


def examine(trace: Sequence[LightBlock], witness: Provider, options: Options, now_ns: int) -> Testimony:
    """Compare `trace` (the trusted block, then the verified ones, the newest last) with what `witness` has.

    Raises AttackDetected when the witness proves another history.
    """
    try:
        other = _opposed(trace[-1], witness)
        if other is None:
            return Testimony.BEHIND
        if other.header.hash == trace[-1].header.hash:
            return _confirmed(trace[-1], other)
        _accuse(trace, witness, options, now_ns)
    except ProviderUnavailable:
        return Testimony.SILENT
    except (ProviderError, HeaderRefused):
        return Testimony.FAULTY
    return Testimony.FAULTY


def _confirmed(ours: LightBlock, other: LightBlock) -> Testimony:
    stated = ours.priorities_stated and other.priorities_stated
    if stated and ours.validators.validators != other.validators.validators:
        raise ProviderLied(f"other proposer priorities at height {ours.height}")
    return Testimony.CONFIRMS


def _opposed(ours: LightBlock, witness: Provider) -> LightBlock | None:
    """The witness's block to hold against ours: of its height or, too early to be above us, its latest."""
    try:
        return fetch(witness, ours.height)
    except NoSuchBlock:
        latest = witness.light_block(None)
    if latest.height >= ours.height:
        return fetch(witness, ours.height)  # it came between the two questions, or the witness is faulty
    return latest if latest.header.time_ns >= ours.header.time_ns else None


def _accuse(trace: Sequence[LightBlock], witness: Provider, options: Options, now_ns: int) -> None:
    """Find where the histories part, have the witness prove its own, and raise AttackDetected."""
    common = None
    for ours in trace:
        other = _opposed(ours, witness)
        if other is None:
            return
        if other.header.hash == ours.header.hash:
            common = ours
            continue
        if common is None:
            raise ProviderLied(f"{witness.name}: does not have our trusted header {ours.height}")
        way = skipping(TrustedState.of(common), other, options, now_ns)
        proven = walk(way, witness)[-1]
        pairs = ((ours, proven), (proven, ours))
        raise AttackDetected([AttackEvidence.of(one, against, common) for one, against in pairs])
