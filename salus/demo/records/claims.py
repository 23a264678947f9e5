"""What each visit cost: a Claim and the insurer's ExplanationOfBenefit, shaped after CARIN Blue Button."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from salus.demo.records.build import Json, concept, entry, hl7, instant, to, urn
from salus.demo.records.stories import Course, Term
from salus.demo.records.subject import DemoSource, Subject, member_identifier

INSURER_SLUG, INSURER_NAME = "evergreen", "Evergreen Mutual"
_CONSULTATION = Decimal("86.00")
_TEST = Decimal("23.50")
_COVERED = Decimal("0.80")


def claim_entries(
    subject: Subject,
    source: DemoSource,
    visit: int,
    start: datetime,
    problem: Term,
    tests: tuple[Course, ...],
) -> list[Json]:
    """The entries of one visit's Claim and ExplanationOfBenefit, with the Coverage before the first."""
    name = (source.slug, subject.seed)
    coverage, claim, benefit = urn(*name, "coverage"), urn(*name, "claim", visit), urn(*name, "eob", visit)
    shared = _shared(name, start, problem, visit)
    insurance = {"focal": True, "coverage": to(coverage)}
    items = [
        _item(1, "Consultation", _CONSULTATION),
        *(_item(i, test.of.term, _TEST) for i, test in enumerate(tests, 2)),
    ]
    total = _CONSULTATION + _TEST * len(tests)
    filed = {"resourceType": "Claim", **shared, "priority": hl7("processpriority", "normal")}
    filed |= {"insurance": [{"sequence": 1, **insurance}], "item": items, "total": _money(total)}
    paid = (total * _COVERED).quantize(Decimal("0.01"))
    explained = {
        "resourceType": "ExplanationOfBenefit",
        **shared,
        "claim": to(claim),
        "outcome": "complete",
        "insurance": [insurance],
        "item": [item | {"adjudication": _adjudication(item["net"]["value"])} for item in items],
        "total": [_total("submitted", total), _total("benefit", paid)],
        "payment": {"type": hl7("ex-paymenttype", "complete"), "amount": _money(paid)},
    }
    first = [entry(coverage, _coverage(name, subject))] if visit == 0 else []
    return [*first, entry(claim, filed), entry(benefit, explained)]


def _shared(name: tuple[str, int], start: datetime, problem: Term, visit: int) -> Json:
    doctor = {"display": "Attending physician"}
    return {
        "status": "active",
        "type": hl7("claim-type", "professional", "Professional"),
        "use": "claim",
        "patient": to(urn(*name, "patient")),
        "billablePeriod": {"start": start.date().isoformat(), "end": start.date().isoformat()},
        "created": instant(start),
        "insurer": {"display": INSURER_NAME},
        "provider": to(urn(*name, "hospital")),
        "careTeam": [{"sequence": 1, "provider": doctor, "role": hl7("claimcareteamrole", "primary")}],
        "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": concept(problem)}],
        "supportingInfo": [
            {
                "sequence": 1,
                "category": hl7("claiminformationcategory", "info"),
                "valueString": f"Visit {visit + 1} of the treatment plan",
            }
        ],
    }


def _coverage(name: tuple[str, int], subject: Subject) -> Json:
    system, value = member_identifier(subject, INSURER_SLUG)
    return {
        "resourceType": "Coverage",
        "identifier": [{"type": hl7("v2-0203", "MB"), "system": system, "value": value}],
        "status": "active",
        "subscriberId": value,
        "beneficiary": to(urn(*name, "patient")),
        "relationship": hl7("subscriber-relationship", "self"),
        "payor": [{"display": INSURER_NAME}],
    }


def _money(value: Decimal) -> Json:
    return {"value": value, "currency": "CNY"}


def _item(sequence: int, service: Term | str, net: Decimal) -> dict[str, Any]:
    what = {"text": service} if isinstance(service, str) else concept(service)
    return {
        "sequence": sequence,
        "careTeamSequence": [1],
        "diagnosisSequence": [1],
        "productOrService": what,
        "quantity": {"value": 1},
        "net": _money(net),
    }


def _adjudication(net: Decimal) -> list[Json]:
    benefit = (net * _COVERED).quantize(Decimal("0.01"))
    return [
        {"category": hl7("adjudication", "submitted"), "amount": _money(net)},
        {"category": hl7("adjudication", "benefit"), "amount": _money(benefit)},
    ]


def _total(category: str, amount: Decimal) -> Json:
    return {"category": hl7("adjudication", category), "amount": _money(amount)}
