"""A fresh block on demand: one in ten seconds, in an organisation's name, whoever asks."""

from typing import Any

import pytest

from tests.wallet.conftest import World
from wallet import api as wallet


def checkpoints(world: World) -> list[dict[str, Any]]:
    return [e.body for e in world.ledger.events if e.body["type"] == "CheckpointRequested"]


def ask(world: World, name: str = "li-mei") -> int:
    return wallet.ledger_checkpoint(person_id=world.people[name].id)


def test_a_checkpoint_is_a_block_and_names_no_patient(world: World) -> None:
    before = world.ledger.height
    assert ask(world) == before + 2  # the header after the block carries the time of its votes
    [body] = checkpoints(world)
    assert body["author"] in {each.did for each in wallet.organisations_active()}
    assert set(body) == {"ledger", "type", "version", "author", "nonce", "issued_at", "not_after"}
    assert body["not_after"] - body["issued_at"] == 60_000


def test_within_ten_seconds_the_last_one_serves_everybody(world: World) -> None:
    first = ask(world)
    assert ask(world, "amina-diallo") == first
    world.clock.forward(9.5)
    assert ask(world) == first
    assert len(checkpoints(world)) == 1
    world.clock.forward(1)
    assert ask(world) > first
    assert len(checkpoints(world)) == 2


def test_a_process_that_was_slower_by_a_moment_takes_the_others_block(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw no checkpoint; the ledger takes one and refuses the other for now."""
    ask(world)
    real, calls = world.ledger.query, []

    def blind_at_first(key: str, min_height: int = 0) -> Any:
        found = real(key, min_height)
        calls.append(key)
        return found if len(calls) > 1 else type(found)(None, found.height, found.time_ms)

    monkeypatch.setattr(world.ledger, "query", blind_at_first)
    assert ask(world, "amina-diallo") == world.ledger.height + 1
    assert len(checkpoints(world)) == 1


def test_somebody_who_asks_without_end_is_told_to_wait(world: World) -> None:
    for _ in range(10):
        ask(world)
    with pytest.raises(wallet.RateLimited):
        ask(world)


def test_without_a_gateway_or_a_ledger_it_says_so(world: World, settings: Any) -> None:
    world.ledger.down = True
    with pytest.raises(wallet.LedgerDown):
        ask(world)
    settings.SALUS_GATEWAYS = ["elsewhere"]
    with pytest.raises(wallet.KeyUnavailable):
        ask(world)
