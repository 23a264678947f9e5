"""Records in over FHIR and DICOMweb, claims out under a consent: with real keys, storage and ledger rules."""

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from interop.dicom.parse import parse_dicom
from interop.services import ingest as ingest_module
from ledger.api import b64u_decode
from salus.demo.records import DemoSource, ct_series, mrn, subject_for
from tests.interop.conftest import MEMBER, Faces, enrol
from tests.interop.samples import MRN, bundle, claim, observation, patient
from tests.interop.test_dicom import SLICE
from tests.interop.test_studies import members
from tests.wallet.conftest import PIN
from wallet import api as wallet
from wallet import ports

AMINA = {"identifier": [{"system": MRN[0], "value": "A1"}]}


def outcome(answer: Any) -> tuple[int, str, str]:
    assert answer["Content-Type"] == "application/fhir+json"
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    issue = body["issue"][0]
    return answer.status_code, issue["code"], issue.get("expression", [""])[0]


def test_a_transaction_is_held_encrypted_until_the_patient_has_keys_and_then_anchored(faces: Faces) -> None:
    answer = faces.riverside.post("/fhir/", bundle(patient(), observation()))
    assert answer.status_code == 200
    assert [e["response"]["status"] for e in answer.json()["entry"]] == ["201 Created", "201 Created"]
    assert {record.state for record in faces.records("li-mei")} == {"awaiting_key"}
    faces.world.phone.set_up()
    faces.world.settle()
    assert {record.state for record in faces.records("li-mei")} == {"anchored"}


def test_the_same_transaction_twice_makes_nothing_new(faces: Faces) -> None:
    sent = bundle(patient(**AMINA), observation(), claim())
    first, again = faces.riverside.post("/fhir/", sent), faces.riverside.post("/fhir/", sent)
    held = faces.records("amina-diallo")
    assert {e["response"]["status"] for e in again.json()["entry"]} == {"200 OK"}
    assert [e["response"]["location"] for e in first.json()["entry"]] == [
        e["response"]["location"] for e in again.json()["entry"]
    ]
    assert len(held) == len({record.record_id for record in held}) == 5


def test_a_wrong_entry_stores_nothing_of_a_transaction(faces: Faces) -> None:
    answer = faces.riverside.post("/fhir/", bundle(patient(), observation(), observation(code={})))
    assert outcome(answer) == (400, "structure", "Bundle.entry[2].resource.code")
    assert faces.records("li-mei") == []


def test_a_failure_of_storage_stores_nothing_and_says_to_try_again(
    faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: Any) -> Any:
        raise wallet.StorageDown("Too few providers answer.")

    monkeypatch.setattr(ingest_module.wallet, "records_ingest", down)
    answer = faces.riverside.post("/fhir/", bundle(patient(), observation()))
    assert outcome(answer)[:2] == (503, "transient")
    assert answer["Retry-After"]
    monkeypatch.undo()
    assert faces.records("li-mei") == []


def test_a_batch_answers_entry_by_entry(faces: Faces) -> None:
    sent = bundle(patient(), observation(statsu="x"), observation(), kind="batch")
    answer = faces.riverside.post("/fhir/", sent).json()
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["201", "422", "201"]
    place = answer["entry"][1]["response"]["outcome"]["issue"][0]["expression"]
    assert place == ["Bundle.entry[1].resource.statsu"]


def test_one_resource_at_a_time_finds_its_patient_by_the_id_sent_before(faces: Faces) -> None:
    alone = observation(subject={"reference": "Patient/p1"})
    assert outcome(faces.riverside.post("/fhir/Observation", alone))[:2] == (422, "not-found")
    made = faces.riverside.post("/fhir/Patient", patient(id="p1"))
    assert made.status_code == 201
    assert "/fhir/Patient/" in made["Location"]
    assert faces.riverside.post("/fhir/Observation", alone).status_code == 201
    assert faces.riverside.post("/fhir/Observation", alone).status_code == 200
    assert outcome(faces.riverside.post("/fhir/Condition", alone)) == (400, "invalid", "resourceType")


