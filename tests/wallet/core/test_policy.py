"""The policy engine: one yes, and a no with its reason for everything else."""

from dataclasses import replace
from typing import Any

import pytest

from tests.wallet.core.cast import (
    EVERGREEN,
    LI_MEI,
    MALLORY,
    NORTH_LAKE,
    NOW,
    RECORDS,
    SALT,
    li_meis_artefact,
)
from wallet.core import consent
from wallet.core.narrow import RecordFacts
from wallet.core.policy import LedgerConsent, LedgerCredential, Question, Reader, Reason, may_read

HOUR = 3_600_000
ARTEFACT = li_meis_artefact()


def on_ledger(artefact: consent.Artefact, /, **changes: Any) -> LedgerConsent:
    stands = LedgerConsent(
        subject=artefact.subject,
        artefact=consent.artefact_commitment(SALT, artefact),
        requester=consent.requester_commitment(SALT, artefact.requester.did),
        organisation=consent.organisation_commitment(SALT, artefact.requester.organisation),
        valid_from=artefact.valid_from,
        valid_until=artefact.valid_until,
        max_opens=artefact.max_opens,
        state="granted",
        opens=0,
    )
    return replace(stands, **changes)


OKAFOR = Reader(
    did=ARTEFACT.requester.did,
    organisation=NORTH_LAKE,
    credential=ARTEFACT.requester.credential,
    purpose="TREAT",
    ledger_credential=LedgerCredential(NORTH_LAKE, NOW + 300 * HOUR, revoked=False),
)
RECORD = RecordFacts(RECORDS[0], "Observation", "N", "2024-05-01", "2024-05-01")
ASKED = Question(ARTEFACT, SALT, on_ledger(ARTEFACT), OKAFOR, RECORD, NOW + HOUR // 2, 0)


def test_the_grantee_reads_a_named_record_while_the_consent_lasts() -> None:
    decision = may_read(ASKED)
    assert decision.allowed
    assert decision.reason is Reason.ALLOWED


def reader(**changes: Any) -> dict[str, Any]:
    return {"reader": replace(OKAFOR, **changes)}


def record(**changes: Any) -> dict[str, Any]:
    return {"record": replace(RECORD, **changes)}


def ledger(**changes: Any) -> dict[str, Any]:
    return {"consent": on_ledger(ARTEFACT, **changes)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"consent": None}, Reason.OTHER_CONSENT),
        ({"salt": bytes(32)}, Reason.OTHER_CONSENT),
        (ledger(artefact="A" * 43), Reason.OTHER_CONSENT),
        (ledger(subject=EVERGREEN), Reason.OTHER_CONSENT),
        (ledger(valid_until=ARTEFACT.valid_until + HOUR), Reason.OTHER_CONSENT),
        (ledger(max_opens=9), Reason.OTHER_CONSENT),
        (ledger(state="revoked"), Reason.NOT_GRANTED),
        (ledger(state="anything else"), Reason.NOT_GRANTED),
        ({"now": ARTEFACT.valid_from - 1}, Reason.NOT_YET),
        ({"now": ARTEFACT.valid_until}, Reason.EXPIRED),
        (reader(did=MALLORY), Reason.OTHER_READER),
        (reader(organisation=EVERGREEN), Reason.OTHER_READER),
        (reader(credential=""), Reason.OTHER_READER),
        (reader(ledger_credential=None), Reason.NO_CREDENTIAL),
        (reader(ledger_credential=LedgerCredential(EVERGREEN, 2**50, False)), Reason.NO_CREDENTIAL),
        (reader(ledger_credential=LedgerCredential(NORTH_LAKE, 2**50, True)), Reason.CREDENTIAL_REVOKED),
        (reader(ledger_credential=LedgerCredential(NORTH_LAKE, NOW, False)), Reason.CREDENTIAL_EXPIRED),
        (reader(purpose="HRESCH"), Reason.OTHER_PURPOSE),
        (record(record=RECORDS[4]), Reason.RECORD_NOT_NAMED),
        (record(type="ImagingStudy"), Reason.OTHER_TYPE),
        (record(start="2019-01-01", end="2019-01-01"), Reason.OTHER_DATES),
        (record(label="R"), Reason.TOO_CONFIDENTIAL),
        (record(label="?"), Reason.TOO_CONFIDENTIAL),
    ],
)
def test_everything_else_is_denied_with_its_reason(change: dict[str, Any], reason: Reason) -> None:
    decision = may_read(replace(ASKED, **change))
    assert not decision.allowed
    assert decision.reason is reason


def test_a_consent_for_one_opening_is_exhausted_after_it() -> None:
    artefact = li_meis_artefact(max_opens=1)
    once = replace(ASKED, artefact=artefact, consent=on_ledger(artefact))
    assert may_read(once).allowed
    assert may_read(replace(once, opens_used=1)).reason is Reason.EXHAUSTED


def test_evergreen_reads_as_itself_without_a_credential() -> None:
    itself = consent.Grantee(EVERGREEN, EVERGREEN, "", "Evergreen Mutual", "insurer")
    artefact = li_meis_artefact(requester=itself, purpose="HPAYMT")
    evergreen = Reader(EVERGREEN, EVERGREEN, "", "HPAYMT", None)
    asked = replace(ASKED, artefact=artefact, consent=on_ledger(artefact), reader=evergreen)
    assert may_read(asked).allowed
    assert may_read(replace(asked, reader=OKAFOR)).reason is Reason.OTHER_READER
    assert artefact.subject == LI_MEI
