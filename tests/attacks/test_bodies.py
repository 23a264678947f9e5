"""Bodies made to break the parser, and push endpoints made to break the address book."""

import json
from typing import Any

import pytest
from django.test import Client

from mobile_api.push.subscriptions import is_push_service
from tests.wallet.conftest import World

APPROVE = f"/api/patient/requests/{'A' * 22}/approve"


def post(world: World, path: str, body: bytes) -> Any:
    client = Client(raise_request_exception=False)
    client.force_login(world.people["li-mei"])
    return client.post(path, body, content_type="application/json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"wires":[],"pack":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"wires":[],"pack":{},"pack":{"salt":"x"}}',
        b'{"wires":[],"pack":{"salt":"x","salt":"y"}}',
        b'{"wires":[],"pack":{"a":NaN}}',
        b'{"wires":[],"pack":{"a":1e999}}',
        b'{"wires":[],"pack":{"a":' + b"9" * 5_000 + b"}}",
        b'{"wires":["\\ud800"],"pack":{}}',
        b'{"wires":[],"pack":{},"more":1}',
        b'{"wires":[1],"pack":{}}',
    ],
    ids=lambda body: body[:44].decode("latin-1"),
)
def test_a_body_that_is_not_what_it_should_be_is_refused_with_400(world: World, body: bytes) -> None:
    answer = post(world, APPROVE, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")


@pytest.mark.parametrize("size", [2_000_001, 3_000_000])
def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(world: World, size: int) -> None:
    answer = post(world, APPROVE, b'{"wires":["' + b"x" * size + b'"],"pack":{}}')
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize("field", ["wires", "pack"])
def test_a_well_formed_body_with_nonsense_inside_is_refused(world: World, field: str) -> None:
    world.phone.set_up()
    world.settle()
    request = world.tablet.ask(world.code("li-mei"))
    deep: Any = {"pack": {}, "wires": []}
    deep[field] = {"a": [{"b": [None]}]} if field == "pack" else ["[" * 5_000, "{}"]
    answer = post(world, f"/api/patient/requests/{request.request_id}/approve", json.dumps(deep).encode())
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com:99999/x",
        "https://[fcm.googleapis.com/x",
        "https://fcm.googleapis.com.mallory.example/x",
        "https://fcm.googleapis.com@mallory.example/x",
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "",
    ],
)
def test_only_a_push_service_is_ever_posted_to(world: World, endpoint: str) -> None:
    body = {"endpoint": endpoint, "keys": {"p256dh": "B" * 87, "auth": "A" * 22}}
    answer = post(world, "/api/push/subscribe", json.dumps(body).encode())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_push_service")


def test_the_known_push_services_pass() -> None:
    assert is_push_service("https://fcm.googleapis.com/fcm/send/abc")
    assert is_push_service("https://updates.push.services.mozilla.com/wpush/v2/abc")
    assert not is_push_service("https://push.services.mozilla.com.example/wpush")
