"""Ways from what is trusted to a header: skipping with bisection, one by one, and backwards. Sans I/O.

Rules (CometBFT light client specification: verification)
- Each way is a generator: it yields the height of a block that it needs, and is sent that block. It returns
  the blocks that it verified, in the order of verification, the target last.
- Skipping tries the target at once. Without enough trust it first verifies the block half-way, and so on;
  adjacent headers never lack trust. Blocks fetched once are kept for the way back up.
- Sequential verification visits every height.
- Backwards, a header is believed since the one after it names its hash; no signature is needed, no period
  applies but the trusted header's own.
- The time is read once, by the caller. A header that fails raises HeaderRefused and ends the way.
"""

from collections.abc import Generator

from ledger.light import predicates
from ledger.light.errors import HeaderRefused
from ledger.light.verdict import LightBlock, Options, Outcome, TrustedState, Verdict, invalid
from ledger.light.verifier import verify, verify_block
from ledger.types.block import Header

Way = Generator[int, LightBlock, tuple[LightBlock, ...]]


def skipping(trusted: TrustedState, target: LightBlock, options: Options, now_ns: int) -> Way:
    """Verify `target`, above `trusted`, in as few steps as its validators' overlap allows."""
    waiting, verified = [target], list[LightBlock]()
    while waiting:
        block = waiting[-1]
        verdict = verify(trusted, block, options, now_ns)
        if verdict.outcome is Outcome.NOT_ENOUGH_TRUST:
            waiting.append((yield (trusted.header.height + block.height) // 2))
            continue
        trusted = accepted(waiting.pop(), verdict)
        verified.append(block)
    return tuple(verified)


def sequential(trusted: TrustedState, target: LightBlock, options: Options, now_ns: int) -> Way:
    """Verify every header from the one after `trusted` up to `target`."""
    verified: list[LightBlock] = []
    for height in range(trusted.header.height + 1, target.height + 1):
        block = target if height == target.height else (yield height)
        trusted = accepted(block, verify(trusted, block, options, now_ns))
        verified.append(block)
    return tuple(verified)


def backwards(trusted: Header, target: LightBlock, options: Options, now_ns: int) -> Way:
    """Verify `target`, below `trusted`, by the hashes that headers name."""
    _demand(trusted.height, predicates.within_trusting_period(trusted, options, now_ns))
    _demand(target.height, verify_block(target))
    newer = trusted
    while newer.height > target.height:
        older = target if newer.height == target.height + 1 else (yield newer.height - 1)
        _demand(older.height, predicates.links_back(newer, older.header))
        newer = older.header
    return (target,)


def accepted(block: LightBlock, verdict: Verdict) -> TrustedState:
    """What may be trusted after `verdict` on `block`. Raises HeaderRefused."""
    _demand(block.height, verdict)
    try:
        return TrustedState.of(block)
    except ValueError as error:
        raise HeaderRefused(block.height, invalid("form", str(error))) from error


def _demand(height: int, verdict: Verdict) -> None:
    if not verdict.ok:
        raise HeaderRefused(height, verdict)