def test_an_unknown_patient_s_answer_says_how_to_enrol(faces: Faces) -> None:
    stranger = patient(identifier=[{"system": MRN[0], "value": "unknown"}])
    answer = faces.riverside.post("/fhir/", bundle(stranger, observation()))
    assert outcome(answer) == (422, "not-found", "Bundle.entry[0].resource")
    assert "enrol" in answer.json()["issue"][0]["diagnostics"]


def test_a_code_that_contradicts_the_identifiers_is_refused(faces: Faces) -> None:
    code = faces.world.code("amina-diallo")
    answer = faces.riverside.post(f"/fhir/?patient={code}", bundle(patient(), observation()))
    assert outcome(answer)[:2] == (409, "conflict")
    assert faces.records("amina-diallo") == faces.records("li-mei") == []


def test_another_hospital_s_number_is_nobody_s(faces: Faces) -> None:
    """Identifiers are known per organisation: Evergreen cannot file under Riverside's numbers."""
    answer = faces.evergreen.post("/fhir/", bundle(patient(), observation()))
    assert outcome(answer)[:2] == (422, "not-found")


def file_claims(faces: Faces) -> None:
    sent = bundle(
        patient(**AMINA),
        claim(),
        claim(id="claim-2", created="2026-04-02"),
        observation(),
        kind="transaction",
    )
    assert faces.riverside.post("/fhir/", sent).status_code == 200
    faces.world.settle()


def claims_of(faces: Faces, query: str = "") -> Any:
    return faces.evergreen.get(f"/fhir/Claim?patient={faces.world.code('amina-diallo')}{query}")


def test_an_insurer_reads_exactly_what_the_consent_covers(faces: Faces) -> None:
    file_claims(faces)
    faces.consent_to_payment()
    answer = claims_of(faces)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["type"], found["total"], len(found["entry"])) == ("searchset", 2, 2)
    assert {e["resource"]["resourceType"] for e in found["entry"]} == {"Claim"}
    assert found["entry"][0]["resource"]["diagnosis"][0]["sequence"] == 1
    assert "no-store" in answer["Cache-Control"]
    faces.world.settle()
    looked = wallet.who_looked(person_id=faces.world.people["amina-diallo"].id)
    assert [view.organisation.name for view in looked] == ["Evergreen Mutual"]


def test_a_part_that_was_kept_back_is_not_there_and_the_claim_says_so(faces: Faces) -> None:
    file_claims(faces)
    shared = [r for r in faces.records("amina-diallo") if not r.group.endswith(":diagnosis")]
    faces.consent_to_payment(records=[r.record_id for r in shared if r.type == "Claim"])
    body = claims_of(faces).content
    assert b"hypertension" not in body
    assert b"SUBSETTED" in body
    assert json.loads(body)["total"] == 2


def test_a_member_number_finds_the_same_claims(faces: Faces) -> None:
    file_claims(faces)
    faces.consent_to_payment()
    by_number = faces.evergreen.get(f"/fhir/Claim?patient={MEMBER[0]}|{MEMBER[1]}").json()
    assert by_number["entry"] == claims_of(faces).json()["entry"]


def test_pages_give_every_claim_once(faces: Faces) -> None:
    file_claims(faces)
    faces.consent_to_payment()
    first = claims_of(faces, "&_count=1").json()
    link = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = faces.evergreen.get("/fhir/" + link.split("/fhir/")[1]).json()
    assert first["total"] == second["total"] == 2
    ids = [e["resource"]["id"] for page in (first, second) for e in page["entry"]]
    assert len(set(ids)) == 2
    assert [link["relation"] for link in second["link"]] == ["self"]


