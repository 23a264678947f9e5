"""Our routes about the consortium: who is elected how, from proven state; what this node costs in energy."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ledger.light.verdict import LightBlock
from ledger.machine.entries import CANDIDATES_KEY, ELECTION_KEY, EPOCH_KEY, View, candidate_key
from ledger.machine.validators import tolerated_faults
from ledger.node.executor import NO_FAULT_TOLERATED
from ledger.node.rpc_consortium import election_answer, standing_keys
from ledger.node.rpc_params import Params
from ledger.thin import reading
from ledger.thin.node import ThinNode

AT_ONCE = 8


async def election(node: ThinNode, params: Params) -> dict[str, Any]:
    """The present epoch, who votes and who stands, how many may fail, and what is wrong with that.

    All from one state: that which the newest verified header proves, and the validators that follow from it.
    """
    tip = node.headers.check_usable()
    members = (tip.next_validators or tip.validators).validators
    powers = {each.public_key: each.power for each in members}
    values = await _values(node, [CANDIDATES_KEY, ELECTION_KEY, EPOCH_KEY], tip)
    view = View(values.get)
    keys = standing_keys(powers, view.candidates())
    values |= await _values(node, [candidate_key(key) for key in keys], tip)
    epoch = view.epoch() if view.election() else None
    alarms = () if tolerated_faults(powers) else (NO_FAULT_TOLERATED,)
    return election_answer(powers, epoch, {key: view.candidate(key) for key in keys}, alarms)


async def _values(node: ThinNode, keys: Sequence[bytes], after: LightBlock) -> dict[bytes, bytes | None]:
    """What the state before the block `after` holds under these keys, proven."""
    found: dict[bytes, bytes | None] = {}
    for first in range(0, len(keys), AT_ONCE):
        some = keys[first : first + AT_ONCE]
        states = await asyncio.gather(*(reading.state_after(node, key, after) for key in some))
        found |= {key: state.value for key, state in zip(some, states, strict=True)}
    return found


async def energy(node: ThinNode, params: Params) -> dict[str, Any]:
    """What this node's process has used: joules, measured or estimated as it says. It commits nothing."""
    return asdict(node.energy.reading())


CONSORTIUM_ROUTES = {route.__name__: route for route in (election, energy)}
