"""Records hold what may be shared together; joining them gives back what was sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.fhir.claims import CLAIM_TYPES, part_name
from interop.fhir.join import join
from interop.fhir.json_text import decode
from interop.fhir.outcome import Refused
from interop.fhir.parse import Entry, parse
from interop.fhir.patients import FHIR_ID_SYSTEM, by_patient
from interop.fhir.split import Piece, split
from tests.interop.samples import (
    MRN,
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

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def pieces(value: Any) -> tuple[Piece, ...]:
    submission = parse(text(value), source=SOURCE)
    return split(submission.entries, submission.security)


def labelled(code: str, system: str = CONFIDENTIALITY) -> dict[str, Any]:
    return {"security": [{"system": system, "code": code}]}


def subsetted(resource: dict[str, Any]) -> bool:
    return any(tag["code"] == "SUBSETTED" for tag in resource.get("meta", {}).get("tag", []))


def test_one_record_per_type_label_and_encounter_else_day() -> None:
    visit = {"encounter": {"reference": VISIT_URN}}
    sent = bundle(
        patient(),
        encounter(),
        observation(**visit),
        observation(**visit, effectiveDateTime="2026-03-02"),
        observation(**visit, meta=labelled("R")),
        observation(effectiveDateTime="2026-04-05T23:30:00-05:00"),
        observation(effectiveDateTime="2026-04-05"),
        observation(effectiveDateTime="2026-04-06"),
        urls={0: PATIENT_URN, 1: VISIT_URN},
    )
    visit_group = VISIT_URN.replace("urn:uuid:", "encounter:")
    got = [(p.type, p.label, p.group, p.period_start, p.period_end, len(p.holds)) for p in pieces(sent)]
    assert got == [
        ("Patient", "N", "reference", "", "", 1),
        ("Encounter", "N", visit_group, "2026-03-01", "2026-03-02", 1),
        ("Observation", "N", visit_group, "2026-03-01", "2026-03-02", 2),
        ("Observation", "R", visit_group, "2026-03-01", "2026-03-01", 1),
        ("Observation", "N", "day:2026-04-05", "2026-04-05", "2026-04-05", 2),
        ("Observation", "N", "day:2026-04-06", "2026-04-06", "2026-04-06", 1),
    ]


@pytest.mark.parametrize(
    ("meta", "label"),
    [
        ({}, "N"),
        (labelled("L"), "N"),
        (labelled("U"), "N"),
        (labelled("R"), "R"),
        (labelled("V"), "V"),
        (labelled("HIV", "http://terminology.hl7.org/CodeSystem/v3-ActCode"), "R"),
        ({"security": [*labelled("N")["security"], *labelled("V")["security"]]}, "V"),
    ],
)
def test_the_highest_label_counts(meta: dict[str, Any], label: str) -> None:
    sent = observation(subject={"reference": "Patient/x"}) | ({"meta": meta} if meta else {})
    assert [p.label for p in pieces(sent)] == [label]


def test_a_bundle_s_label_covers_its_entries() -> None:
    assert {p.label for p in pieces(bundle(patient(), observation()) | {"meta": labelled("R")})} == {"R"}


def test_family_history_is_restricted_without_being_labelled() -> None:
    relative = {
        "resourceType": "FamilyMemberHistory",
        "status": "completed",
        "patient": {"reference": "Patient/x"},
        "relationship": {"text": "mother"},
    }
    assert [p.label for p in pieces(relative)] == ["R"]


def test_an_unknown_label_is_refused_rather_than_guessed() -> None:
    with pytest.raises(Refused) as refused:
        pieces(bundle(patient(), observation(meta=labelled("X"))))
    assert refused.value.issues[0].place == "Bundle.entry[1].resource.meta.security"


def test_an_allergy_is_hidden_by_no_range_of_dates() -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/x"},
        "recordedDate": "2009-01-01",
    }
    (piece,) = pieces(allergy)
    assert (piece.group, piece.period_start, piece.period_end) == ("day:2009-01-01:standing", "", "")


def test_a_partial_date_covers_all_of_its_month() -> None:
    (piece,) = pieces(observation(subject={"reference": "Patient/x"}, effectiveDateTime="2024-02"))
    assert (piece.period_start, piece.period_end) == ("2024-02-01", "2024-02-29")


def test_a_claim_s_groups_of_fields_are_records_of_their_own() -> None:
    got = [p for p in pieces(bundle(patient(), claim(text=narrative()))) if p.type == "Claim"]
    assert [p.group.rsplit(":", 1)[1] for p in got] == ["administrative", "diagnosis", "payment", "narrative"]
    by_part = {p.group.rsplit(":", 1)[1]: p.content for p in got}
    assert b"hypertension" in by_part["diagnosis"]
    assert not any(
        b"hypertension" in c for name, c in by_part.items() if name not in ("diagnosis", "narrative")
    )
    assert all(subsetted(decode(p.content)["entry"][0]["resource"]) for p in got)


def narrative() -> dict[str, Any]:
    return {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml">bill for hypertension</div>',
    }


def test_a_contained_resource_goes_only_where_it_is_referred_to() -> None:
    doctor = {"resourceType": "Practitioner", "id": "doc", "name": [{"text": "Dr Okafor"}]}
    cover = {
        "resourceType": "Coverage",
        "id": "cov",
        "status": "active",
        "beneficiary": {"reference": PATIENT_URN},
        "payor": [{"display": "Evergreen Mutual"}],
    }
    sent = claim(
        contained=[cover, doctor],
        careTeam=[{"sequence": 1, "provider": {"reference": "#doc"}}],
        insurance=[{"sequence": 1, "focal": True, "coverage": {"reference": "#cov"}}],
    )
    held = {p.group.rsplit(":", 1)[1]: p.content for p in pieces(bundle(patient(), sent))[1:]}
    assert [name for name, content in held.items() if b"Okafor" in content] == ["supporting"]
    assert [name for name, content in held.items() if b"Evergreen" in content] == ["administrative"]


def test_a_claim_without_all_of_its_parts_says_so() -> None:
    got = [p for p in pieces(bundle(patient(), claim())) if p.type == "Claim"]
    (whole,) = join(p.content for p in got)
    (part,) = join(p.content for p in got if not p.group.endswith(":diagnosis"))
    (alone,) = join(p.content for p in got if p.group.endswith(":payment"))
    assert not subsetted(whole)
    assert "meta" not in whole
    assert subsetted(part)
    assert "diagnosis" not in part
    assert subsetted(alone)
    assert set(alone) == {"resourceType", "id", "meta", "total"}


def test_what_changes_the_meaning_is_in_every_part() -> None:
    warning = [{"url": "https://riverside.example/negated", "valueBoolean": True}]
    got = [p for p in pieces(bundle(patient(), claim(modifierExtension=warning))) if p.type == "Claim"]
    assert all(b"negated" in p.content for p in got)


def test_a_later_version_replaces_an_earlier_one() -> None:
    def contents(**fields: Any) -> list[bytes]:
        return [p.content for p in pieces(bundle(patient(), claim(**fields))) if p.type == "Claim"]

    shorter = claim()
    del shorter["diagnosis"]
    second = [p.content for p in pieces(bundle(patient(), shorter)) if p.type == "Claim"]
    (latest,) = join([*contents(), *second])
    assert latest["total"] == shorter["total"]
    assert "diagnosis" not in latest
    (corrected,) = join([*contents(), *contents(total={"value": 15, "currency": "CNY"})])
    assert corrected["total"]["value"] == 15


names = st.sampled_from(
    [
        "diagnosis",
        "procedure",
        "item",
        "payment",
        "careTeam",
        "text",
        "outcome",
        "total",
        "extension",
        "created",
    ]
)
elements = st.recursive(
    st.integers(0, 9) | st.text("ab", min_size=1, max_size=3) | st.sampled_from(["#c0", "#c1", "#c2"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "reference"]), inner, min_size=1)
    ),
    max_leaves=6,
)


@given(
    fields=st.dictionaries(names | names.map(lambda n: f"_{n}"), elements),
    kind=st.sampled_from(CLAIM_TYPES),
    contained=st.integers(0, 3),
    meta=st.fixed_dictionaries(
        {}, optional={"tag": st.just([{"code": "SUBSETTED"}]), "security": st.just(labelled("R")["security"])}
    ),
)
def test_splitting_and_joining_gives_the_same_claim(
    fields: dict[str, Any], kind: str, contained: int, meta: dict[str, Any]
) -> None:
    inner = [{"resourceType": "Basic", "id": f"c{i}"} for i in range(contained)]
    resource = {"resourceType": kind, "id": "c", **fields}
    resource |= ({"meta": meta} if meta else {}) | ({"contained": inner} if inner else {})
    got = split([Entry("Claim", resource)])
    (joined,) = join(piece.content for piece in got)
    assert by_id(joined) == by_id(resource)
    assert {part_name(decode(p.content)["entry"][0]["resource"]) for p in got} == {
        p.group.rsplit(":", 1)[1] for p in got
    }


def by_id(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource with its contained ones in order of id: their order has no meaning."""
    if "contained" not in resource:
        return resource
    return resource | {"contained": sorted(resource["contained"], key=lambda inner: str(inner["id"]))}


