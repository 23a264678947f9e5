"""A ledger on which validators are elected: four that vote, hospitals of theirs, a candidate that waits."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from ledger.machine.application import Application
from ledger.machine.entries import View
from ledger.machine.results import BlockResult
from ledger.machine.rules.audit import auditor_of, sample_of
from ledger.machine.rules.contribution import contribution_of
from ledger.types import tx
from ledger.types.canonical import b64u_encode
from ledger.types.ids import address_of
from ledger.types.signing import public_key_of
from ledger.types.tx_change import CandidateStands, Change
from tests.ledger.machine.cast import (
    APP_STATE,
    AUTHORITY,
    HOUR,
    LEDGER,
    LI_MEI,
    NOON,
    NORTH_LAKE,
    RIVERSIDE,
    Member,
    admit,
    anchor,
    b64u_of,
    fields,
    register,
    renewal,
    seed_of,
    signed,
)

HILLSIDE = Member("Hillside Clinic")
HARBOUR = Member("Harbour Hospital")
HOSPITALS = (RIVERSIDE, NORTH_LAKE, HILLSIDE, HARBOUR)
OWNERS = (RIVERSIDE, NORTH_LAKE, HILLSIDE, AUTHORITY)
"""Whose the four validators of the genesis are; Harbour's waits."""
SEEDS = tuple(seed_of(f"validator {n}") for n in range(4))
KEYS = tuple(map(public_key_of, SEEDS))
WAITING_SEED = seed_of("validator of Harbour")
WAITING = public_key_of(WAITING_SEED)
EVERY = 6
RULES: dict[str, Any] = {"every": EVERY, "seats": 7, "availability": 100, "contribution": 10}
FULL = 1 + 100 * 10
STANDBY = 1 + 100 * 5


def address(public: bytes) -> str:
    return address_of(public).hex().upper()


def with_election(candidates: dict[bytes, Member], rules: dict[str, Any] = RULES) -> dict[str, Any]:
    """The genesis' app_state with an election and these candidates."""
    named = [{"public": b64u_encode(key), "organisation": of.did} for key, of in candidates.items()]
    return APP_STATE | {"election": rules | {"candidates": named}}


def stands(public: bytes = WAITING, organisation: Member = HARBOUR) -> CandidateStands:
    where: dict[str, Any] = {"moniker": "harbour", "host": "127.0.0.1", "port": 26600}
    return CandidateStands(
        public=b64u_encode(public), organisation=organisation.did, certificate="A" * 200, **where
    )


@dataclass
class Elected:
    """The ledger. Every validator signs every commit but those in `absent`."""

    candidates: dict[bytes, Member] = field(
        default_factory=lambda: {**dict(zip(KEYS, OWNERS, strict=True)), WAITING: HARBOUR}
    )
    rules: dict[str, Any] = field(default_factory=lambda: RULES)
    absent: set[bytes] = field(default_factory=set)
    genesis: dict[bytes, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 10))

    def __post_init__(self) -> None:
        self.app = Application()
        state = with_election(self.candidates, self.rules) if self.rules else APP_STATE
        self.app.init_chain(LEDGER, state, NOON - HOUR, self.genesis)
        self.time_ms = NOON
        self.made = 0
        self.accept(*(admit(hospital, "hospital") for hospital in HOSPITALS), register(LI_MEI))

    @property
    def height(self) -> int:
        return self.app.info().height

    @property
    def view(self) -> View:
        return View(lambda key: self.app.query(key).value)

    @property
    def epoch(self) -> int:
        found = self.app.epoch()
        return found.number if found else 0

    def votes(self) -> tuple[tuple[bytes, bool], ...]:
        """The last commit, as the next block will carry it."""
        deciding = self.app.validators_at(self.height) if self.height else {}
        return tuple((key, key not in self.absent) for key in sorted(deciding))

    def block(self, *txs: bytes, faulty: tuple[bytes, ...] = ()) -> BlockResult:
        """Propose, judge, decide and commit one block, as the engine does."""
        self.time_ms += 1
        votes = self.votes()
        chosen = self.app.prepare_proposal(txs, 10**6, self.time_ms, faulty, votes)
        judge = Application.restore(self.app.snapshot(), self.app.info().app_hash, self.genesis)
        assert judge.process_proposal(chosen, self.time_ms, faulty, votes)
        theirs = judge.finalize_block(txs, self.height + 1, self.time_ms, faulty, votes)
        result = self.app.finalize_block(txs, self.height + 1, self.time_ms, faulty, votes)
        assert theirs == result
        self.app.commit()
        return result

    def accept(self, *txs: bytes) -> None:
        """A block of these, all of which must pass."""
        assert [one.code.name for one in self.block(*txs).results] == ["OK"] * len(txs)

    def one(self, wire: bytes) -> str:
        return self.block(wire).results[0].code.name

    def step(self) -> None:
        """A block with somebody's business, and the block that proves it."""
        self.made += 1
        self.accept(register(Member(f"passer-by {self.made}")))
        self.block()

    def until_epoch(self, number: int) -> None:
        """Business until this epoch has begun."""
        while self.epoch < number:
            self.step()

    def settled(self) -> dict[bytes, int]:
        """The validators once every change is effective."""
        return dict(self.app.validators_at(self.height + 2))

    def renew(self, public: bytes = WAITING, seed: bytes = WAITING_SEED) -> None:
        self.accept(renewal(public, seed, self.epoch))

    def agree(self, change: Change) -> str:
        """Propose, and have the authority and all hospitals approve; returns the proposal's end, or
        the code by which it is refused."""
        self.made += 1
        proposal = b64u_of(f"proposal {self.made}", 16)
        body = tx.GovernanceProposed(**fields(RIVERSIDE.did, proposal=proposal, change=change))
        electors = (AUTHORITY, *HOSPITALS)
        cast = [tx.GovernanceVoted(**fields(each.did, proposal=proposal, approve=True)) for each in electors]
        votes = [signed(vote, elector) for vote, elector in zip(cast, electors, strict=True)]
        if (code := self.one(signed(body, RIVERSIDE))) != "OK":
            return code
        self.block(*votes)
        found = self.app.query(f"proposal/{proposal}".encode()).value
        assert found is not None
        return str(msgspec.json.decode(found)["state"])

    def records(self, by: Member, count: int, subject: Member = LI_MEI) -> list[str]:
        """So many records of this source, anchored; their anchors."""
        first, self.made = self.made, self.made + count
        names = [b64u_of(f"record {first + n}", 16) for n in range(count)]
        self.accept(*(anchor(by, subject, anchor=name) for name in names))
        return sorted(names)

    def auditors(self, author: Member, names: list[str]) -> dict[str, Member]:
        """Who audits which of these records, all of which the author had acknowledged in the last epoch."""
        by_did = {member.did: member for member in (AUTHORITY, *HOSPITALS)}
        draw, records = self.view.draw(), contribution_of(self.view, author.did).before
        found = {}
        for name in names:
            receipt = self.view.receipt(name)
            assert receipt is not None
            did = auditor_of(draw, author.did, receipt.index, records)
            if did is not None:
                found[name] = by_did[did]
        assert draw is not None
        assert len(found) == len(sample_of(draw, author.did, records))
        return found
