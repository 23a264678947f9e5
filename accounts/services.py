"""Writes to accounts: organisations, people, sign-in links."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from accounts.models import Organisation, Person, Role, SignInLink


class SignInRefused(Exception):
    """The link is unknown, used up or too old; the message is fit to be shown."""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def organisation_ensure(
    *, slug: str, name: str, name_zh: str = "", kind: str, region: str = ""
) -> Organisation:
    """Create the organisation or bring its names up to date; its DID is left alone."""
    organisation, _ = Organisation.objects.update_or_create(
        slug=slug, defaults={"name": name, "name_zh": name_zh, "kind": kind, "region": region}
    )
    return organisation


def organisation_set_did(*, organisation: Organisation, did: str) -> Organisation:
    """Record the DID under which the organisation is registered on the ledger. It never changes."""
    if organisation.did not in ("", did):
        raise ValueError(f"{organisation.slug} already has the DID {organisation.did}, refused {did}")
    organisation.did = did
    organisation.save(update_fields=["did"])
    return organisation


def person_ensure(
    *,
    handle: str,
    name: str,
    name_zh: str = "",
    role: Role | str,
    title: str = "",
    organisation: Organisation | None = None,
    language: str = "en",
    time_zone: str = "UTC",
) -> Person:
    """Create the person or bring their details up to date."""
    details = {"name": name, "name_zh": name_zh, "role": role, "title": title, "organisation": organisation}
    person, created = Person.objects.update_or_create(
        handle=handle,
        defaults=details,
        create_defaults={**details, "language": language, "time_zone": time_zone},
    )
    if created:
        person.set_unusable_password()
        person.save(update_fields=["password"])
    return person


def person_set_language(*, person: Person, language: str) -> None:
    person.language = language
    person.save(update_fields=["language"])


def sign_in_link_create(*, person: Person, now: datetime, valid_for: timedelta, uses: int | None = 1) -> str:
    """Return a fresh token for `/signin/<token>/`; only its hash is stored."""
    token = secrets.token_urlsafe(24)
    SignInLink.objects.create(
        token_hash=_hash(token), person=person, expires_at=now + valid_for, uses_left=uses
    )
    return token


@transaction.atomic
def sign_in_link_use(*, token: str, now: datetime) -> Person:
    """Spend one use of the link and return whom it signs in. Raises SignInRefused."""
    links = SignInLink.objects.filter(token_hash=_hash(token), expires_at__gt=now, person__is_active=True)
    spent = links.filter(uses_left__gt=0).update(uses_left=F("uses_left") - 1)
    link = links.select_related("person").filter(Q(uses_left=None) if not spent else Q()).first()
    if link is None:
        raise SignInRefused("This sign-in link is unknown, used up or too old. Ask for a new one.")
    return link.person


def sign_in_links_sweep(*, now: datetime) -> int:
    """Delete links that can no longer be used; returns how many."""
    deleted, _ = SignInLink.objects.filter(Q(expires_at__lte=now) | Q(uses_left=0)).delete()
    return deleted
