"""What a page may ask of the ledger through us: light blocks, a consent's state, a fresh block."""

from typing import Any

import pytest

from tests.mobile_api.conftest import World, post, signed_in


def test_a_patient_gets_the_height_of_a_fresh_header(world: World) -> None:
    answer = post(signed_in(world, "li-mei"), "/api/ledger/checkpoint", {})
    assert (answer.status_code, answer.json()) == (200, {"height": world.ledger.height + 1})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["okafor", "clerk"])
def test_others_make_no_blocks(world: World, name: str) -> None:
    before = world.ledger.height
    assert post(signed_in(world, name), "/api/ledger/checkpoint", {}).status_code == 403
    assert world.ledger.height == before


def test_without_a_ledger_the_page_is_told_what_to_do(world: World) -> None:
    world.ledger.down = True
    answer = post(signed_in(world, "li-mei"), "/api/ledger/checkpoint", {})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "ledger_unavailable"


@pytest.mark.parametrize("height", ["", "-1", "1.5", "x", "9" * 16, "٣"])
def test_a_height_is_a_whole_number(world: World, height: str) -> None:
    answer = signed_in(world, "li-mei").get("/api/ledger/0/light-block", {"height": height})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


@pytest.mark.parametrize("path", ["/api/ledger/0/light-block", f"/api/ledger/consents/{'A' * 22}"])
def test_nobody_asks_without_signing_in(world: World, client: Any, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get("/api/ledger/consents/../../x").status_code == 404