def test_without_consent_the_answer_is_the_same_whoever_is_asked_for(faces: Faces) -> None:
    file_claims(faces)
    reference = faces.evergreen.get("/fhir/Claim?patient=0000-0000")
    assert outcome(reference)[:2] == (403, "forbidden")
    assert "Ask the patient for consent" in reference.json()["issue"][0]["diagnostics"]
    asked = {
        "nobody's code": "7K3M-9QXD",
        "not a code": "x",
        "a patient who was never asked": faces.world.code("amina-diallo"),
        "a member's number": f"{MEMBER[0]}|{MEMBER[1]}",
        "nobody's number": f"{MEMBER[0]}|M000",
        "a patient who has no claims": faces.world.code("li-mei"),
    }
    for who, patient_parameter in asked.items():
        answer = faces.evergreen.get(f"/fhir/Claim?patient={patient_parameter}")
        assert (answer.status_code, answer.content) == (403, reference.content), who
        assert dict(answer.items()) == dict(reference.items()), who


def test_a_consent_to_claims_opens_no_settlements_and_no_observations(faces: Faces) -> None:
    file_claims(faces)
    faces.consent_to_payment()
    code = faces.world.code("amina-diallo")
    assert outcome(faces.evergreen.get(f"/fhir/ExplanationOfBenefit?patient={code}"))[0] == 403
    assert outcome(faces.evergreen.get(f"/fhir/Observation?patient={code}"))[0] == 403


def test_a_revoked_consent_reads_nothing(faces: Faces) -> None:
    file_claims(faces)
    faces.consent_to_payment()
    person = faces.world.people["amina-diallo"].id
    (consent,) = wallet.consents_for_patient(person_id=person)
    wallet.consent_revoke_custodial(person_id=person, consents=[consent.consent_id], pin=PIN)
    faces.world.settle()
    assert outcome(claims_of(faces))[:2] == (403, "forbidden")


def test_a_silent_ledger_releases_nothing(faces: Faces) -> None:
    file_claims(faces)
    faces.consent_to_payment()
    faces.world.ledger.down = True
    answer = claims_of(faces)
    assert outcome(answer)[:2] == (503, "transient")


def test_a_hospital_cannot_read_claims_here(faces: Faces) -> None:
    answer = faces.riverside.get(f"/fhir/Claim?patient={faces.world.code('amina-diallo')}")
    assert outcome(answer)[:2] == (403, "forbidden")


def test_a_search_that_is_not_understood_is_refused(faces: Faces) -> None:
    for query in ("", "patient=", "patient=x&name=Li", "patient=x&_include=*", "patient=x&_count=a"):
        assert faces.evergreen.get(f"/fhir/Claim?{query}").status_code == 400, query


def test_media_types_and_methods_are_checked(faces: Faces) -> None:
    assert faces.riverside.post("/fhir/", b"<Bundle/>", "application/fhir+xml").status_code == 415
    assert faces.riverside.get("/fhir/metadata", Accept="application/fhir+xml").status_code == 406
    assert faces.riverside.get("/fhir/").status_code == 405
    assert faces.riverside.post("/fhir/Nope", {"resourceType": "Nope"}).status_code == 404
    assert outcome(faces.riverside.post("/fhir/", observation(subject={"reference": "Patient/x"})))[0] == 400


def stow(*files: bytes, kind: str = "application/dicom") -> tuple[bytes, str]:
    parts = b"".join(
        b"--X\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + data + b"\r\n" for data in files
    )
    return parts + b"--X--\r\n", 'multipart/related; type="application/dicom"; boundary=X'


def decrypted(faces: Faces, record: wallet.RecordView) -> bytes:
    """What Amina Diallo sees when she opens her own record with her PIN."""
    person = faces.world.people["amina-diallo"].id
    key = wallet.record_open_own_custodial(person_id=person, record_id=record.record_id, pin=PIN).data_key
    return b"".join(ports.storage().read(record.manifest, b64u_decode(key)))


def test_a_series_comes_in_over_stow_and_the_bytes_are_the_file_s(faces: Faces) -> None:
    riverside = DemoSource("riverside", "Riverside General", "江滨总医院")
    subject = subject_for(handle="amina-diallo", name="Amina Diallo", name_zh="", seed=12)
    enrol(faces.world, "amina-diallo", "riverside", mrn(subject, riverside))
    files = ct_series(subject, riverside, until=date(2026, 11, 23), slices=3)
    answer = faces.riverside.post("/dicomweb/studies", *stow(*reversed(files)))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/dicom+json")
    assert len(answer.json()["00081199"]["Value"]) == 3
    (record,) = faces.records("amina-diallo")
    assert (record.type, record.group[:6]) == ("ImagingStudy", "study:")
    assert list(members(decrypted(faces, record)).values()) == files
    again = faces.riverside.post("/dicomweb/studies", *stow(*files))
    assert again.status_code == 200
    assert faces.records("amina-diallo") == [record]


