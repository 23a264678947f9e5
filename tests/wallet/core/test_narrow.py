"""Narrowing: whatever a patient chooses, the result is within what was asked, and nothing wider passes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallet.core.cast import DAY, MALLORY, NOW, RECORDS, li_meis_artefact, okafors_request
from wallet.core.errors import NothingLeft, Wider
from wallet.core.narrow import RecordFacts, Scope, check_narrowing, check_records, first_wider, fits, narrow
from wallet.core.request import DateRange

TYPES = ("Condition", "Observation", "Claim", "ImagingStudy")
days = st.none() | st.dates().map(str)
scopes = st.builds(
    Scope,
    types=st.lists(st.sampled_from(TYPES), min_size=1, unique=True).map(tuple),
    dates=st.builds(DateRange, start=days, end=days),
    duration_s=st.integers(1, 10**7),
    mode=st.sampled_from(["view", "store"]),
)


@given(asked=scopes, chosen=scopes)
def test_the_result_is_always_within_both(asked: Scope, chosen: Scope) -> None:
    try:
        left = narrow(asked, chosen)
    except NothingLeft:
        return
    assert first_wider(left, asked) is None
    assert first_wider(left, chosen) is None


@given(asked=scopes, chosen=scopes)
def test_a_choice_that_is_within_is_taken_as_it_is(asked: Scope, chosen: Scope) -> None:
    try:
        left = narrow(asked, chosen)
    except NothingLeft:
        return
    if first_wider(chosen, asked) is None:
        assert (set(left.types), left.dates, left.duration_s, left.mode) == (
            set(chosen.types),
            chosen.dates,
            chosen.duration_s,
            chosen.mode,
        )


@given(asked=scopes, chosen=scopes, day=st.dates().map(str), kind=st.sampled_from(TYPES))
def test_a_record_in_the_result_fits_both_and_the_other_way_round(
    asked: Scope, chosen: Scope, day: str, kind: str
) -> None:
    facts = RecordFacts(RECORDS[0], kind, "N", day, day)
    in_both = all(fits(facts, scope.types, scope.dates, "N") for scope in (asked, chosen))
    try:
        left = narrow(asked, chosen)
    except NothingLeft:
        assert not in_both
        return
    assert fits(facts, left.types, left.dates, "N") == in_both


def test_li_meis_consent_answers_dr_okafors_request() -> None:
    check_narrowing(okafors_request(), li_meis_artefact())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"types": ("Condition", "Claim")}, "types"),
        ({"dates": DateRange(None, None)}, "dates.from"),
        ({"dates": DateRange("2019-12-31", None)}, "dates.from"),
        ({"valid_until": NOW + 60_000 + 7_200_001}, "duration_s"),
        ({"mode": "store"}, "mode"),
        ({"purpose": "HRESCH"}, "purpose"),
        ({"ledger": "another"}, "ledger"),
        ({"request": "A" * 43}, "request"),
        ({"valid_from": NOW - DAY, "valid_until": NOW - DAY + 1}, "valid_from"),
    ],
)
def test_a_consent_that_gives_more_than_was_asked_is_refused(change: dict[str, object], field: str) -> None:
    artefact = msgspec.structs.replace(li_meis_artefact(), **change)
    with pytest.raises(Wider) as refused:
        check_narrowing(okafors_request(), artefact)
    assert refused.value.field == field


@pytest.mark.parametrize("field", ["did", "organisation", "credential", "name", "role"])
def test_a_consent_for_somebody_else_is_refused(field: str) -> None:
    artefact = li_meis_artefact()
    other = msgspec.structs.replace(artefact.requester, **{field: MALLORY})
    with pytest.raises(Wider, match=f"requester.{field}"):
        check_narrowing(okafors_request(), msgspec.structs.replace(artefact, requester=other))


def facts(number: int, **changes: str) -> RecordFacts:
    given = {"type": "Observation", "label": "N", "start": "2024-01-01", "end": "2024-01-01", **changes}
    return RecordFacts(RECORDS[number], **given)


def test_records_that_fit_pass_and_one_that_was_not_offered_does_not() -> None:
    check_records(li_meis_artefact(), [facts(0), facts(1), facts(2)])
    with pytest.raises(Wider, match="records"):
        check_records(li_meis_artefact(), [facts(0), facts(1)])


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Claim"},
        {"label": "R"},
        {"label": "V"},
        {"label": "unknown"},
        {"start": "2019-12-31", "end": "2019-12-31"},
        {"start": "2019-12-31", "end": "2020-01-02"},
        {"start": "", "end": "2020-01-02"},
    ],
)
def test_one_matching_record_never_carries_another_along(change: dict[str, str]) -> None:
    with pytest.raises(Wider, match="records"):
        check_records(li_meis_artefact(), [facts(0), facts(1), facts(2, **change)])


def test_a_record_without_a_day_passes_as_the_text_says() -> None:
    check_records(li_meis_artefact(), [facts(0), facts(1), facts(2, start="", end="")])
