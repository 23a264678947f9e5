"""What an organisation's records earn it: the patient's word, the audits of others, and what gaming gains."""

import pytest

from ledger.machine.entries import ContributionEntry
from ledger.machine.rules.contribution import SAMPLE, contribution_of, rolled
from tests.ledger.machine.cast import (
    AMINA,
    AUTHORITY,
    LI_MEI,
    MALLORY,
    NORTH_LAKE,
    RIVERSIDE,
    Member,
    acknowledge,
    anchor,
    audit,
    b64u_of,
    consortium,
    register,
)
from tests.ledger.machine.elections import HILLSIDE, HOSPITALS, KEYS, OWNERS, RULES, Elected


def credit_of(ledger: Elected, organisation: Member) -> int:
    return contribution_of(ledger.view, organisation.did).credit


def acknowledged(ledger: Elected, by: Member, count: int, subject: Member = LI_MEI) -> list[str]:
    """So many records of this source, anchored and acknowledged; then the epoch in which they are audited."""
    names = ledger.records(by, count, subject)
    ledger.accept(acknowledge(subject, *names))
    ledger.until_epoch(ledger.epoch + 1)
    return names


def test_only_the_subject_acknowledges_a_record_and_once() -> None:
    chain = consortium(anchor())
    assert chain.one(acknowledge(AMINA)) == "ANCHOR_NOT_YOURS"
    assert chain.one(acknowledge(RIVERSIDE)) == "ANCHOR_NOT_YOURS"
    assert chain.one(acknowledge(AMINA, subject=LI_MEI.did)) == "ANCHOR_NOT_YOURS"
    assert chain.one(acknowledge(LI_MEI, b64u_of("nobody's", 16))) == "ANCHOR_UNKNOWN"
    assert chain.one(acknowledge()) == "OK"
    assert chain.one(acknowledge()) == "ANCHOR_ACKNOWLEDGED"


def test_anchors_out_of_order_or_twice_are_refused() -> None:
    chain = consortium(anchor(), anchor(anchor=b64u_of("another", 16)))
    one, other = sorted((b64u_of("anchor", 16), b64u_of("another", 16)))
    assert chain.one(acknowledge(LI_MEI, anchors=(other, one))) == "ANCHORS_MALFORMED"
    assert chain.one(acknowledge(LI_MEI, anchors=(one, one))) == "ANCHORS_MALFORMED"
    assert chain.one(acknowledge(LI_MEI, anchors=(one, other))) == "OK"


def test_one_acknowledged_record_spoils_the_whole_list_and_counts_nothing() -> None:
    chain = consortium(anchor(), anchor(anchor=b64u_of("another", 16)), acknowledge())
    both = tuple(sorted((b64u_of("anchor", 16), b64u_of("another", 16))))
    assert chain.one(acknowledge(LI_MEI, anchors=both)) == "ANCHOR_ACKNOWLEDGED"
    assert chain.one(acknowledge(LI_MEI, b64u_of("another", 16))) == "OK"


def test_acknowledging_needs_no_election_and_audits_do() -> None:
    chain = consortium(anchor(), acknowledge())
    assert chain.one(audit(NORTH_LAKE, b64u_of("anchor", 16))) == "AUDIT_NOT_DRAWN"
    assert chain.app.query(b"epoch").value is None


def test_records_that_nobody_acknowledged_or_audited_earn_nothing() -> None:
    ledger = Elected()
    ledger.records(RIVERSIDE, 5)
    acknowledged(ledger, NORTH_LAKE, 5)
    ledger.until_epoch(ledger.epoch + 2)
    assert credit_of(ledger, RIVERSIDE) == 0
    assert credit_of(ledger, NORTH_LAKE) == 0


def test_records_that_pass_every_drawn_audit_earn_their_number_and_fade() -> None:
    ledger = Elected()
    names = acknowledged(ledger, RIVERSIDE, 20)
    drawn = ledger.auditors(RIVERSIDE, names)
    assert len(drawn) == SAMPLE
    ledger.accept(*(audit(by, name) for name, by in drawn.items()))
    assert credit_of(ledger, RIVERSIDE) == 0
    ledger.until_epoch(ledger.epoch + 1)
    assert credit_of(ledger, RIVERSIDE) == 20
    ledger.until_epoch(ledger.epoch + 3)
    assert credit_of(ledger, RIVERSIDE) == 20 // 8


def test_auditor_is_who_was_drawn_and_never_the_author() -> None:
    ledger = Elected(rules=RULES | {"every": 20})
    names = acknowledged(ledger, RIVERSIDE, 20)
    drawn = ledger.auditors(RIVERSIDE, names)
    assert RIVERSIDE not in drawn.values()
    name, by = next(iter(drawn.items()))
    for other in {AUTHORITY, *HOSPITALS} - {by}:
        assert ledger.one(audit(other, name)) == "AUDIT_NOT_YOURS"
    assert ledger.one(audit(LI_MEI, name)) == "NOT_ORGANISATION"
    assert ledger.one(audit(by, b64u_of("nobody's", 16))) == "ANCHOR_UNKNOWN"
    undrawn = next(name for name in names if name not in drawn)
    for auditor in (AUTHORITY, *HOSPITALS):
        assert ledger.one(audit(auditor, undrawn)) == "AUDIT_NOT_YOURS"


