"""Which nonces are used: remembered to the very millisecond, forgotten together, believed only when named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.machine.entries import NoncesEntry, encoded, nonces_key, write
from ledger.machine.nonces import NonceBook, digest_of, nonces_entry
from tests.ledger.machine.cast import HOUR, NOON, Chain, b64u_of, consortium, grant


def test_a_list_is_remembered_through_its_last_moment_and_gone_a_millisecond_later() -> None:
    book = NonceBook()
    book.remember(7, ["ann/1", "bob/2"], 100)
    for time_ms in (0, 99, 100):
        book.forget(time_ms)
        assert book.expired(time_ms) == []
        assert book.is_used("ann/1", time_ms)
    assert not book.is_used("ann/1", 101)
    assert book.expired(101) == [7]
    book.forget(101)
    assert book.expired(101) == []
    assert book.lists() == []
    assert not book.is_used("bob/2", 0)


def test_a_block_remembers_all_its_nonces_as_long_as_the_longest_lived() -> None:
    assert nonces_entry({"ann/1": 100, "bob/2": 900, "cy/3": 500}).until == 900
    chain = consortium()
    short = grant(consent=b64u_of("short", 16), not_after=NOON + HOUR)
    chain.block(short, grant(consent=b64u_of("long", 16), not_after=NOON + 3 * HOUR))
    chain.block(time_ms=NOON + HOUR)
    assert _remembered(chain) == 2
    chain.block(time_ms=NOON + 3 * HOUR)
    assert _remembered(chain) == 2
    chain.block(time_ms=NOON + 3 * HOUR + 1)
    assert _remembered(chain) == 0


def _remembered(chain: Chain) -> int:
    """How many nonces of the second block are remembered: the first one's, of the cast, live as long."""
    return sum(len(names) for height, names in chain.app._nonces.lists() if height == 2)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(0, 4)), max_size=25))
def test_the_book_agrees_with_a_plain_list_of_everything(blocks: list[tuple[int, int, int]]) -> None:
    book, plain, now = NonceBook(), dict[str, tuple[int, int]](), 0
    for height, (passes, lives, count) in enumerate(blocks, 1):
        now += passes
        gone = {at for at, until in plain.values() if until < now}
        assert set(book.expired(now)) == gone
        book.forget(now)
        plain = {name: (at, until) for name, (at, until) in plain.items() if until >= now}
        names = [f"author/{height}-{number}" for number in range(count)]
        if names:
            book.remember(height, names, now + lives)
            plain |= dict.fromkeys(names, (height, now + lives))
        for later in (now, now + 15):
            for name, (_, until) in plain.items():
                assert book.is_used(name, later) == (until >= later)
        assert {name for _, listed in book.lists() for name in listed} == set(plain)


def test_lists_that_the_state_names_may_still_not_hold_a_nonce_twice() -> None:
    """Such a state cannot come to be; a snapshot that says so was made up."""
    names = ("ann/1", "bob/2")
    entries = [write(nonces_key(height), NoncesEntry(digest_of(names), 100)) for height in (1, 2)]
    state = dict(encoded(entries))
    with pytest.raises(ValueError, match="a nonce is listed twice"):
        NonceBook.restore(state, [(1, names), (2, names)])
    one = dict(encoded(entries[:1]))
    assert NonceBook.restore(one, [(1, names)]).lists() == [(1, names)]
    with pytest.raises(ValueError, match="not those that the state names"):
        NonceBook.restore(one, [(1, names), (1, names)])
