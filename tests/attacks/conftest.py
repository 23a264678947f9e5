"""The cast of the wallet's tests, their browsers, and Mallory's tools."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.api import Person, person_ensure
from tests.interop.conftest import Faces, faces
from tests.wallet.conftest import World, amina, empty_world, keys_on_disk, li_mei, world
from wallet import api as wallet

__all__ = ["Browser", "Faces", "amina", "empty_world", "faces", "keys_on_disk", "li_mei", "world"]

Browser = Callable[..., Client]


@pytest.fixture
def everyone(world: World) -> World:
    """The cast with one person for every role, the regulator and North Lake's operator included."""
    world.people["regulator"] = person_ensure(
        handle="regulator",
        name="Regional Health Authority",
        role="regulator",
        organisation=world.organisations["authority"],
    )
    world.people["operator"] = person_ensure(
        handle="operator", name="Operator", role="operator", organisation=world.organisations["north-lake"]
    )
    return world


@pytest.fixture
def browser(transactional_db: None) -> Browser:
    """A browser in which this person is signed in; CSRF is checked as in production."""

    def signed_in(person: Person | None, **headers: str) -> Client:
        client = Client(enforce_csrf_checks=True, headers=headers, raise_request_exception=False)
        if person is not None:
            client.force_login(person)
        return client

    return signed_in


@pytest.fixture
def consent(li_mei: World) -> wallet.ConsentView:
    """Li Mei lets Dr Okafor read two records for an hour; it is on the ledger."""
    given = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    return given
