"""Reads from accounts. A missing row is None: the caller knows what that means to its user."""

import uuid

from django.db.models import QuerySet

from accounts.models import Organisation, Person


def organisation_by_id(organisation_id: uuid.UUID | str) -> Organisation | None:
    return Organisation.objects.filter(id=organisation_id).first()


def organisation_by_slug(slug: str) -> Organisation | None:
    return Organisation.objects.filter(slug=slug).first()


def organisation_by_did(did: str) -> Organisation | None:
    return Organisation.objects.filter(did=did).first() if did else None


def organisations(kind: str | None = None) -> QuerySet[Organisation]:
    found = Organisation.objects.all()
    return found.filter(kind=kind) if kind else found


def person_by_id(person_id: uuid.UUID | str) -> Person | None:
    return Person.objects.select_related("organisation").filter(id=person_id).first()


def person_by_handle(handle: str) -> Person | None:
    return Person.objects.select_related("organisation").filter(handle=handle).first()


def people(role: str | None = None) -> QuerySet[Person]:
    found = Person.objects.select_related("organisation")
    return found.filter(role=role) if role else found
