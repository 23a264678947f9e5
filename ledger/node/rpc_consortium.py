"""Routes of our own about the consortium: who is elected how, and what the ledger costs in energy."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ledger.machine.context import Members
from ledger.machine.entries import CandidateEntry, EpochEntry
from ledger.machine.validators import tolerated_faults
from ledger.node.node import Node
from ledger.node.rpc_params import Params
from ledger.node.rpc_routes import Route
from ledger.types.canonical import b64u_decode
from ledger.types.ids import address_of


async def election(node: Node, params: Params) -> dict[str, Any]:
    """The present epoch, who votes and who stands, how many may fail, and what is wrong with that.

    `epoch` is null while the consortium elects nobody.
    """
    app = node.executor.app
    powers = app.validators_at(app.info().height + 2)
    candidates = {key: app.candidate(key) for key in standing_keys(powers, app.candidates())}
    return election_answer(powers, app.epoch(), candidates, node.executor.alarms())


def standing_keys(powers: Members, candidates: Iterable[str]) -> list[bytes]:
    """The keys of those who vote or stand, ascending; `candidates` are b64u."""
    return sorted({*powers, *(b64u_decode(key, 32) for key in candidates)})


def election_answer(
    powers: Members,
    epoch: EpochEntry | None,
    candidates: Mapping[bytes, CandidateEntry | None],
    alarms: Iterable[str],
) -> dict[str, Any]:
    """The answer of `election`: `candidates` has an entry or None for each of the `standing_keys`."""
    standing = (_standing(key, powers.get(key, 0), entry, epoch) for key, entry in candidates.items())
    return {
        "epoch": None if epoch is None else {"number": str(epoch.number), "first": str(epoch.first)},
        "standing": list(standing),
        "tolerated_faults": str(tolerated_faults(powers)),
        "alarms": list(alarms),
    }


def _standing(
    public: bytes, power: int, entry: CandidateEntry | None, epoch: EpochEntry | None
) -> dict[str, Any]:
    address = address_of(public).hex().upper()
    votes = epoch.votes.get(address) if epoch else None
    return {
        "address": address,
        "voting_power": str(power),
        "organisation": entry.organisation if entry else "",
        "renewed": str(entry.renewed if entry else 0),
        "commits_due": str(votes.due if votes else 0),
        "commits_signed": str(votes.signed if votes else 0),
    }


async def energy(node: Node, params: Params) -> dict[str, Any]:
    """What this node's process has used: joules, measured or estimated as it says."""
    return asdict(node.energy.reading())


CONSORTIUM_ROUTES: dict[str, Route] = {route.__name__: route for route in (election, energy)}
