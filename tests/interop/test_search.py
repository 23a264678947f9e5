"""Pages of claims: every visible one once, and nothing about the others."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.fhir.outcome import Refused
from interop.fhir.search import query_from, searchset

BASE = "https://salus.example/fhir"


def claim(number: int, created: str = "2026-03-01", **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Claim", "id": f"c{number}", "created": created, "status": "active"} | fields


def search(resources: list[dict[str, Any]], *parameters: tuple[str, str]) -> dict[str, Any]:
    return searchset(query_from("Claim", [("patient", "7K3M-9QXD"), *parameters]), resources, BASE)


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def next_of(bundle: dict[str, Any]) -> tuple[tuple[str, str], ...] | None:
    urls = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    return tuple(parse_qsl(urlsplit(urls[0]).query)) if urls else None


days = st.dates().map(lambda day: day.isoformat()) | st.just("2026-03-01")


@given(created=st.lists(days, max_size=12), count=st.integers(1, 5), late=st.lists(days, max_size=3))
def test_pages_show_each_claim_once_though_others_arrive(
    created: list[str], count: int, late: list[str]
) -> None:
    held = [claim(i, day) for i, day in enumerate(created)]
    seen: list[str] = []
    parameters: tuple[tuple[str, str], ...] | None = (("patient", "x"), ("_count", str(count)))
    while parameters is not None:
        page = searchset(query_from("Claim", parameters), held, BASE)
        seen += ids(page)
        parameters = next_of(page)
        held = [*held, *(claim(100 + i, day) for i, day in enumerate(late) if len(held) == len(created))]
    assert len(seen) == len(set(seen))
    assert {f"c{i}" for i in range(len(created))} <= set(seen)


def test_the_total_counts_what_matches_and_nothing_else() -> None:
    held = [claim(1), claim(2, status="cancelled"), {"resourceType": "Coverage", "id": "x"}]
    assert search(held)["total"] == 2
    assert ids(search(held, ("status", "active"))) == ["c1"]
    assert ids(search(held, ("_id", "c2,c9"))) == ["c2"]
    assert search(held, ("_count", "0"))["total"] == 2
    assert "entry" not in search(held, ("_count", "0"))


@pytest.mark.parametrize(
    ("date", "found"),
    [
        ("2026-03-01", ["c1"]),
        ("2026-03", ["c1", "c2"]),
        ("ge2026-03-15", ["c2", "c3"]),
        ("gt2026-03-31", ["c3"]),
        ("le2026-03", ["c1", "c2"]),
        ("lt2026-03-31", ["c1"]),
    ],
)
def test_service_dates_are_compared_as_fhir_says(date: str, found: list[str]) -> None:
    held = [claim(1), claim(2, "2026-03-31"), claim(3, "2026-04-02")]
    assert ids(search(held, ("service-date", date))) == found


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        [("patient", "")],
        [("patient", "x"), ("_cursor", "\u00e9")],
        [("patient", "x"), ("_count", "-1")],
        [("patient", "x"), ("service-date", "ap2026")],
        [("patient", "x"), ("patient.name", "Li")],
        [("patient", "x"), ("_has:Observation:patient:code", "1")],
    ],
)
def test_what_cannot_be_honoured_is_refused(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused):
        query_from("Claim", parameters)
