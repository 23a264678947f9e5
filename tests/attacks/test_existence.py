"""Fishing: does this patient exist, is there a consent, how many records? One answer for every "no"."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.attacks.conftest import Browser
from tests.interop.conftest import MEMBER, Faces
from tests.interop.samples import bundle, claim, patient
from tests.wallet.conftest import World
from tests.wallet.devices import Tablet
from wallet import api as wallet
from wallet.services.requests import ASKS_PER_MINUTE

NOBODY = "0000-0000"
VARYING = {"Date", "Expires", "Content-Length"}


def shown(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a caller sees of an answer."""
    return answer.status_code, answer.content, sorted(h for h in answer.items() if h[0] not in VARYING)


def questions(faces: Faces) -> dict[str, str]:
    """Each a search that must find nothing, for another reason."""
    amina, li_mei = faces.world.code("amina-diallo"), faces.world.code("li-mei")
    return {
        "nobody's code": NOBODY,
        "a malformed code": "nonsense",
        "a code with a letter that no code has": "UUUU-UUUU",
        "a patient with claims, without consent": amina,
        "a patient without any record": li_mei,
        "the insurer's own member, without consent": "|".join(MEMBER),
        "no member of the insurer's": f"{MEMBER[0]}|nobody",
        "another organisation's number": "https://riverside.example/ids/mrn|A1",
    }


def test_every_no_of_the_fhir_face_is_one_and_the_same(faces: Faces) -> None:
    faces.riverside.post("/fhir/", bundle(patient(identifier=[_a1()]), claim()))
    faces.world.settle()
    assert faces.records("amina-diallo"), "there is something to find"
    for resource in ("Claim", "ExplanationOfBenefit"):
        answers = {
            why: shown(faces.evergreen.get(f"/fhir/{resource}?patient={who}"))
            for why, who in questions(faces).items()
        }
        assert len(set(map(str, answers.values()))) == 1, answers
        assert {status for status, _, _ in answers.values()} == {403}


def test_a_no_after_a_consent_is_the_same_no_as_before(faces: Faces) -> None:
    """Ended, for another type, or for another purpose: nothing tells that there once was a consent."""
    faces.riverside.post("/fhir/", bundle(patient(identifier=[_a1()]), claim()))
    faces.world.settle()
    never = shown(faces.evergreen.get(f"/fhir/Claim?patient={NOBODY}"))
    faces.consent_to_payment()
    code = faces.world.code("amina-diallo")
    assert faces.evergreen.get(f"/fhir/Claim?patient={code}").status_code == 200
    other = shown(faces.evergreen.get(f"/fhir/ExplanationOfBenefit?patient={code}"))
    assert other == shown(faces.evergreen.get(f"/fhir/ExplanationOfBenefit?patient={NOBODY}"))
    faces.world.clock.forward(31 * 86_400)
    wallet.expire_step(now=faces.world.clock())
    assert shown(faces.evergreen.get(f"/fhir/Claim?patient={code}")) == never


def test_a_no_costs_the_database_the_same_whether_the_patient_exists(faces: Faces) -> None:
    """Time is a channel, too: the same number of queries, so that no extra work tells."""

    def queries(who: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            faces.evergreen.get(f"/fhir/Claim?patient={who}")
        return len(captured)

    assert queries(NOBODY) == queries(faces.world.code("amina-diallo")) == queries("nonsense")


def _a1() -> dict[str, str]:
    return {"system": "https://riverside.example/ids/mrn", "value": "A1"}


def test_guessing_patient_codes_by_asking_is_stopped(world: World) -> None:
    """Asking tells a doctor whether a code is someone's: it must, for typing errors. Guesses are counted."""
    with pytest.raises(wallet.NotFound):
        world.tablet.ask(NOBODY)
    for _ in range(ASKS_PER_MINUTE - 1):
        with pytest.raises((wallet.NotFound, wallet.RateLimited)):
            world.tablet.ask(NOBODY)
    with pytest.raises(wallet.RateLimited):
        world.tablet.ask(world.code("li-mei"))
    world.clock.forward(61)
    assert world.tablet.ask(world.code("li-mei")).state == "requested"


def test_a_limit_counts_per_person_and_does_not_stop_others(world: World) -> None:
    other = Tablet(world.people["mallory"].id)
    other.register()
    world.settle()
    for _ in range(ASKS_PER_MINUTE):
        with pytest.raises(wallet.NotFound):
            other.ask(NOBODY)
    with pytest.raises(wallet.RateLimited):
        other.ask(NOBODY)
    assert world.tablet.ask(world.code("li-mei")).state == "requested"


def asking(path: str, client: Any) -> Callable[[str], tuple[int, Any]]:
    def asked(thing: str) -> tuple[int, Any]:
        answer = client.get(path.format(thing))
        return answer.status_code, answer.json()

    return asked


def test_another_persons_request_consent_and_record_are_as_if_they_were_not_there(
    li_mei: World, consent: wallet.ConsentView, browser: Browser
) -> None:
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    amina, mallory = browser(li_mei.people["amina-diallo"]), browser(li_mei.people["mallory"])
    for client, path, real in (
        (amina, "/api/patient/requests/{}", request.request_id),
        (mallory, "/api/clinician/consents/{}/grant", consent.consent_id),
    ):
        asked = asking(path, client)
        assert asked(real) == asked("A" * 22)
        assert asked(real)[0] == 404


def test_a_code_is_no_use_to_read_a_name(world: World) -> None:
    """Who asks learns whether the code is someone's, never whose."""
    request = world.tablet.ask(world.code("li-mei"))
    for value in (str(request), str(wallet.requests_for_requester(person_id=world.tablet.person_id))):
        for words in ("Li Mei", "李梅", str(world.people["li-mei"].id)):
            assert words not in value
