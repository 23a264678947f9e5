"""The patient's choices and who looked: kept, said honestly, in pages, never another patient's."""

import re

from tests.mobile_api.conftest import World, signed_in
from wallet import api as wallet


def emergency(world: World, person: str) -> str:
    return wallet.patient_profile(person_id=world.people[person].id).emergency


def test_the_emergency_choice_is_kept_and_shown(amina: World) -> None:
    patient = signed_in(amina, "amina-diallo")
    for choice in ("never", "allow", "summary"):
        shown = patient.post("/patient/settings/", {"choice": choice}, follow=True).content.decode()
        assert emergency(amina, "amina-diallo") == choice
        assert f'value="{choice}" checked' in shown
        assert "Your choice is kept." in shown


def test_the_page_says_that_emergency_opening_is_not_in_service(amina: World) -> None:
    shown = signed_in(amina, "amina-diallo").get("/patient/settings/").content.decode()
    assert "Opening a record in an emergency is not in service yet" in shown


def test_a_choice_that_does_not_exist_changes_nothing(amina: World) -> None:
    before = emergency(amina, "amina-diallo")
    for forged in ({"choice": "everybody"}, {}):
        shown = signed_in(amina, "amina-diallo").post("/patient/settings/", forged, follow=True)
        assert "Choose one of the three." in shown.content.decode()
    assert emergency(amina, "amina-diallo") == before


def test_settings_say_where_the_keys_are(amina: World) -> None:
    shown = signed_in(amina, "amina-diallo").get("/patient/settings/").content.decode()
    assert "locked under your PIN" in shown
    assert shown.count("Registered</span>") == len(amina.organisations)
    before_set_up = signed_in(amina, "li-mei").get("/patient/settings/").content.decode()
    assert "You have no keys yet." in before_set_up


def test_nobody_else_reaches_the_settings(amina: World) -> None:
    assert signed_in(amina, "okafor").get("/patient/settings/").status_code == 403
    assert signed_in(amina, "clerk").post("/patient/settings/", {"choice": "allow"}).status_code == 403


def opened(world: World, times: int) -> wallet.ConsentView:
    """Dr Okafor opens Li Mei's records this often under one consent."""
    consent = world.phone.approve(world.tablet.ask(world.code("li-mei")).request_id)
    world.settle()
    for _ in range(times):
        world.tablet.open(consent.consent_id)
    world.settle()
    return consent


def looks(page: str) -> list[str]:
    return re.findall(r'data-look="([^"]+)"', page)


def test_a_look_names_who_where_when_what_why_and_under_which_permission(li_mei: World) -> None:
    consent = opened(li_mei, 1)
    shown = " ".join(signed_in(li_mei, "li-mei").get("/patient/looked/").content.decode().split())
    for words in ("Dr Okafor", "Physician", "North Lake Hospital", "Treatment", consent.consent_id):
        assert words in shown
    assert "Results and measurements (1)" in shown
    assert "Problems and diagnoses (1)" in shown
    assert re.search(r"given \d+ \w+ \d{4}, \d\d:\d\d, until \d+ \w+ \d{4}, \d\d:\d\d", shown)
    assert "State: </span>Open" in shown


def test_looks_come_in_pages_each_shown_once(li_mei: World) -> None:
    opened(li_mei, 11)
    patient = signed_in(li_mei, "li-mei")
    first = patient.get("/patient/looked/").content.decode()
    second = patient.get("/patient/looked/?page=2").content.decode()
    assert (len(looks(first)), len(looks(second))) == (10, 1)
    assert len(set(looks(first) + looks(second))) == 11
    assert ('rel="next"' in first, 'rel="prev"' in first) == (True, False)
    assert ('rel="next"' in second, 'rel="prev"' in second) == (False, True)
    assert "There are no earlier looks." in patient.get("/patient/looked/?page=3").content.decode()
    for odd in ("0", "-1", "x", "99999999", "²"):
        assert patient.get("/patient/looked/", {"page": odd}).status_code == 200


def test_without_looks_the_page_says_so(amina: World) -> None:
    assert "Nobody has opened your record yet." in (
        signed_in(amina, "amina-diallo").get("/patient/looked/").content.decode()
    )


def test_another_patients_looks_are_not_shown(li_mei: World) -> None:
    opened(li_mei, 1)
    assert not looks(signed_in(li_mei, "amina-diallo").get("/patient/looked/").content.decode())
