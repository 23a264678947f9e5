"""What a page's own verification starts from: the genesis validators, as this service knows them.

A page keeps the first one it sees and complains when a later one differs.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings


@lru_cache(maxsize=4)
def _read(path: str, changed_ns: int) -> dict[str, Any]:
    genesis = json.loads(Path(path).read_bytes())
    # CometBFT's order of a set: power descending, then address ascending.
    ordered = sorted(genesis["validators"], key=lambda v: (-int(v["power"]), v["address"]))
    validators = [{"pub_key": v["pub_key"], "voting_power": str(v["power"])} for v in ordered]
    return {"chain_id": genesis["chain_id"], "validators": validators}


def ledger_trust() -> dict[str, Any] | None:
    """`{"chain_id", "validators": [{"pub_key", "voting_power"}]}`, or None while there is no genesis yet."""
    path = Path(settings.SALUS_LEDGER_GENESIS)
    return _read(str(path), path.stat().st_mtime_ns) if path.is_file() else None