def test_the_same_resources_give_the_same_bytes() -> None:
    sent = bundle(patient(), observation(), claim())
    assert pieces(sent) == pieces(sent)


def test_a_patient_is_known_by_resource_identifier_and_id() -> None:
    (mine,) = by_patient(parse(text(bundle(patient(), observation())), source=SOURCE))
    assert mine.identifiers == ((FHIR_ID_SYSTEM, PATIENT_URN), MRN)
    assert len(mine.entries) == 2


def test_a_logical_subject_names_its_patient() -> None:
    subject = {"type": "Patient", "identifier": {"system": MRN[0], "value": MRN[1]}}
    (mine,) = by_patient(parse(text(observation(subject=subject)), source=SOURCE))
    assert mine.identifiers == (MRN,)


def test_a_transaction_about_two_patients_is_refused() -> None:
    sent = bundle(patient(), observation(), observation(subject={"reference": "Patient/other"}))
    with pytest.raises(Refused):
        by_patient(parse(text(sent), source=SOURCE))


def test_in_a_batch_each_patient_gets_only_what_is_theirs() -> None:
    doctor = {"resourceType": "Practitioner", "id": "okafor"}
    mine = observation(performer=[{"reference": "Practitioner/okafor"}])
    theirs = observation(subject={"reference": "Patient/amina"})
    sent = bundle(patient(), mine, theirs, doctor, kind="batch")
    first, second = by_patient(parse(text(sent), source=SOURCE))
    assert [e.resource["resourceType"] for e in first.entries] == ["Patient", "Observation", "Practitioner"]
    assert [e.resource["resourceType"] for e in second.entries] == ["Observation"]
