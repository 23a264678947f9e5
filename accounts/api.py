"""The door of accounts: who signs in and which organisation they act for."""

from accounts.models import Organisation, OrganisationKind, Person, Role
from accounts.selectors import (
    organisation_by_did,
    organisation_by_id,
    organisation_by_slug,
    organisations,
    people,
    person_by_handle,
    person_by_id,
)
from accounts.services import (
    SignInRefused,
    organisation_ensure,
    organisation_set_did,
    person_ensure,
    person_set_language,
    sign_in_link_create,
    sign_in_link_use,
    sign_in_links_sweep,
)

__all__ = [
    "Organisation",
    "OrganisationKind",
    "Person",
    "Role",
    "SignInRefused",
    "organisation_by_did",
    "organisation_by_id",
    "organisation_by_slug",
    "organisation_ensure",
    "organisation_set_did",
    "organisations",
    "people",
    "person_by_handle",
    "person_by_id",
    "person_ensure",
    "person_set_language",
    "sign_in_link_create",
    "sign_in_link_use",
    "sign_in_links_sweep",
]