def test_a_bad_instance_is_refused_and_the_good_one_stays(faces: Faces) -> None:
    code = faces.world.code("li-mei")
    body, kind = stow(SLICE, SLICE[:-1])
    answer = faces.riverside.post(f"/dicomweb/studies?patient={code}", body, kind)
    assert answer.status_code == 202
    assert len(answer.json()["00081198"]["Value"]) == len(answer.json()["00081199"]["Value"]) == 1
    assert "cut off" in answer.json()["00081198"]["Value"][0]["00000902"]["Value"][0]
    assert len(faces.records("li-mei")) == 1
    only_bad = faces.riverside.post(f"/dicomweb/studies?patient={code}", SLICE[:-1], "application/dicom")
    assert only_bad.status_code == 409
    other_study = faces.riverside.post(f"/dicomweb/studies/1.2.3?patient={code}", SLICE, "application/dicom")
    assert other_study.status_code == 409
    (failed,) = other_study.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0xC409]
    assert failed["00081155"]["Value"] == [parse_dicom(io.BytesIO(SLICE)).sop_instance_uid]


def test_a_request_that_is_cut_off_stores_none_of_its_instances(faces: Faces) -> None:
    body, kind = stow(SLICE, SLICE)
    answer = faces.riverside.post(
        f"/dicomweb/studies?patient={faces.world.code('li-mei')}", body[: len(SLICE) + 500], kind
    )
    assert answer.status_code == 400
    assert faces.records("li-mei") == []


def test_a_part_that_is_not_dicom_is_refused_beside_those_that_are(faces: Faces) -> None:
    body, kind = stow(SLICE)
    note = b"--X\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    answer = faces.riverside.post(
        f"/dicomweb/studies?patient={faces.world.code('li-mei')}", note + body, kind
    )
    assert answer.status_code == 202
    assert len(faces.records("li-mei")) == 1


def test_the_capability_statement_says_what_is_there(faces: Faces) -> None:
    answer = faces.riverside.get("/fhir/metadata")
    stated = answer.json()
    types = {r["type"]: {i["code"] for i in r["interaction"]} for r in stated["rest"][0]["resource"]}
    assert types["Claim"] == {"create", "search-type"}
    assert types["Observation"] == {"create"}
    get_fhir_model_class("CapabilityStatement").model_validate(stated)
    for name in types:
        get_fhir_model_class(name)
    assert faces.riverside.get("/fhir/metadata", **{"If-None-Match": answer["ETag"]}).status_code == 304


def test_a_published_history_goes_in_and_its_claims_come_out_whole(faces: Faces, shared_data: Path) -> None:
    code = faces.world.code("amina-diallo")
    (path,) = (shared_data / "fhir" / "synthea").glob("Chet*.json")
    sent = json.loads(path.read_bytes())["entry"]
    answer = faces.riverside.post(f"/fhir/?patient={code}", path.read_bytes())
    assert [e["response"]["status"] for e in answer.json()["entry"]] == ["201 Created"] * len(sent)
    faces.world.settle(40)
    faces.consent_to_payment(types=("Claim", "ExplanationOfBenefit"))
    for kind in ("Claim", "ExplanationOfBenefit"):
        found = faces.evergreen.get(f"/fhir/{kind}?patient={code}").json()
        expected = {e["resource"]["id"]: e["resource"] for e in sent if e["resource"]["resourceType"] == kind}
        assert found["total"] == len(found["entry"]) == len(expected)
        for entry in found["entry"]:
            assert set(entry["resource"]) == set(expected[entry["resource"]["id"]])
            assert entry["resource"].get("total") == expected[entry["resource"]["id"]].get("total")
