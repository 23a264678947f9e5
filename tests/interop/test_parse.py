"""What a hospital sends is taken whole or refused with the place of every mistake."""

import json
from decimal import Decimal
from typing import Any

import pytest

from interop.fhir.checks import narrative_fault
from interop.fhir.json_text import BadJson, decode, encode
from interop.fhir.outcome import Refused
from interop.fhir.parse import Limits, Submission, parse
from tests.interop.samples import (
    PATIENT_URN,
    SOURCE,
    VISIT_URN,
    bundle,
    claim,
    encounter,
    observation,
    patient,
    text,
)


def take(value: Any) -> Submission:
    return parse(text(value), source=SOURCE)


def places(value: Any) -> list[str]:
    with pytest.raises(Refused) as refused:
        parse(value if isinstance(value, bytes) else text(value), source=SOURCE)
    return [issue.place for issue in refused.value.issues]


def test_a_transaction_s_references_become_ids() -> None:
    got = take(
        bundle(
            patient(),
            encounter(),
            observation(encounter={"reference": VISIT_URN}),
            urls={0: PATIENT_URN, 1: VISIT_URN},
        )
    )
    assert got.entries[2].resource["subject"] == {"reference": PATIENT_URN.replace("urn:uuid:", "Patient/")}
    assert got.entries[2].resource["encounter"] == {"reference": VISIT_URN.replace("urn:uuid:", "Encounter/")}


def test_the_same_bytes_get_the_same_ids_and_another_source_other_ones() -> None:
    sent = text(bundle(patient(id="p1"), observation(subject={"reference": "Patient/p1"}), urls={}))
    mine, again = parse(sent, source=SOURCE), parse(sent, source=SOURCE)
    theirs = parse(sent, source="did:salus:uNorthLake")
    assert mine == again
    assert {e.resource["id"] for e in mine.entries}.isdisjoint(e.resource["id"] for e in theirs.entries)
    assert mine.entries[1].resource["subject"]["reference"] == mine.entries[0].reference


def test_an_id_told_to_the_sender_can_be_sent_back() -> None:
    first = take(patient(id="p1")).entries[0]
    later = take(observation(subject={"reference": first.reference})).entries[0]
    assert later.resource["subject"]["reference"] == first.reference


def test_digits_of_a_decimal_are_kept() -> None:
    sent = text(observation(valueQuantity={"value": 0})).replace(b'"value": 0', b'"value": 1.00')
    stored = parse(sent.replace(PATIENT_URN.encode(), b"Patient/x"), source=SOURCE).entries[0].resource
    assert stored["valueQuantity"]["value"] == Decimal("1.00")
    assert b'"value":1.00' in encode(stored)


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        ({"statsu": "final"}, ".statsu"),
        ({"code": None}, ".code"),
        ({"code": {}}, ".code"),
        ({"category": []}, ".category"),
        ({"note": [{"text": ""}]}, ".note[0].text"),
        ({"valueQuantity": {"value": "1.5"}}, ".valueQuantity.value"),
        ({"valueBoolean": 1}, ".valueBoolean"),
        ({"valueInteger": True}, ".valueInteger"),
        ({"effectiveDateTime": "2026-02-30"}, ".effectiveDateTime"),
        ({"component": [{"code": {"text": "a"}}, {"valueString": "b"}]}, ".component[1].code"),
        ({"subject": {"reference": "somebody"}}, ".subject.reference"),
        ({"subject": {"reference": "urn:uuid:8f14e45f-ceea-4e7a-9c1d-0f6b2a6fdead"}}, ".subject.reference"),
        ({"performer": [{"reference": "Practitioner?name=X"}]}, ".performer[0].reference"),
        ({"performer": [{"reference": "#nobody"}]}, ".performer[0].reference"),
        ({"hasMember": [{"display": "x"}, {"reference": "/Observation/1"}]}, ".hasMember[1].reference"),
    ],
)
def test_a_mistake_is_reported_with_its_place(fault: dict[str, Any], place: str) -> None:
    assert f"Bundle.entry[1].resource{place}" in places(bundle(patient(), observation(**fault)))


def test_every_mistake_is_reported_not_only_the_first() -> None:
    found = places(bundle(patient(gender="x"), observation(statsu="final"), observation(code={})))
    assert found == [
        "Bundle.entry[0].resource.gender",
        "Bundle.entry[1].resource.statsu",
        "Bundle.entry[2].resource.code",
    ]


