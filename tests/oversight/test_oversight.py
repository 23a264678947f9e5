"""The regulator's pages: the ledger in plain words, in both languages, and honest when it does not answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from accounts.api import person_ensure
from ledger.api import (
    BlockDetail,
    BlockSummary,
    BlockTx,
    EventCounts,
    LedgerStatus,
    LedgerUnavailable,
    NotFound,
    ProofInvalid,
    ValidatorInfo,
    VerifiedValue,
)
from oversight import selectors
from oversight.sentences import TELL, sentence

COMMON = {
    "ledger": "salus-tests",
    "version": 1,
    "nonce": "n",
    "issued_at": 1,
    "not_after": 2,
    "author": "did:salus:uAAA",
}
BODIES: dict[str, dict[str, Any]] = {
    "OrganisationRegistered": {
        "did": "did:salus:uB",
        "kind": "hospital",
        "name": "North Lake Hospital",
        "region": "Lakeside",
    },
    "DidRegistered": {"did": "did:salus:uB", "custody": "custodial"},
    "DidRotated": {"did": "did:salus:uB", "seq": 1, "custody": "self"},
    "ClinicianRegistered": {"credential": "c", "role": "physician", "valid_until": 5},
    "ClinicianRevoked": {"credential": "c"},
    "RecordAnchored": {"subject": "did:salus:uB", "manifest": "bafy"},
    "ConsentGranted": {
        "consent": "C1",
        "subject": "did:salus:uB",
        "handles": 2,
        "custody": "self",
        "valid_from": 1,
        "valid_until": 2,
    },
    "ConsentRevoked": {"consent": "C1", "subject": "did:salus:uB"},
    "AccessOpened": {"consent": "C1", "handles": ["h"]},
    "GovernanceProposed": {
        "proposal": "P1",
        "change": {"kind": "join", "public": "k", "moniker": "hillside", "power": 10},
    },
    "GovernanceVoted": {"proposal": "P1", "approve": False},
    "CheckpointRequested": {},
    "RecordAcknowledged": {"subject": "did:salus:uB", "anchors": ["A1", "A2"]},
    "RecordAudited": {"anchor": "A1", "outcome": "failed", "evidence": "E1"},
    "CandidacyRenewed": {"public": "k", "epoch": 7},
}
SUMMARY = BlockSummary(
    height=7,
    hash="AB" * 32,
    time_ms=1_790_000_000_000,
    txs=1,
    proposer="V1",
    app_hash="CD" * 32,
    slots=4,
    signed_by=("V0", "V1", "V2"),
)


class Ledger:
    """A ledger of one block; `fails` is raised by every call instead."""

    def __init__(self, fails: Exception | None = None, answering: int = 4, txs: int = 1) -> None:
        self.fails, self.answering, self.txs = fails, answering, txs

    def _check(self) -> None:
        if self.fails:
            raise self.fails

    def status(self) -> LedgerStatus:
        self._check()
        quorum = self.answering >= 3
        return LedgerStatus("salus-tests", 7, SUMMARY.time_ms, SUMMARY.app_hash, 4, self.answering, quorum)

    def validators(self) -> list[ValidatorInfo]:
        names = ["riverside", "north-lake", "harbour", "health-authority"]
        return [ValidatorInfo(f"V{i}", n, 10, i < self.answering, 7, "") for i, n in enumerate(names)]

    def blocks(self, before: int | None = None, limit: int = 20) -> list[BlockSummary]:
        self._check()
        return [SUMMARY] if before is None else [replace(SUMMARY, height=before - 1)]

    def block(self, height: int) -> BlockDetail:
        self._check()
        if height > 7:
            raise NotFound("no such block")
        body = COMMON | {"type": "ConsentGranted"} | BODIES["ConsentGranted"]
        return BlockDetail(replace(SUMMARY, height=height), (BlockTx("FF" * 32, body),) * self.txs)

    def event_counts(self) -> EventCounts:
        return EventCounts({"energy_traded": 3, "validator_punished": 1, "checkpoint": 2}, 5, 7, 3, 4)

    def blocks_with_faults(self) -> list[BlockSummary]:
        self._check()
        return []

    def query(self, key: str) -> VerifiedValue:
        return VerifiedValue(None, 7, SUMMARY.time_ms)

    def name_of(self, address: str) -> str:
        return address


@pytest.fixture
def grace(db: None) -> Client:
    client = Client()
    client.force_login(person_ensure(handle="grace-kim", name="Grace Kim", role="regulator"))
    return client


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Any:
    settings.SALUS_LEDGER_GENESIS = tmp_path / "genesis.json"
    settings.SALUS_LEDGER_GENESIS.write_text('{"validators": []}')

    def use(made: Ledger) -> None:
        monkeypatch.setattr(selectors, "ledger", lambda: made)

    return use


@pytest.mark.parametrize("type_", TELL)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_transaction_is_told_in_plain_words(type_: str, language: str) -> None:
    with translation.override(language):
        told = sentence(COMMON | {"type": type_} | BODIES[type_])
    assert told.title
    assert type_ not in told.title
    assert (max(told.title) > "\u3400") == (language == "zh-hans")
    assert told.times[-1][1] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "join", "moniker": "hillside", "power": 10}, "joins"),
        ({"kind": "leave"}, "leaves"),
        ({"kind": "power", "power": 20}, "another voting power"),
        ({"kind": "rotate", "moniker": "harbour"}, "new key"),
        ({"kind": "candidate", "moniker": "harbour"}, "candidate"),
    ],
)
def test_a_proposal_says_what_would_change(change: dict[str, Any], words: str) -> None:
    body = {"type": "GovernanceProposed", "proposal": "P1", "change": {"public": "k", **change}}
    told = sentence(COMMON | body)
    assert words in told.title
    assert ("Votes are taken until", 2) in told.times
    assert dict(told.facts).get("Validator") == change.get("moniker")


def test_a_proposal_about_elections_names_no_validator() -> None:
    change = {"kind": "election", "every": 1000, "seats": 7, "availability": 100, "contribution": 10}
    told = sentence(COMMON | {"type": "GovernanceProposed", "proposal": "P1", "change": change})
    assert "elected" in told.title
    assert ("Blocks in an epoch", "1000") in told.facts


def test_an_unknown_transaction_is_named_not_guessed_at() -> None:
    assert sentence(COMMON | {"type": "StudyApproved"}).title == "A transaction of type StudyApproved"


def test_a_consents_requester_is_not_pretended_to_be_known() -> None:
    told = sentence(COMMON | {"type": "ConsentGranted"} | BODIES["ConsentGranted"])
    assert ("Requester", "known to patient and requester only") in told.facts


def test_the_home_page_shows_validators_blocks_and_health(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    page = grace.get("/oversight/").content.decode()
    for words in ("The ledger works.", "4 of 4 validators answer.", "north-lake", "block 7", "salus-tests"):
        assert words in page


def test_a_missing_validator_and_a_halt_are_said(grace: Client, ledger: Any) -> None:
    ledger(Ledger(answering=3))
    assert "with a validator missing" in grace.get("/oversight/").content.decode()
    ledger(Ledger(answering=2))
    assert "The ledger has stopped" in grace.get("/oversight/").content.decode()


def test_a_validator_that_did_not_sign_lately_is_seen(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    assert "not in the last blocks" in grace.get("/oversight/").content.decode()


def test_one_block_is_told_in_words(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    page = grace.get("/oversight/blocks/7/").content.decode()
    assert "A patient allowed the reading of 2 records" in page
    assert "3 of 4" in page


def test_a_long_block_comes_in_pages(grace: Client, ledger: Any) -> None:
    ledger(Ledger(txs=120))
    first, last = (grace.get(f"/oversight/blocks/7/{page}").content.decode() for page in ("", "?page=3"))
    title = "A patient allowed the reading of 2 records"
    assert (first.count(title), last.count(title)) == (50, 20)
    assert "Permissions given</dt><dd>120" in first
    assert "Page 3 of 3" in last
    assert "Page 1 of 3" in grace.get("/oversight/blocks/7/?page=nonsense").content.decode()


def test_how_much_may_still_fail_is_said(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    assert "1 more may fail before it stops." in grace.get("/oversight/").content.decode()
    ledger(Ledger(answering=3))
    assert "If one more fails, it stops." in grace.get("/oversight/validators/").content.decode()


def test_types_that_are_new_are_counted_under_their_own_name(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    page = grace.get("/oversight/").content.decode()
    assert "EnergyTraded</dt><dd>3" in page
    assert "Requests for a fresh block</dt><dd>2" in page
    assert "ValidatorPunished" not in page
    assert "Blocks before 5 are no longer kept." in page


def test_empty_pages_say_so(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    assert "There is no evidence against any validator." in grace.get("/oversight/evidence/").content.decode()
    assert (
        "Every validator that ever voted still does." in grace.get("/oversight/validators/").content.decode()
    )


def test_paging_takes_numbers_only(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    assert "/oversight/blocks/4/" in grace.get("/oversight/?before=5").content.decode()
    for wrong in ("abc", "-1", "9" * 40, "٣"):
        assert grace.get("/oversight/", {"before": wrong}).status_code == 200


def test_a_block_beyond_the_end_is_not_found(grace: Client, ledger: Any) -> None:
    ledger(Ledger())
    assert grace.get("/oversight/blocks/8/").status_code == 404
    assert grace.get("/oversight/blocks/0/").status_code == 404


def test_a_ledger_that_does_not_answer_is_said(grace: Client, ledger: Any) -> None:
    ledger(Ledger(LedgerUnavailable("nobody answers")))
    answer = grace.get("/oversight/")
    assert answer.status_code == 503
    assert "No validator answers right now." in answer.content.decode()


def test_a_lie_is_never_shown_as_data(grace: Client, ledger: Any) -> None:
    ledger(Ledger(ProofInvalid("riverside", "a", "b")))
    answer = grace.get("/oversight/")
    assert answer.status_code == 502
    assert "does not verify" in answer.content.decode()


@pytest.mark.parametrize("role", ["patient", "clinician", "insurer"])
def test_others_do_not_get_in(db: None, client: Client, role: str) -> None:
    client.force_login(person_ensure(handle="mallory", name="Mallory", role=role))
    stranger = Client()
    for page in ("", "blocks/1/", f"transactions/{'AB' * 32}/", "validators/", "evidence/", "search/?q=1"):
        assert stranger.get(f"/oversight/{page}").status_code == 302
        assert client.get(f"/oversight/{page}").status_code == 403
