"""Who may knock where: roles, other people's things, sessions and forged forms."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern

from mobile_api import urls
from tests.mobile_api.conftest import World, post, signed_in

PATIENT_PAGES = ["/patient/", "/patient/set-up/", "/patient/looked/", "/patient/settings/"]
CLINICIAN_PAGES = ["/clinician/", "/clinician/device/"]
INSURER_PAGES = ["/insurer/"]
EVERY_API = [f"/{path.pattern}" for path in urls.json_urls if isinstance(path, URLPattern)]


@pytest.mark.parametrize("path", PATIENT_PAGES + CLINICIAN_PAGES + INSURER_PAGES)
def test_a_stranger_is_sent_to_the_start(world: World, path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("okafor", PATIENT_PAGES + INSURER_PAGES),
        ("li-mei", CLINICIAN_PAGES + INSURER_PAGES),
        ("clerk", PATIENT_PAGES + CLINICIAN_PAGES),
    ],
)
def test_each_role_has_its_own_pages_only(world: World, name: str, pages: list[str]) -> None:
    client = signed_in(world, name)
    assert [client.get(path).status_code for path in pages] == [403] * len(pages)


@pytest.mark.parametrize("path", [p for p in EVERY_API if "<" not in p])
def test_no_endpoint_answers_a_stranger(world: World, path: str) -> None:
    statuses = {Client().get(path).status_code, post(Client(), path, {}).status_code}
    assert statuses <= {401, 405}
    assert 401 in statuses


def test_a_clinician_cannot_reach_patient_endpoints(world: World) -> None:
    client = signed_in(world, "okafor")
    for path in EVERY_API:
        if path.startswith("/api/patient/"):
            real = path.replace("<opaque:request_id>", "A" * 22).replace("<record:record_id>", str(uuid4()))
            statuses = {client.get(real).status_code, post(client, real, {}).status_code}
            assert statuses == {403, 405}, real


def test_a_patient_cannot_ask_or_open_as_a_clinician(world: World) -> None:
    client = signed_in(world, "li-mei")
    assert post(client, "/api/clinician/requests/create", {}).status_code == 403
    assert post(client, "/api/clinician/open", {"wire": "{}"}).status_code == 403


def test_another_patients_request_is_like_one_that_does_not_exist(li_mei: World, amina: World) -> None:
    asked = li_mei.tablet.ask(li_mei.code("li-mei"))
    stranger = signed_in(li_mei, "amina-diallo")
    absent = "A" * 22
    for path in ("/patient/requests/{}/", "/api/patient/requests/{}"):
        theirs, nobodys = (stranger.get(path.format(id_)) for id_ in (asked.request_id, absent))
        assert theirs.status_code == nobodys.status_code == 404
    api = "/api/patient/requests/{}"
    assert stranger.get(api.format(asked.request_id)).content == stranger.get(api.format(absent)).content
    refused = post(stranger, f"/api/patient/requests/{asked.request_id}/refuse", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert signed_in(li_mei, "li-mei").get(f"/patient/requests/{asked.request_id}/").status_code == 200


def test_another_clinicians_request_is_not_shown(li_mei: World) -> None:
    asked = li_mei.tablet.ask(li_mei.code("li-mei"))
    assert signed_in(li_mei, "okafor").get(f"/clinician/requests/{asked.request_id}/").status_code == 200
    assert signed_in(li_mei, "mallory").get(f"/clinician/requests/{asked.request_id}/").status_code == 404


def test_another_patients_record_page_does_not_exist(li_mei: World, amina: World) -> None:
    [record, *_] = li_mei.ingest("li-mei", "riverside", ("Observation", b"another"))
    assert signed_in(li_mei, "amina-diallo").get(f"/patient/records/{record}/").status_code == 404
    answer = post(signed_in(li_mei, "amina-diallo"), f"/api/patient/records/{record}/open", {})
    assert answer.status_code in (404, 409)
    assert "envelope" not in answer.content.decode()


def test_a_form_from_another_site_is_refused(world: World) -> None:
    client = signed_in(world, "amina-diallo", enforce_csrf_checks=True)
    assert post(client, "/api/patient/pin", {"pin": "739154"}).status_code == 403
    assert client.post("/insurer/requests/", {"patient_code": "x"}).status_code == 403


def test_ciphertext_needs_a_token_even_with_a_session(li_mei: World) -> None:
    [record, *_] = li_mei.ingest("li-mei", "riverside", ("Observation", b"third"))
    client = signed_in(li_mei, "li-mei")
    for what in ("ciphertext", "manifest"):
        assert client.get(f"/api/records/{record}/{what}").status_code == 401
        forged = client.get(f"/api/records/{record}/{what}", headers={"Authorization": "Bearer forged"})
        assert forged.status_code == 409


def test_pages_carry_a_strict_policy_and_are_never_cached(amina: World) -> None:
    answer = signed_in(amina, "amina-diallo").get("/patient/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "no-store" in answer.headers["Cache-Control"]
    body = answer.content.decode()
    assert " style=" not in body
    assert "<script>" not in body
    assert "javascript:" not in body
