"""Who knocks without a certificate takes little and keeps nobody out. No sockets."""

from ledger.node import strangers
from ledger.node.strangers import PLACES, PLACES_PER_ADDRESS, Strangers


def crowd(hall: Strangers, address: str, count: int, ended: list[str], now_s: float = 0.0) -> int:
    """Let `count` come from an address; returns how many got a place."""
    return sum(hall.enter(address, lambda: ended.append(address), now_s) is not None for _ in range(count))


def test_places_are_few_and_the_oldest_of_a_crowded_address_makes_room() -> None:
    hall, ended = Strangers(), list[str]()
    assert crowd(hall, "10.0.0.1", 40, ended) == 40
    assert len(hall) == PLACES_PER_ADDRESS
    assert len(ended) == 40 - PLACES_PER_ADDRESS


def test_one_address_that_keeps_silent_costs_no_other_its_place() -> None:
    hall, ended = Strangers(), list[str]()
    crowd(hall, "10.0.0.1", 50, ended)
    assert crowd(hall, "10.0.0.2", 1, ended) == 1
    crowd(hall, "10.0.0.1", 30, ended, now_s=1)
    assert "10.0.0.2" not in ended


def test_when_many_addresses_fill_all_places_the_oldest_goes_never_the_newest() -> None:
    hall, ended = Strangers(lambda address: address == "10.9.9.9"), list[str]()
    for number in range(PLACES):
        crowd(hall, f"10.0.1.{number}", 1, ended)
    assert len(hall) == PLACES
    assert crowd(hall, "10.9.9.9", 1, ended) == 1
    assert ended == ["10.0.1.0"]
    assert len(hall) == PLACES


def test_address_that_knocks_too_fast_is_turned_away_and_may_come_again() -> None:
    hall, ended = Strangers(), list[str]()
    got = crowd(hall, "10.0.0.1", 1_000, ended)
    assert got == strangers.PER_ADDRESS_AT_ONCE
    assert hall.turned_away == 1_000 - got
    assert crowd(hall, "10.0.0.1", 100, ended, now_s=1) == strangers.PER_ADDRESS_PER_S


def test_flood_from_everywhere_leaves_members_their_own_rate() -> None:
    hall, ended = Strangers(lambda address: address == "10.9.9.9"), list[str]()
    got = sum(crowd(hall, f"10.{n // 250}.{n % 250}.1", 1, ended) for n in range(3_000))
    assert got == strangers.TOGETHER_AT_ONCE
    assert crowd(hall, "10.9.9.9", 5, ended) == 5


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    hall, ended = Strangers(), list[str]()
    for number in range(2 * strangers.MAX_ADDRESSES):
        crowd(hall, f"address {number}", 1, ended)
    assert len(hall._by_address) == strangers.MAX_ADDRESSES


def test_who_is_done_gives_its_place_back() -> None:
    hall, ended = Strangers(), list[str]()
    for number in range(10 * PLACES):
        one = hall.enter("10.0.0.1", lambda: ended.append("gone"), float(number))
        assert one is not None
        hall.leave(one)
    assert not ended
    assert len(hall) == 0
