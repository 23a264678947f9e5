"""The JSON API over the whole journey, and what it says when something is refused."""

import json
from typing import Any

from tests.mobile_api.conftest import PIN, World, post, signed_in
from wallet import api as wallet


def error(answer: Any) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()["error"]
    assert set(told) >= {"code", "message", "next"}
    return told


def ask(world: World, patient: str) -> str:
    document, signature = world.tablet.sign(world.tablet.document(world.code(patient)))
    body = {"document": document.decode(), "signature": signature}
    answer = post(signed_in(world, "okafor"), "/api/clinician/requests/create", body)
    assert answer.status_code == 201
    return str(answer.json()["request_id"])


def test_the_scene_over_http_self_held(li_mei: World) -> None:
    patient, doctor = signed_in(li_mei, "li-mei"), signed_in(li_mei, "okafor")
    request_id = ask(li_mei, "li-mei")
    detail = patient.get(f"/api/patient/requests/{request_id}").json()
    assert {offer["record"]["type"] for offer in detail["records"]} == {"Observation", "Condition"}
    wires, pack = li_mei.phone.approval(request_id)
    approval = {"wires": [wire.decode() for wire in wires], "pack": pack}
    assert post(patient, f"/api/patient/requests/{request_id}/approve", approval).status_code == 200
    li_mei.settle()
    [consent] = doctor.get("/api/clinician/requests").json()["consents"]
    assert consent["state"] == "active"
    wire, grant = li_mei.tablet.opening(consent["consent_id"])
    released = post(doctor, "/api/clinician/open", {"wire": wire.decode()}).json()
    record_id = grant.records[0].record.record_id
    token = {"Authorization": f"Bearer {released['token']}"}
    streamed = doctor.get(f"/api/records/{record_id}/ciphertext", headers=token)
    assert b"".join(streamed.streaming_content)
    assert doctor.get(f"/api/records/{record_id}/manifest", headers=token).content
    li_mei.settle()
    [looked] = patient.get("/api/patient/looked").json()
    assert looked["requester_name"] == "Dr Okafor"
    revocation = li_mei.phone.revocation(li_mei_consent(li_mei)).decode()
    assert post(patient, "/api/patient/consents/revoke", {"wire": revocation}).json()["state"] == "revoked"
    assert doctor.get(f"/api/records/{record_id}/ciphertext", headers=token).status_code == 409


def li_mei_consent(world: World) -> wallet.ConsentView:
    [consent] = wallet.consents_for_patient(person_id=world.people["li-mei"].id)
    return consent


def test_a_custodial_approval_needs_the_pin_and_says_how_many_tries_are_left(amina: World) -> None:
    patient = signed_in(amina, "amina-diallo")
    to = f"/api/patient/requests/{ask(amina, 'amina-diallo')}"
    narrowing = {"types": ["Observation"]}
    shown = post(patient, f"{to}/preview", {"narrowing": narrowing, "locale": "zh-Hans"}).json()
    assert "北湖医院" in shown["text"]
    unseen = {"pin": PIN, "narrowing": narrowing, "locale": "zh-Hans"}
    assert post(patient, f"{to}/approve-custodial", unseen).status_code == 400, "signed is shown"
    seen = narrowing | {key: shown["artefact"][key] for key in ("valid_from", "text")}
    call = {"pin": "000000", "narrowing": seen, "locale": "zh-Hans"}
    refused = post(patient, f"{to}/approve-custodial", call)
    assert (refused.status_code, error(refused)["code"], error(refused)["attempts_left"]) == (
        403,
        "wrong_pin",
        4,
    )
    given = post(patient, f"{to}/approve-custodial", call | {"pin": PIN}).json()
    assert (given["state"], given["types"], given["record_count"]) == ("signed", ["Observation"], 1)


def test_a_refused_request_cannot_be_approved_afterwards(amina: World) -> None:
    patient = signed_in(amina, "amina-diallo")
    to = f"/api/patient/requests/{ask(amina, 'amina-diallo')}"
    assert post(patient, f"{to}/refuse", {}).json()["state"] == "refused"
    call = {"pin": PIN, "narrowing": {"valid_from": 1, "text": "A" * 43}, "locale": "en"}
    late = post(patient, f"{to}/approve-custodial", call)
    assert (late.status_code, error(late)["code"]) == (409, "refused")


def test_unknown_missing_and_broken_fields_are_refused_with_their_place(world: World) -> None:
    patient = signed_in(world, "amina-diallo")
    for body in ({"pin": PIN, "admin": True}, {}, {"pin": 739154}):
        answer = post(patient, "/api/patient/pin", json.dumps(body))
        assert (answer.status_code, error(answer)["code"]) == (400, "malformed")
    assert post(patient, "/api/patient/pin", "{").status_code == 400
    assert "`$.pin`" in error(post(patient, "/api/patient/pin", {"pin": 1}))["message"]


def test_errors_are_said_in_the_readers_language(amina: World) -> None:
    patient = signed_in(amina, "amina-diallo", headers={"Accept-Language": "zh-Hans"})
    answer = post(patient, f"/api/patient/requests/{'A' * 22}/refuse", {})
    assert error(answer)["message"] == "未找到。"


def test_answers_with_personal_data_are_never_stored_by_a_cache(amina: World) -> None:
    patient = signed_in(amina, "amina-diallo")
    for path in ("/api/patient/profile", "/api/patient/records", "/api/patient/looked"):
        assert patient.get(path).headers["Cache-Control"] == "no-store"


def test_an_unknown_method_is_refused(world: World) -> None:
    assert signed_in(world, "li-mei").put("/api/patient/pin").status_code == 405


def test_an_insurer_asks_for_payment_and_sees_the_answer(amina: World) -> None:
    amina.ingest("amina-diallo", "riverside", ("Claim", b"{}"))
    amina.settle()
    desk = signed_in(amina, "clerk")
    form = {"patient_code": amina.code("amina-diallo"), "reason": "Your visit", "days": "30"}
    assert desk.post("/insurer/requests/", form).status_code == 302
    page = desk.get("/insurer/").content.decode()
    assert amina.code("amina-diallo") in page
    assert "Waiting for an answer" in page
    wrong = desk.post("/insurer/requests/", form | {"patient_code": "not a code"})
    assert wrong.status_code == 400
    unknown = desk.post("/insurer/requests/", form | {"patient_code": "ZZZZ-ZZZZ"})
    assert unknown.status_code == 400


def test_an_insurer_reads_only_patients_it_has_asked(amina: World) -> None:
    desk = signed_in(amina, "clerk")
    assert desk.get(f"/insurer/claims/{amina.code('amina-diallo')}/").status_code == 404
