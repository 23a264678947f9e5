"""Consents: what is signed is what was shown, and the ledger learns nothing from it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallet.core.cast import (
    DAY,
    EVERGREEN,
    MALLORY,
    NAMES,
    NORTH_LAKE,
    NOW,
    RECORDS,
    SALT,
    li_meis_artefact,
)
from wallet.core import consent
from wallet.core.consent_words import WORDS
from wallet.core.errors import Malformed
from wallet.core.request import DateRange


def shown(artefact: consent.Artefact, locale: str = "en") -> str:
    return consent.consent_text(artefact, NAMES, locale)


def test_the_artefact_reads_back_as_what_was_signed() -> None:
    artefact = li_meis_artefact()
    assert consent.parse_artefact(msgspec.to_builtins(artefact)) == artefact


def test_the_text_says_who_why_what_when_and_what_cannot_be_undone() -> None:
    text = shown(li_meis_artefact())
    for part in (
        "Dr Okafor (doctor), North Lake Hospital, may see 3 of my records.",
        "Why: treatment.",
        "What: problems and diagnoses, measurements and test results.",
        "from 2026-09-21 14:14 until 2026-09-21 15:14 UTC (1 hour)",
        "cannot be unread",
    ):
        assert part in text


def test_the_chinese_text_is_chinese_and_in_beijing_time() -> None:
    text = shown(li_meis_artefact(), "zh-Hans")
    assert "允许North Lake Hospital的Dr Okafor（医生）查看我的3份病历。" in text
    assert "北京时间2026-09-21 22:14至2026-09-21 23:14（1小时）" in text


@pytest.mark.parametrize(
    "change",
    [
        {"records": tuple(RECORDS[:2])},
        {"types": ("Observation",)},
        {"purpose": "HRESCH"},
        {"dates": DateRange(None, None)},
        {"mode": "store"},
        {"valid_from": NOW},
        {"valid_until": NOW + DAY, "erase_at": NOW + DAY},
        {"erase_at": NOW + DAY},
        {"max_opens": 3},
        {"confidentiality": "R"},
        {"delegate": consent.Delegate(MALLORY, "Mallory", "guardian")},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("locale", ["en", "zh-Hans"])
def test_whatever_matters_changes_the_text(change: dict[str, object], locale: str) -> None:
    before = li_meis_artefact(locale=locale)
    after = msgspec.structs.replace(before, **change)
    assert shown(before, locale) != shown(after, locale)
    assert consent.text_matches(before, NAMES)
    assert not consent.text_matches(after, NAMES)


def test_a_text_for_another_hospitals_name_does_not_match() -> None:
    artefact = li_meis_artefact()
    assert not consent.text_matches(artefact, {NORTH_LAKE: "Riverside General"})


@pytest.mark.parametrize(
    "names", [{}, {NORTH_LAKE: ""}, {NORTH_LAKE: "North\nLake"}, {EVERGREEN: "Evergreen Mutual"}]
)
def test_nobody_signs_for_an_organisation_without_a_readable_name(names: dict[str, str]) -> None:
    with pytest.raises(Malformed, match="organisation"):
        consent.consent_text(li_meis_artefact(), names, "en")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(Malformed, match="locale"):
        shown(li_meis_artefact(), "fr")


def test_both_languages_name_the_same_codes() -> None:
    english, chinese = WORDS["en"], WORDS["zh-Hans"]
    for table in (
        "purposes",
        "roles",
        "relations",
        "type_names",
        "units",
        "copies",
        "confidentiality",
        "dates",
    ):
        assert set(getattr(english, table)) == set(getattr(chinese, table)), table


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"records": ()}, "records"),
        ({"records": (RECORDS[1], RECORDS[0])}, "records"),
        ({"records": (RECORDS[0], RECORDS[0])}, "records"),
        ({"records": (RECORDS[0].upper(),)}, "records"),
        ({"types": ()}, "types"),
        ({"valid_until": NOW}, "valid_until"),
        ({"erase_at": NOW + 61_000}, "valid_until"),
        ({"max_opens": -1}, "max_opens"),
        ({"subject": MALLORY}, "subject"),
        ({"text": "AAAA"}, "text"),
        ({"valid_until": 2**53, "erase_at": 2**53}, "valid_until"),
        ({"requester": consent.Grantee(NORTH_LAKE, EVERGREEN, "", "X", "insurer")}, "requester"),
        ({"requester": consent.Grantee(MALLORY, EVERGREEN, "", "X", "insurer")}, "requester"),
    ],
)
def test_an_artefact_that_breaks_a_rule_is_refused_with_the_place(
    change: dict[str, object], place: str
) -> None:
    with pytest.raises(Malformed) as refused:
        consent.check_artefact(msgspec.structs.replace(li_meis_artefact(), **change))
    assert place in refused.value.place


def test_an_artefact_with_an_extra_field_is_refused() -> None:
    with pytest.raises(Malformed, match="unknown field"):
        consent.parse_artefact({**msgspec.to_builtins(li_meis_artefact()), "also": "everything"})


def test_without_the_salt_the_commitments_of_two_consents_cannot_be_joined() -> None:
    artefact = li_meis_artefact()
    other = bytes(32)
    for commit in (
        lambda salt: consent.artefact_commitment(salt, artefact),
        lambda salt: consent.requester_commitment(salt, artefact.requester.did),
        lambda salt: consent.organisation_commitment(salt, artefact.requester.organisation),
    ):
        assert commit(SALT) == commit(SALT) != commit(other)
    same = {
        consent.requester_commitment(SALT, NORTH_LAKE),
        consent.organisation_commitment(SALT, NORTH_LAKE),
    }
    assert len(same) == 2


def test_a_short_salt_is_refused() -> None:
    with pytest.raises(Malformed, match="salt"):
        consent.requester_commitment(b"short", NORTH_LAKE)


@given(minutes=st.integers(1, 5 * 366 * 1440), locale=st.sampled_from(["en", "zh-Hans"]))
def test_every_length_of_time_is_shown_without_a_fraction(minutes: int, locale: str) -> None:
    end = NOW + 60_000 + minutes * 60_000
    artefact = msgspec.structs.replace(li_meis_artefact(), valid_until=end, erase_at=end)
    line = shown(artefact, locale).split("\n")[4]
    units = WORDS[locale].units
    expected = {
        units[u][n != 1].format(n)
        for u, s in (("day", 1440), ("hour", 60), ("minute", 1))
        for n in [minutes // s]
        if n * s == minutes
    }
    assert any(amount in line for amount in expected)
