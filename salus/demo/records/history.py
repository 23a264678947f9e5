"""A patient's history at one hospital, as the transaction Bundle that the hospital would post."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from salus.demo.records.build import (
    Json,
    bilingual,
    concept,
    entry,
    hl7,
    instant,
    interpretation,
    quantity,
    reference_range,
    round_to,
    to,
    urn,
)
from salus.demo.records.claims import claim_entries
from salus.demo.records.stories import DIASTOLIC, LOINC, STORIES, SYSTOLIC, Course, Story, Term
from salus.demo.records.subject import DemoSource, Subject, mrn

ZONE = timezone(timedelta(hours=8))
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
_PANEL = Term(LOINC, "24323-8", "Laboratory panel", "实验室检查")
_PRESSURE = Term(LOINC, "85354-9", "Blood pressure panel", "血压")


@dataclass(frozen=True)
class Chart:
    """What every page of one patient's history at one hospital shares."""

    subject: Subject
    source: DemoSource
    story: Story
    dice: random.Random

    def urn(self, *parts: object) -> str:
        return urn(self.source.slug, self.subject.seed, *parts)

    @property
    def patient(self) -> Json:
        return to(self.urn("patient"))


@dataclass(frozen=True)
class Visit:
    """One encounter. `progress` is 0 for the first of the history, 1 for the last."""

    number: int
    start: datetime
    progress: float

    def at(self, minutes: int) -> str:
        return instant(self.start + timedelta(minutes=minutes))


def hospital_bundle(subject: Subject, source: DemoSource, *, until: date, visits: int = 4) -> Json:
    """The history up to `until`. Decimals are Decimal: encode with a serialiser that keeps them."""
    chart = Chart(subject, source, STORIES[subject.story], random.Random(f"{subject.seed}/{source.slug}"))
    entries = [*_people(chart), *_standing(chart, until)]
    for visit in _visits(chart, until, visits):
        entries += [*_encounter(chart, visit), *_vitals(chart, visit), *_labs(chart, visit)]
        entries += claim_entries(
            subject, source, visit.number, visit.start, chart.story.problems[0], chart.story.labs
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _visits(chart: Chart, until: date, count: int) -> Iterator[Visit]:
    for number in range(count):
        ago = (count - number - 1) * 150 + 9 + chart.dice.randrange(20)
        start = datetime.combine(until - timedelta(days=ago), datetime.min.time(), ZONE)
        start += timedelta(hours=8, minutes=10 * chart.dice.randrange(40))
        yield Visit(number, start, number / max(count - 1, 1))


def _people(chart: Chart) -> Iterator[Json]:
    subject, source = chart.subject, chart.source
    system, value = mrn(subject, source)
    ideographic = {
        "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
        "valueCode": "IDE",
    }
    names: list[Json] = [{"use": "official", "family": subject.family, "given": [subject.given]}]
    if subject.name_zh:
        names.append({"extension": [ideographic], "use": "official", "text": subject.name_zh})
    yield entry(
        chart.urn("patient"),
        {
            "resourceType": "Patient",
            "identifier": [{"type": hl7("v2-0203", "MR"), "system": system, "value": value}],
            "active": True,
            "name": names,
            "gender": subject.gender,
            "birthDate": subject.birth_date.isoformat(),
        },
    )
    yield entry(
        chart.urn("hospital"),
        {"resourceType": "Organization", "active": True, **bilingual(source.name, source.name_zh, "name")},
    )


def _standing(chart: Chart, until: date) -> Iterator[Json]:
    """What does not belong to one visit: problems, allergy, vaccines."""
    story = chart.story
    for number, problem in enumerate((*story.problems, *story.sensitive)):
        since = until - timedelta(days=700 * (number + 1) + chart.dice.randrange(300))
        security = {"meta": {"security": [RESTRICTED]}} if problem in story.sensitive else {}
        yield entry(
            chart.urn("problem", number),
            {
                "resourceType": "Condition",
                **security,
                "clinicalStatus": hl7("condition-clinical", "active"),
                "verificationStatus": hl7("condition-ver-status", "confirmed"),
                "category": [hl7("condition-category", "problem-list-item", "Problem List Item")],
                "code": concept(problem),
                "subject": chart.patient,
                "onsetDateTime": since.isoformat(),
                "recordedDate": since.isoformat(),
            },
        )
    yield _allergy(chart, until)
    for number, vaccine in enumerate(story.vaccines):
        given = until - timedelta(days=60 + 300 * number)
        yield entry(
            chart.urn("vaccine", number),
            {
                "resourceType": "Immunization",
                "status": "completed",
                "vaccineCode": concept(vaccine),
                "patient": chart.patient,
                "occurrenceDateTime": given.isoformat(),
                "primarySource": True,
            },
        )


def _allergy(chart: Chart, until: date) -> Json:
    substance, criticality, reaction = chart.story.allergy
    return entry(
        chart.urn("allergy"),
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
            "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": ["medication"],
            "criticality": criticality,
            "code": concept(substance),
            "patient": chart.patient,
            "recordedDate": (until - timedelta(days=1500)).isoformat(),
            "reaction": [{"manifestation": [{"text": reaction}]}],
        },
    )