def test_a_duplicate_key_is_refused_with_its_place() -> None:
    sent = text(bundle(patient())).replace(b'"name": [', b'"active": true, "active": false, "name": [')
    assert places(sent) == ["Bundle.entry[0].resource"]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{",
        b"[1]",
        b'{"resourceType": 5}',
        b'{"resourceType":"Patient","active":NaN}',
        b"\xff\xfe{}",
        b'{"resourceType":"Patient","id":"\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_not_our_json_is_refused(sent: bytes) -> None:
    with pytest.raises(Refused):
        parse(sent, source=SOURCE)


@pytest.mark.parametrize("kind", ["StructureDefinition", "Nope", "HumanName", "Parameters", "../etc"])
def test_what_is_not_a_patient_s_record_is_refused(kind: str) -> None:
    assert places({"resourceType": kind}) == [f"{kind}.resourceType"]


@pytest.mark.parametrize(
    "div",
    [
        "<div>no namespace</div>",
        '<div xmlns="http://www.w3.org/1999/xhtml"><script>steal()</script></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml" onclick="steal()">x</div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><a href=" JavaScript:steal()">x</a></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><iframe src="https://mallory.example"/></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><svg xmlns="http://www.w3.org/2000/svg"/></div>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        '<div xmlns="http://www.w3.org/1999/xhtml">&e;</div>',
        '<div xmlns="http://www.w3.org/1999/xhtml">&undefined;</div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>not closed</div>',
        '<?xml-stylesheet href="x"?><div xmlns="http://www.w3.org/1999/xhtml"/>',
    ],
)
def test_a_narrative_that_could_do_something_is_refused(div: str) -> None:
    assert places(patient(text={"status": "generated", "div": div})) == ["Patient.text.div"]


def test_a_narrative_that_only_shows_something_is_taken() -> None:
    shown = '<div xmlns="http://www.w3.org/1999/xhtml"><!-- a --><p>李梅 &lt; 5 &#160;<b>x</b></p></div>'
    assert narrative_fault(shown) == ""


@pytest.mark.parametrize(
    ("contained", "place"),
    [
        ([{"resourceType": "Practitioner"}], "Observation.contained[0].id"),
        ([{"resourceType": "Practitioner", "id": "lonely"}], "Observation.contained[0]"),
        (
            [{"resourceType": "Practitioner", "id": "a", "meta": {"versionId": "1"}}],
            "Observation.contained[0].meta.versionId",
        ),
        (
            [{"resourceType": "Practitioner", "id": "a"}, {"resourceType": "Organization", "id": "a"}],
            "Observation.contained[1].id",
        ),
    ],
)
def test_a_contained_resource_must_be_sound(contained: list[dict[str, Any]], place: str) -> None:
    resource = observation(
        subject={"reference": "Patient/x"}, contained=contained, performer=[{"reference": "#a"}]
    )
    assert place in places(resource)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda b: b["entry"][1].pop("resource"), "Bundle.entry[1].resource"),
        (lambda b: b["entry"][1].pop("request"), "Bundle.entry[1].request"),
        (lambda b: b["entry"][1]["request"].update(method="DELETE"), "Bundle.entry[1].request.method"),
        (lambda b: b["entry"][1]["request"].update(url="Patient"), "Bundle.entry[1].request.url"),
        (lambda b: b["entry"][1]["request"].update(ifNoneExist="a=b"), "Bundle.entry[1].request.ifNoneExist"),
        (lambda b: b["entry"][1].update(fullUrl="Observation/1"), "Bundle.entry[1].fullUrl"),
        (lambda b: b["entry"][1].update(fullUrl=PATIENT_URN), "Bundle.entry[1].fullUrl"),
        (lambda b: b["entry"].append("x"), "Bundle.entry[2].resource"),
        (lambda b: b.update(type="history"), "Bundle.type"),
        (lambda b: b.update(entry=[]), "Bundle.entry"),
        (lambda b: b.update(surprise=1), "Bundle.surprise"),
    ],
)
def test_a_bundle_must_be_one_that_can_be_stored(change: Any, place: str) -> None:
    sent = bundle(patient(), observation())
    change(sent)
    assert place in places(sent)


def test_a_wrong_entry_of_a_batch_leaves_the_others_standing() -> None:
    sent = bundle(patient(), observation(statsu="x"), kind="batch")
    got = take(sent)
    assert [entry.resource["resourceType"] for entry in got.entries] == ["Patient"]
    assert [place for place, _ in got.refused] == ["Bundle.entry[1].resource"]
    assert got.order == ("Bundle.entry[0].resource", "Bundle.entry[1].resource")


def test_a_conditional_reference_by_identifier_becomes_a_logical_one() -> None:
    doctor = {"reference": "Practitioner?identifier=http://npi.example|42", "display": "Dr Okafor"}
    got = take(bundle(patient(), observation(performer=[doctor])))
    assert got.entries[1].resource["performer"] == [
        {
            "type": "Practitioner",
            "identifier": {"system": "http://npi.example", "value": "42"},
            "display": "Dr Okafor",
        }
    ]


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(Refused) as refused:
        parse(b"x" * 11, source=SOURCE, limits=Limits(size=10))
    assert refused.value.status == 413
    with pytest.raises(Refused):
        parse(text(bundle(patient(), observation())), source=SOURCE, limits=Limits(entries=1))


def test_the_input_is_not_changed() -> None:
    sent = bundle(patient(), claim())
    before = json.dumps(sent)
    take(sent)
    assert json.dumps(sent) == before


@pytest.mark.parametrize("value", ['{"a":{"b":1,"b":2}}', '[{"b":1,"b":2}]'])
def test_duplicate_keys_are_found_at_any_depth(value: str) -> None:
    with pytest.raises(BadJson):
        decode(value.encode())
