"""One consortium per test: three hospitals, an insurer, the regulator; the cast; a ledger in memory."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.api import Organisation, Person, organisation_ensure, person_ensure
from ledger.api import b64u_encode, did_of, keyset_from_json, next_commitment
from storage.api import Policy, Storage
from storage.providers.memory import MemoryProvider
from tests.wallet.devices import Phone, Tablet, public_of
from tests.wallet.sim_ledger import SimLedger
from wallet import api as wallet
from wallet import ports
from wallet.services.sealing import reseal_step
from wallet.vault import FileVault

CHAIN = "salus-tests"
PIN = "739154"


class TestClock:
    """The releaser's clock: real time plus what a test adds."""

    __test__ = False

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        import time

        return time.time_ns() // 1_000_000 + self.ahead

    def forward(self, seconds: float) -> None:
        self.ahead += int(seconds * 1000)


def make_genesis(seed: bytes) -> dict[str, Any]:
    keyset = {
        "keys": [{"id": "#key-1", "type": "Ed25519", "public": b64u_encode(public_of(seed))}],
        "sealing": [],
        "next": next_commitment(public_of(secrets.token_bytes(32))),
    }
    authority = {"did": did_of(keyset_from_json(keyset)), "keyset": keyset, "name": "Consortium"}
    return {"chain_id": CHAIN, "app_state": {"authority": authority, "version": 1}}


@dataclass
class World:
    """The cast and what stands behind the doors."""

    ledger: Any
    clock: TestClock
    vault: FileVault
    providers: list[MemoryProvider] = field(default_factory=list)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    phone: Phone = None  # type: ignore[assignment]
    tablet: Tablet = None  # type: ignore[assignment]

    @classmethod
    def with_ports(cls, genesis: dict[str, Any], ledger: Any) -> "World":
        clock, vault = TestClock(), FileVault(secrets.token_bytes(32))
        providers = [MemoryProvider(f"memory-{i}") for i in range(6)]
        storage = Storage(providers, Policy(k=4, n=6))
        ports.bind(clock=clock, vault=vault, genesis=genesis, storage=storage, ledger=ledger)
        return cls(ledger, clock, vault, providers)

    @staticmethod
    def unbind() -> None:
        ports.bind(ledger=None, clock=None, vault=None, genesis=None, storage=None)

    def settle(self, rounds: int = 6) -> None:
        """Let outbox, projector and re-sealing run until nothing is left to do."""
        for _ in range(rounds):
            done = wallet.outbox_step() + wallet.project_step() + reseal_step()
            if not done:
                return

    def ingest(self, person: str, source: str, *parts: tuple[str, bytes], label: str = "N") -> list[str]:
        made = wallet.records_ingest(
            organisation_id=self.organisations[source].id,
            patient_id=self.people[person].id,
            parts=[
                wallet.RecordPart(
                    type=kind,
                    label=label,
                    group="visit-1",
                    period_start="2026-03-01",
                    period_end="2026-03-02",
                    content=content,
                )
                for kind, content in parts
            ],
        )
        return [item.record_id for item in made]

    def code(self, person: str) -> str:
        return wallet.patient_code(person_id=self.people[person].id)

    def kinds(self, person: str) -> list[str]:
        return [item.kind for item in wallet.feed_since(person_id=self.people[person].id, after=0)]


ORGANISATIONS = (
    ("north-lake", "North Lake Hospital", "北湖医院", "hospital"),
    ("riverside", "Riverside General", "河滨总医院", "hospital"),
    ("evergreen", "Evergreen Mutual", "长青互助", "insurer"),
    ("authority", "Regional Health Authority", "区卫生局", "regulator"),
)


@pytest.fixture
def keys_on_disk(tmp_path: Path, settings: Any) -> bytes:
    """The authority's seed; token and authority keys are in files that the settings name."""
    seed = secrets.token_bytes(32)
    (tmp_path / "authority").write_text(b64u_encode(seed))
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "token.pem").write_bytes(pem)
    settings.SALUS_AUTHORITY_KEY_FILE = tmp_path / "authority"
    settings.SALUS_TOKEN_KEY_FILE = tmp_path / "token.pem"
    return seed


@pytest.fixture
def empty_world(transactional_db: None, keys_on_disk: bytes) -> Iterator[World]:
    """Organisations and people exist in accounts; nothing is on the ledger."""
    genesis = make_genesis(keys_on_disk)
    world = World.with_ports(genesis, None)
    world.ledger = SimLedger(genesis)
    ports.bind(ledger=world.ledger)
    populate(world)
    yield world
    world.unbind()


@pytest.fixture
def world(empty_world: World) -> World:
    """Everyone is registered: organisations, Dr Okafor's tablet, and the patients have codes but no keys."""
    register_everyone(empty_world)
    empty_world.settle()
    return empty_world


@pytest.fixture
def li_mei(world: World) -> World:
    """Li Mei holds her keys, and two of her records are on the ledger."""
    world.phone.set_up()
    world.settle()
    world.ingest("li-mei", "riverside", ("Observation", b"hb 13.1"), ("Condition", b"asthma"))
    world.settle()
    return world


@pytest.fixture
def amina(world: World) -> World:
    """Amina Diallo's keys are custodial, and two of her records are on the ledger."""
    wallet.patient_set_pin(person_id=world.people["amina-diallo"].id, pin=PIN)
    world.settle()
    world.ingest("amina-diallo", "riverside", ("Observation", b"hb 11.9"), ("Condition", b"gout"))
    world.settle()
    return world


def populate(world: World) -> None:
    """Organisations and people in accounts."""
    for slug, name, name_zh, kind in ORGANISATIONS:
        world.organisations[slug] = organisation_ensure(slug=slug, name=name, name_zh=name_zh, kind=kind)
    _people(world)


def register_everyone(world: World) -> None:
    """Organisations on the ledger, codes for the patients, a credential for Dr Okafor's tablet."""
    for organisation in world.organisations.values():
        wallet.organisation_create(organisation_id=organisation.id)
        organisation.refresh_from_db()
    for name in ("li-mei", "amina-diallo"):
        wallet.patient_enrol(person_id=world.people[name].id)
    world.phone = Phone(world.people["li-mei"].id)
    world.tablet = Tablet(world.people["okafor"].id)
    world.tablet.register()


def _people(world: World) -> None:
    north_lake, evergreen = world.organisations["north-lake"], world.organisations["evergreen"]
    world.people["li-mei"] = person_ensure(handle="li-mei", name="Li Mei", name_zh="李梅", role="patient")
    world.people["amina-diallo"] = person_ensure(handle="amina", name="Amina Diallo", role="patient")
    world.people["okafor"] = person_ensure(
        handle="okafor", name="Dr Okafor", role="clinician", title="physician", organisation=north_lake
    )
    world.people["mallory"] = person_ensure(
        handle="mallory", name="Mallory", role="clinician", title="physician", organisation=north_lake
    )
    world.people["clerk"] = person_ensure(
        handle="clerk", name="Clerk", role="insurer", organisation=evergreen
    )