def _encounter(chart: Chart, visit: Visit) -> Iterator[Json]:
    reason = chart.story.problems[visit.number % len(chart.story.problems)]
    yield entry(
        chart.urn("visit", visit.number),
        {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [bilingual("Outpatient visit", "门诊")],
            "subject": chart.patient,
            "period": {"start": visit.at(0), "end": visit.at(40)},
            "reasonCode": [concept(reason)],
            "serviceProvider": to(chart.urn("hospital"), chart.source.name),
        },
    )
    drug, dose, dose_zh = chart.story.medication[visit.number % len(chart.story.medication)]
    yield entry(
        chart.urn("prescription", visit.number),
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": concept(drug),
            "subject": chart.patient,
            "encounter": to(chart.urn("visit", visit.number)),
            "authoredOn": visit.at(30),
            "dosageInstruction": [bilingual(dose, dose_zh)],
        },
    )


def _value(chart: Chart, course: Course, visit: Visit) -> float:
    drifted = course.first + (course.last - course.first) * visit.progress
    return float(round_to(drifted + chart.dice.uniform(-course.spread, course.spread), course.of.decimals))


def _observation(chart: Chart, visit: Visit, name: str, category: str, code: Json, minutes: int) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [hl7("observation-category", category)],
        "code": code,
        "subject": chart.patient,
        "encounter": to(chart.urn("visit", visit.number)),
        "effectiveDateTime": visit.at(minutes),
        "performer": [to(chart.urn("hospital"), chart.source.name)],
    }


def _measured(course: Course, value: float) -> Json:
    measured: Json = {"valueQuantity": quantity(course.of, value)}
    for name, found in (
        ("interpretation", interpretation(course.of, value)),
        ("referenceRange", reference_range(course.of)),
    ):
        measured |= {name: found} if found else {}
    return measured


def _vitals(chart: Chart, visit: Visit) -> Iterator[Json]:
    pressures = [course for course in chart.story.vitals if course.of in (SYSTOLIC, DIASTOLIC)]
    panel = _observation(chart, visit, "pressure", "vital-signs", concept(_PRESSURE), 5)
    panel["component"] = [
        {"code": concept(course.of.term), **_measured(course, _value(chart, course, visit))}
        for course in pressures
    ]
    yield entry(chart.urn("pressure", visit.number), panel)
    for course in chart.story.vitals:
        if course not in pressures:
            yield _single(chart, visit, course, "vital-signs", 5)


def _single(chart: Chart, visit: Visit, course: Course, category: str, minutes: int) -> Json:
    observation = _observation(chart, visit, course.of.term.code, category, concept(course.of.term), minutes)
    observation |= _measured(course, _value(chart, course, visit))
    return entry(chart.urn("measured", visit.number, course.of.term.code), observation)


def _labs(chart: Chart, visit: Visit) -> Iterator[Json]:
    results = [_single(chart, visit, course, "laboratory", 15) for course in chart.story.labs]
    yield from results
    yield entry(
        chart.urn("report", visit.number),
        {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "category": [hl7("v2-0074", "LAB", "Laboratory")],
            "code": concept(_PANEL),
            "subject": chart.patient,
            "encounter": to(chart.urn("visit", visit.number)),
            "effectiveDateTime": visit.at(15),
            "issued": visit.at(120),
            "result": [to(result["fullUrl"]) for result in results],
        },
    )