def test_later_outcome_takes_the_place_of_the_first() -> None:
    ledger = Elected()
    (name,) = acknowledged(ledger, RIVERSIDE, 1)
    by = ledger.auditors(RIVERSIDE, [name])[name]
    ledger.accept(audit(by, name))
    assert ledger.one(audit(by, name)) == "AUDIT_REPEATED"
    ledger.accept(audit(by, name, "failed"))
    ledger.until_epoch(ledger.epoch + 1)
    assert credit_of(ledger, RIVERSIDE) == 0
    assert ledger.one(audit(by, name)) == "AUDIT_NOT_DRAWN"


def test_audit_before_its_epoch_is_refused() -> None:
    ledger = Elected(rules=RULES | {"every": 20})
    names = ledger.records(RIVERSIDE, 1)
    ledger.accept(acknowledge(LI_MEI, *names))
    for auditor in HOSPITALS:
        assert ledger.one(audit(auditor, names[0])) == "AUDIT_NOT_DRAWN"


def test_where_as_many_fail_as_pass_nothing_is_earned() -> None:
    ledger = Elected()
    drawn = list(ledger.auditors(RIVERSIDE, acknowledged(ledger, RIVERSIDE, 8)).items())
    half = len(drawn) // 2
    ledger.accept(*(audit(by, name, "failed") for name, by in drawn[:half]))
    ledger.accept(*(audit(by, name, "passed") for name, by in drawn[half:]))
    ledger.until_epoch(ledger.epoch + 1)
    assert credit_of(ledger, RIVERSIDE) == 0


def test_which_records_are_drawn_was_not_known_when_they_were_acknowledged() -> None:
    """The draw follows from the state at the epoch's beginning: another history, another draw."""
    drawn = []
    for last in ("a", "b"):
        ledger = Elected()
        names = ledger.records(RIVERSIDE, 200)
        ledger.accept(acknowledge(LI_MEI, *names))
        ledger.accept(register(Member(f"passer-by {last}")))
        ledger.until_epoch(ledger.epoch + 1)
        drawn.append(set(ledger.auditors(RIVERSIDE, names)))
    assert drawn[0] != drawn[1]


def test_hospital_with_invented_patients_and_one_colluding_auditor_stays_under_a_third() -> None:
    """Mallory runs Hillside: hundreds of records of patients that she made up, and North Lake passes them."""
    ledger = Elected(rules=RULES | {"every": 10})
    ledger.accept(register(MALLORY))
    honest = {RIVERSIDE: 10}
    for _epoch in range(6):
        invented = ledger.records(HILLSIDE, 400, MALLORY)
        ledger.accept(acknowledge(MALLORY, *invented))
        names = {HILLSIDE: invented}
        for hospital, count in honest.items():
            names[hospital] = ledger.records(hospital, count)
            ledger.accept(acknowledge(LI_MEI, *names[hospital]))
        ledger.until_epoch(ledger.epoch + 1)
        ledger.accept(
            *(
                audit(by, name, "failed" if author is HILLSIDE and by is not NORTH_LAKE else "passed")
                for author, records in names.items()
                for name, by in ledger.auditors(author, records).items()
            )
        )
        powers = ledger.settled()
        assert 3 * powers[KEYS[OWNERS.index(HILLSIDE)]] < sum(powers.values())
    assert credit_of(ledger, HILLSIDE) == 0
    assert credit_of(ledger, RIVERSIDE) > 0


def test_even_when_every_auditor_colludes_nobody_gets_a_third() -> None:
    ledger = Elected(rules={"every": 6, "seats": 7, "availability": 1, "contribution": 1000})
    ledger.accept(register(MALLORY))
    for _epoch in range(3):
        invented = ledger.records(HILLSIDE, 400, MALLORY)
        ledger.accept(acknowledge(MALLORY, *invented))
        ledger.until_epoch(ledger.epoch + 1)
        drawn = ledger.auditors(HILLSIDE, invented)
        ledger.accept(*(audit(by, name) for name, by in drawn.items()))
    powers = ledger.settled()
    strongest = powers[KEYS[OWNERS.index(HILLSIDE)]]
    assert strongest == max(powers.values())
    assert 3 * strongest < sum(powers.values())


@pytest.mark.parametrize("late", range(70))
def test_credit_rolled_at_once_is_credit_rolled_step_by_step(late: int) -> None:
    entry = ContributionEntry(3, acknowledged=9, before=17, passed=7, failed=1, credit=2**50 + 1)
    step_by_step = entry
    for epoch in range(4, 4 + late):
        step_by_step = rolled(step_by_step, epoch)
    assert rolled(entry, 3 + late) == step_by_step
