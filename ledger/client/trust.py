"""Which validators to believe at which height: from the genesis through every change that they signed.

Rules
- The genesis is the only trust. A header counts when more than two thirds of the validators of its height
  signed it, checked by `ledger.light`.
- A set that differs from the one known is reached by skipping verification: more than a third of the set
  known before signed on, else the headers between are verified, too. Whoever serves them is not believed.
- What was verified is kept: where a set begins to decide, and the newest header.
- Trust in the genesis does not run out. Validators that left long ago could, together, sign another past: a
  client of a network that has changed a third of its members compares its newest header with its peers'.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence

from ledger.client.errors import ProofInvalid
from ledger.light.errors import HeaderRefused, ProviderError
from ledger.light.path import skipping
from ledger.light.provider import Provider, walk
from ledger.light.verdict import LightBlock, Options, TrustedState
from ledger.light.verifier import verify_block
from ledger.types.block import Commit, Header
from ledger.types.genesis import Genesis
from ledger.types.validators import ValidatorSet

_HUNDRED_YEARS_NS = 100 * 366 * 24 * 3600 * 1_000_000_000
_CLOCK_DRIFT_NS = 10 * 60 * 1_000_000_000
MOST_FIRST = 256
_OPTIONS = Options(_HUNDRED_YEARS_NS, clock_drift_ns=_CLOCK_DRIFT_NS)


class TrustedValidators:
    """The sets verified so far. Thread-safe. `sources()` serve light blocks where a set has changed."""

    def __init__(
        self,
        genesis: Genesis,
        sources: Callable[[], Sequence[Provider]] = tuple,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._chain_id = genesis.chain_id
        self._sources = sources
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._anchors = [TrustedState.of_genesis(genesis)]
        self._first: dict[int, ValidatorSet] = {}
        """Sets of heights at which they were found to differ from the one known below."""

    @property
    def latest(self) -> ValidatorSet:
        """The newest set known."""
        return self._anchors[-1].next_validators

    def check_signed(self, header: Header, commit: Commit) -> None:
        """Raises ProofInvalid unless more than two thirds of its height's validators signed this header."""
        if header.chain_id != self._chain_id:
            raise _lie(f"chain {self._chain_id}", header.chain_id)
        anchor = self._anchor_below(header.height)
        known = self._first.get(header.height, anchor.next_validators)
        if header.validators_hash != known.hash:
            self._follow(anchor, header, commit)
            return
        verdict = verify_block(LightBlock(header, commit, known))
        if not verdict.ok:
            raise _lie(f"a +2/3 commit for block {header.height}", verdict.reason)
        if header.next_validators_hash == known.hash:
            self._keep(TrustedState(header, known))

    def _anchor_below(self, height: int) -> TrustedState:
        with self._lock:
            at = bisect_left(self._anchors, height, key=lambda anchor: anchor.header.height)
            if at == 0:
                raise _lie("a height after the genesis", str(height))
            return self._anchors[at - 1]

    def _follow(self, anchor: TrustedState, header: Header, commit: Commit) -> None:
        """Verify a header whose validators are not those known below it, and learn them."""
        why = "nobody to ask for its validators"
        for source in self._sources():
            try:
                served = source.light_block(header.height)
                target = LightBlock(header, commit, served.validators, served.next_validators)
                verified = walk(skipping(anchor, target, _OPTIONS, self._clock_ns()), source)
            except (ProviderError, HeaderRefused) as error:
                why = str(error)
                continue
            for block in verified:
                self._keep(TrustedState.of(block))
            with self._lock:
                self._first = dict([*self._first.items(), (header.height, target.validators)][-MOST_FIRST:])
            return
        raise _lie(f"a +2/3 commit for block {header.height} by the validators of its height", why)

    def _keep(self, state: TrustedState) -> None:
        """Insert by height, dropping what lies between two anchors of one set."""
        with self._lock:
            others = [one for one in self._anchors if one.header.height != state.header.height]
            ordered = sorted([*others, state], key=lambda anchor: anchor.header.height)
            self._anchors = [
                anchor
                for at, anchor in enumerate(ordered)
                if at in (0, len(ordered) - 1)
                or anchor.next_validators.hash != ordered[at - 1].next_validators.hash
            ]


def _lie(expected: str, actual: str) -> ProofInvalid:
    return ProofInvalid("that answered", expected, actual)
