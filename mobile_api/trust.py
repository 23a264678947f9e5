"""What a page's own verification starts from: the genesis, as this service knows it.

A page keeps the first one it sees and complains when a later one differs. From there it follows the changes
of validators itself, asking each of them through us and believing none (static/ledger/light_ledger.js).
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from ledger.api import TRUSTING_PERIOD_S


@lru_cache(maxsize=4)
def _read(path: str, changed_ns: int) -> dict[str, Any]:
    genesis = json.loads(Path(path).read_bytes())
    # CometBFT's order of a set: power descending, then address ascending.
    ordered = sorted(genesis["validators"], key=lambda v: (-int(v["power"]), v["address"]))
    validators = [{"pub_key": v["pub_key"], "voting_power": str(v["power"])} for v in ordered]
    return {
        "chain_id": genesis["chain_id"],
        "genesis_time": genesis["genesis_time"],
        "validators": validators,
        "trusting_period_ms": TRUSTING_PERIOD_S * 1000,
    }


def ledger_trust() -> dict[str, Any] | None:
    """`{"chain_id", "genesis_time", "validators", "trusting_period_ms", "sources"}`, for pages/trust.js.

    `sources` is how many validators we pass questions on to. None while there is no genesis yet.
    """
    path = Path(settings.SALUS_LEDGER_GENESIS)
    if not path.is_file():
        return None
    return _read(str(path), path.stat().st_mtime_ns) | {"sources": len(settings.SALUS_LEDGER_RPC)}
