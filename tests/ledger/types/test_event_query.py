"""The query language over events: what is read, what it matches, and how precisely the rest is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.types.event_query import MAX_LENGTH, Condition, Operator, Query, QueryError, parse

TAGS = {
    "tm.event": ["Tx"],
    "tx.height": ["7"],
    "tx.hash": ["AB" * 32],
    "consent_granted.consent": ["C1", "C2"],
    "consent_granted.subject": ["did:salus:uLiMei"],
    "access_opened.opens": ["3"],
    "access_opened.ratio": ["2.5"],
    "checkpoint": [],
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("tm.event='Tx'", True),
        ("tm.event = 'Tx'", True),
        ("tm.event='NewBlock'", False),
        ("tm.event='Tx' AND tx.height=7", True),
        ("tx.height='7'", True),
        ("tx.height=7.0", True),
        ("tx.height>7", False),
        ("tx.height>=7 AND tx.height<=7", True),
        ("tx.height<7.5 AND tx.height>6.5", True),
        ("tx.height < 7", False),
        ("tx.hash='" + "ab" * 32 + "'", True),
        ("consent_granted.consent='C2'", True),
        ("consent_granted.consent='C1' AND consent_granted.consent='C2'", True),
        ("consent_granted.consent='C3'", False),
        ("consent_granted.subject CONTAINS 'LiMei'", True),
        ("consent_granted.subject CONTAINS 'Mallory'", False),
        ("consent_granted.subject CONTAINS ''", True),
        ("consent_granted.subject EXISTS", True),
        ("consent_granted EXISTS", True),
        ("consent EXISTS", False),
        ("checkpoint EXISTS", True),
        ("consent_revoked.consent EXISTS", False),
        ("access_opened.opens>2", True),
        ("access_opened.ratio<=2.5", True),
        ("consent_granted.consent>0", False),
        ("consent_granted.consent=1", False),
        ("unknown.key='x'", False),
        ("unknown.key>1", False),
        ("  tm.event='Tx'\n AND\ttx.height EXISTS  ", True),
    ],
)
def test_what_a_query_matches(text: str, matches: bool) -> None:
    assert parse(text).matches(TAGS) is matches


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a key such as tx.height, got the end at offset 0"),
        ("tx.height", "expected =, <, <=, >, >=, CONTAINS or EXISTS, got the end"),
        ("tx.height >", "expected a value, got the end"),
        ("tx.height > 'x'", "expected a number at offset 12, got 'x'"),
        ("tx.height 5", "expected =, <, <=, >, >=, CONTAINS or EXISTS at offset 10, got 5"),
        ("tx.height = five", "expected a string in single quotes or a number at offset 12, got five"),
        ("a.b CONTAINS 5", "expected a quoted string at offset 13, got 5"),
        ("a.b='x", "a string without its closing quote at offset 4"),
        ('a.b="x"', "cannot read '\"' at offset 4"),
        ("a.b='x' a.c='y'", "expected AND at offset 8, got a.c"),
        ("a.b='x' OR a.c='y'", "expected AND at offset 8, got OR"),
        ("a.b='x' AND", "expected a key such as tx.height, got the end"),
        ("AND a.b='x'", "expected a key such as tx.height, got AND"),
        ("NOT a.b='x'", "got a.b"),
        ("(a.b='x')", "cannot read '(' at offset 0"),
        ("a.b=-5", "cannot read '-' at offset 4"),
        ("a.b=5x", "cannot read '5' at offset 4"),
        ("a.b!='x'", "cannot read '!' at offset 3"),
        ("a.b > DATE 2026-01-01", "DATE at offset 6 is not supported"),
        ("a.b = TIME 2026-01-01T00:00:00Z", "TIME at offset 6 is not supported"),
        ("a.b='" + "x" * MAX_LENGTH + "'", f"at most {MAX_LENGTH} characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(text)
    assert why in str(refused.value)


KEYS = st.from_regex(r"[a-z_]{1,8}\.[a-z_]{1,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="'"), max_size=12)
NUMBERS = st.decimals(0, 10**9, places=2) | st.integers(0, 10**18).map(Decimal)
COMPARISONS = st.sampled_from(["=", "<", "<=", ">", ">="]).map(Operator)
CONDITIONS = st.one_of(
    st.builds(Condition, KEYS, COMPARISONS, NUMBERS),
    st.builds(Condition, KEYS, st.sampled_from([Operator.EQUAL, Operator.CONTAINS]), TEXTS),
    st.builds(Condition, KEYS, st.just(Operator.EXISTS)),
)


@given(st.lists(CONDITIONS, min_size=1, max_size=4).map(tuple).map(Query))
def test_what_is_written_is_read_back_the_same(query: Query) -> None:
    assert parse(str(query)) == query


@given(st.text(max_size=60) | st.text(alphabet="a.b='5<>AND EXISTS", max_size=60))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        query = parse(text)
    except QueryError:
        return
    assert parse(str(query)) == query


@given(
    st.lists(
        st.builds(Condition, st.just("tx.height"), COMPARISONS, st.decimals(0, 40, places=1)), max_size=4
    )
)
def test_bounds_hold_exactly_the_heights_that_match(conditions: list[Condition]) -> None:
    query = Query(tuple(conditions))
    matching = [height for height in range(31) if query.matches({"tx.height": [str(height)]})]
    assert list(query.bounds("tx.height", 30)) == matching
