"""The consortium of the wallet's tests, with Riverside General's records system and Evergreen Mutual's."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from interop.api import api_client_create
from tests.interop.samples import MRN
from tests.wallet.conftest import PIN, World, empty_world, keys_on_disk, world
from wallet import api as wallet

__all__ = ["empty_world", "keys_on_disk", "world"]

MEMBER = ("https://evergreen.example/ids/member", "M123456789")


@dataclass
class System:
    """An organisation's program: it gets a token and calls the faces."""

    client_id: str
    secret: str
    token: str = ""

    def sign_in(self, **extra: str) -> Any:
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.secret}
        answer = Client().post("/oauth/token", form | extra)
        self.token = answer.json().get("access_token", "")
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return Client(headers={"Authorization": f"Bearer {self.token}", **headers}).get(path)

    def post(self, path: str, body: Any, content_type: str = "application/fhir+json") -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        client = Client(headers={"Authorization": f"Bearer {self.token}"})
        return client.post(path, data, content_type=content_type)


@dataclass
class Faces:
    """The world with Li Mei and Amina enrolled at Riverside General, Amina a member of Evergreen Mutual."""

    world: World
    riverside: System
    evergreen: System

    def records(self, person: str) -> list[wallet.RecordView]:
        return wallet.records_for_patient(person_id=self.world.people[person].id)

    def consent_to_payment(self, types: tuple[str, ...] = ("Claim",), **narrowing: Any) -> None:
        """Evergreen Mutual asks Amina, who agrees with her PIN."""
        request = wallet.organisation_request_create(
            organisation_id=self.world.organisations["evergreen"].id,
            person_id=None,
            patient_code=self.world.code("amina-diallo"),
            purpose="HPAYMT",
            reason="the bill of March",
            types=list(types),
            date_from=None,
            date_to=None,
        )
        wallet.request_approve_custodial(
            person_id=self.world.people["amina-diallo"].id,
            request_id=request.request_id,
            pin=PIN,
            narrowing=wallet.Narrowing(**narrowing),
            locale="en",
        )
        self.world.settle()


def enrol(world: World, person: str, organisation: str, identifier: tuple[str, str]) -> None:
    system, value = identifier
    known = wallet.Identifier(
        organisation_id=world.organisations[organisation].id, system=system, value=value
    )
    wallet.patient_enrol(person_id=world.people[person].id, identifiers=[known])


@pytest.fixture
def faces(world: World) -> Faces:
    enrol(world, "li-mei", "riverside", MRN)
    enrol(world, "amina-diallo", "riverside", (MRN[0], "A1"))
    enrol(world, "amina-diallo", "evergreen", MEMBER)
    wallet.patient_set_pin(person_id=world.people["amina-diallo"].id, pin=PIN)
    world.settle()
    systems = {}
    for slug in ("riverside", "evergreen"):
        made = api_client_create(organisation_id=world.organisations[slug].id, name="test")
        systems[slug] = System(made.client_id, made.secret)
        assert systems[slug].sign_in().status_code == 200
    return Faces(world, **systems)
