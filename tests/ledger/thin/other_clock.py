"""A thin node whose machine has a clock that is SALUS_TEST_CLOCK_S seconds off, run like the product."""

import os
import sys
import time

_REAL, _OFF_NS = time.time_ns, int(os.environ["SALUS_TEST_CLOCK_S"]) * 10**9
time.time_ns = lambda: _REAL() + _OFF_NS

from ledger.thin.__main__ import main  # noqa: E402 - the clock is set first

if __name__ == "__main__":
    sys.exit(main())
