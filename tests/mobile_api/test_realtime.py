"""Sockets and bells: nothing lost, nothing doubled, nobody else's."""

import uuid
from typing import Any

import pytest
from django.db import transaction

from accounts.api import Person, person_ensure
from mobile_api.models import PumpCursor, PushDue
from mobile_api.realtime.consumers import FeedConsumer
from mobile_api.realtime.feed import acknowledge, acknowledged, in_thread
from mobile_api.realtime.pump import pump_position, pump_step
from tests.mobile_api.sockets import WebsocketCommunicator
from wallet.feed import FeedKind, feed_append

pytestmark = pytest.mark.django_db(transaction=True)
HERE = [(b"host", b"li-mei.localhost"), (b"origin", b"http://li-mei.localhost")]


def append(person_id: uuid.UUID, name: str, kind: FeedKind = FeedKind.REQUEST_WAITING) -> None:
    with transaction.atomic():
        feed_append(person_id=person_id, kind=kind, once=name, payload={"request_id": name})


async def li_mei() -> Person:
    return await in_thread(person_ensure, handle="li-mei", name="Li Mei", role="patient")


def socket(person: Person | None, headers: list[tuple[bytes, bytes]] = HERE) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(FeedConsumer.as_asgi(), "/ws/feed", headers=headers)
    communicator.scope["user"] = person
    return communicator


async def said(communicator: WebsocketCommunicator) -> tuple[list[str], int]:
    message: Any = await communicator.receive_json_from(timeout=3)
    return [entry["payload"]["request_id"] for entry in message["entries"]], message["cursor"]


async def closed_with(communicator: WebsocketCommunicator) -> int:
    await communicator.connect()
    output = await communicator.receive_output(timeout=3)
    assert output["type"] == "websocket.close"
    return int(output["code"])


async def test_a_page_first_gets_what_it_missed_then_what_is_new() -> None:
    person = await li_mei()
    for name in ("one", "two"):
        await in_thread(append, person.id, name)
    position = await in_thread(pump_position)
    page = socket(person)
    await page.connect()
    await page.send_json_to({"type": "hello", "cursor": 1})
    assert await said(page) == (["two"], 2)
    await in_thread(append, person.id, "three")
    await pump_step(position, 0)
    assert await said(page) == (["three"], 3)
    await page.disconnect()


async def test_a_hello_with_nothing_missed_is_answered() -> None:
    page = socket(await li_mei())
    await page.connect()
    await page.send_json_to({"type": "hello", "cursor": 0})
    assert await said(page) == ([], 0)
    await page.disconnect()


async def test_a_wake_that_comes_twice_sends_each_entry_once() -> None:
    person = await li_mei()
    position = await in_thread(pump_position)
    page = socket(person)
    await page.connect()
    await page.send_json_to({"type": "hello", "cursor": 0})
    await said(page)
    await in_thread(append, person.id, "one")
    await pump_step(position, 0)
    assert await said(page) == (["one"], 1)
    await pump_step(position, 0)
    assert await page.receive_nothing(timeout=0.3)
    await page.disconnect()


async def test_another_persons_entries_do_not_reach_the_page() -> None:
    person, position = await li_mei(), await in_thread(pump_position)
    page = socket(person)
    await page.connect()
    await page.send_json_to({"type": "hello", "cursor": 0})
    await said(page)
    await in_thread(append, uuid.uuid4(), "amina's")
    await pump_step(position, 0)
    assert await page.receive_nothing(timeout=0.3)
    await page.disconnect()


async def test_a_page_of_another_site_gets_no_socket() -> None:
    person = await li_mei()
    foreign = [(b"host", b"li-mei.localhost"), (b"origin", b"http://mallory.localhost")]
    assert await closed_with(socket(person, foreign)) == 4403
    assert await closed_with(socket(person, [(b"host", b"li-mei.localhost")])) == 4403


async def test_a_page_without_a_session_gets_no_socket() -> None:
    assert await closed_with(socket(None)) == 4401


@pytest.mark.parametrize(
    "message", ['{"type": "hello", "cursor": -1}', '{"type": "hello"}', "[]", "not json"]
)
async def test_a_malformed_message_closes_the_socket(message: str) -> None:
    page = socket(await li_mei())
    await page.connect()
    await page.send_text(message)
    output = await page.receive_output(timeout=3)
    assert (output["type"], output["code"]) == ("websocket.close", 4400)


async def test_an_acknowledgement_is_kept_and_never_goes_back() -> None:
    person = await li_mei()
    page = socket(person)
    await page.connect()
    for cursor in (5, 3):
        await page.send_json_to({"type": "ack", "cursor": cursor})
    await page.send_json_to({"type": "hello", "cursor": 0})
    await said(page)
    await page.disconnect()
    assert await in_thread(acknowledged, person.id) == 5


def test_acknowledging_an_older_entry_changes_nothing() -> None:
    person = uuid.uuid4()
    acknowledge(person, 7)
    acknowledge(person, 2)
    assert acknowledged(person) == 7


async def test_a_waiting_request_sets_one_bell_however_many_pumps_run() -> None:
    person, position = await li_mei(), await in_thread(pump_position)
    await in_thread(append, person.id, "one")
    await in_thread(append, person.id, "seen", FeedKind.ACCESS_OPENED)
    assert await pump_step(position, 0) == await pump_step(position, 0) == 2
    bells = await in_thread(lambda: list(PushDue.objects.values_list("person_id", "opaque_id")))
    assert bells == [(person.id, "one")]


async def test_a_pump_that_starts_again_goes_on_where_it_stood() -> None:
    person, position = await li_mei(), await in_thread(pump_position)
    await in_thread(append, person.id, "one")
    await pump_step(position, 0)
    assert await in_thread(pump_position) == 1
    assert await in_thread(PumpCursor.objects.count) == 1
