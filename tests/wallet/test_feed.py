"""Feeds: waiting readers, other writers, one numbering."""

import threading
import time
import uuid

from django.db import transaction

from wallet import api as wallet
from wallet.feed import FeedKind, _wait, feed_append, feed_wake

PERSON = uuid.UUID(int=1)
OTHER = uuid.UUID(int=2)


def append(person, once):
    with transaction.atomic():
        kind = FeedKind.REQUEST_WAITING
        return feed_append(person_id=person, kind=kind, once=once, payload={"request_id": once})


def test_each_person_counts_for_themselves_and_positions_order_all(db):
    for once, person in (("a", PERSON), ("b", OTHER), ("c", PERSON)):
        append(person, once)
    assert [i.seq for i in wallet.feed_since(person_id=PERSON, after=0)] == [1, 2]
    assert [i.seq for i in wallet.feed_since(person_id=PERSON, after=1)] == [2]
    assert [(i.person_id, i.position) for i in wallet.feed_tail(after=0)] == [
        (PERSON, 1),
        (OTHER, 2),
        (PERSON, 3),
    ]


def test_one_occasion_is_said_once_and_leaves_no_gap(db):
    assert append(PERSON, "a")
    assert append(PERSON, "a") is None
    append(PERSON, "b")
    assert [i.seq for i in wallet.feed_since(person_id=PERSON, after=0)] == [1, 2]
    assert wallet.feed_position() == 2


def test_entry_of_a_transaction_that_failed_leaves_no_gap(transactional_db):
    with transaction.atomic():
        feed_append(person_id=PERSON, kind=FeedKind.REQUEST_WAITING, once="x", payload={})
        transaction.set_rollback(True)
    append(PERSON, "a")
    assert [i.position for i in wallet.feed_tail(after=0)] == [1]


def test_waiting_reader_returns_when_time_is_up(db):
    began = time.monotonic()
    assert wallet.feed_since(person_id=PERSON, after=0, wait_s=0.1) == []
    assert 0.1 <= time.monotonic() - began < 1


def test_waiting_reader_wakes_at_once():
    box, woken = [], []

    def read():
        return list(box)

    def reader():
        began = time.monotonic()
        _wait(read, 10)
        woken.append(time.monotonic() - began)

    thread = threading.Thread(target=reader)
    thread.start()
    time.sleep(0.05)
    box.append("entry")
    feed_wake()
    thread.join(5)
    assert woken
    assert woken[0] < 0.15, "woken by the writer, not by the next poll"


def test_nobody_has_no_feed(db):
    assert append(None, "a") is None
