"""One tap signs in the right person, for as long and as often as the link says."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.api import (
    Person,
    SignInRefused,
    person_ensure,
    sign_in_link_create,
    sign_in_link_use,
    sign_in_links_sweep,
)
from accounts.models import SignInLink

pytestmark = pytest.mark.django_db


@pytest.fixture
def li_mei() -> Person:
    return person_ensure(handle="li-mei", name="Li Mei", name_zh="李梅", role="patient", language="zh-hans")


def test_a_link_signs_in_its_person_and_speaks_their_language(li_mei: Person, client: Client) -> None:
    token = sign_in_link_create(person=li_mei, now=timezone.now(), valid_for=timedelta(hours=1))
    response = client.get(f"/signin/{token}/")
    assert response.status_code == 302
    assert response["Location"] == "/patient/"
    assert response["Referrer-Policy"] == "no-referrer"
    assert client.session["_auth_user_id"] == str(li_mei.id)
    assert response.cookies["django_language"].value == "zh-hans"


def test_a_link_for_one_use_is_refused_the_second_time(li_mei: Person) -> None:
    token = sign_in_link_create(person=li_mei, now=timezone.now(), valid_for=timedelta(hours=1))
    sign_in_link_use(token=token, now=timezone.now())
    with pytest.raises(SignInRefused):
        sign_in_link_use(token=token, now=timezone.now())


def test_a_demo_link_works_as_often_as_wanted(li_mei: Person) -> None:
    token = sign_in_link_create(person=li_mei, now=timezone.now(), valid_for=timedelta(hours=1), uses=None)
    assert {sign_in_link_use(token=token, now=timezone.now()).handle for _ in range(3)} == {"li-mei"}


def test_a_late_unknown_or_disabled_link_is_refused(li_mei: Person, client: Client) -> None:
    now = timezone.now()
    late = sign_in_link_create(person=li_mei, now=now - timedelta(hours=2), valid_for=timedelta(hours=1))
    good = sign_in_link_create(person=li_mei, now=now, valid_for=timedelta(hours=1))
    li_mei.is_active = False
    li_mei.save()
    for token in (late, good, "guess"):
        response = client.get(f"/signin/{token}/")
        assert response.status_code == 403
        assert "_auth_user_id" not in client.session


def test_a_dump_of_the_database_holds_no_token(li_mei: Person) -> None:
    token = sign_in_link_create(person=li_mei, now=timezone.now(), valid_for=timedelta(hours=1))
    assert token not in str(list(SignInLink.objects.values()))


def test_used_and_late_links_are_swept(li_mei: Person) -> None:
    now = timezone.now()
    used = sign_in_link_create(person=li_mei, now=now, valid_for=timedelta(hours=1))
    sign_in_link_use(token=used, now=now)
    sign_in_link_create(person=li_mei, now=now - timedelta(hours=3), valid_for=timedelta(hours=1))
    sign_in_link_create(person=li_mei, now=now, valid_for=timedelta(hours=1))
    assert sign_in_links_sweep(now=now) == 2
    assert SignInLink.objects.count() == 1


def test_the_language_switch_never_leads_to_another_site(client: Client) -> None:
    response = client.post("/language/", {"language": "zh-hans", "next": "https://mallory.example/"})
    assert response["Location"] == "/"
    assert response.cookies["django_language"].value == "zh-hans"
