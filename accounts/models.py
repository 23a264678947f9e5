"""Who can sign in, and for which organisation they act."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class OrganisationKind(models.TextChoices):
    HOSPITAL = "hospital"
    INSURER = "insurer"
    REGULATOR = "regulator"
    RESEARCH = "research"


class Organisation(models.Model):
    """A member of the consortium; `did` is empty until its registration is on the ledger."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True, max_length=40)
    name = models.CharField(max_length=120)
    name_zh = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=12, choices=OrganisationKind.choices)
    region = models.CharField(max_length=40, blank=True)
    did = models.CharField(max_length=80, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug

    def name_in(self, language: str) -> str:
        """The name in the reader's language, the English one where there is none."""
        return self.name_zh if language.startswith("zh") and self.name_zh else self.name


class Role(models.TextChoices):
    PATIENT = "patient"
    CLINICIAN = "clinician"
    INSURER = "insurer"
    REGULATOR = "regulator"
    OPERATOR = "operator"


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, handle: str, password: str | None = None, **fields: Any) -> "Person":
        person: Person = self.model(handle=handle, **fields)
        if password is None:
            person.set_unusable_password()
        else:
            person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, handle: str, password: str | None = None, **fields: Any) -> "Person":
        return self.create_user(
            handle, password, is_staff=True, is_superuser=True, role=Role.OPERATOR, **fields
        )


class Person(AbstractBaseUser, PermissionsMixin):
    """One human being who signs in, in one role."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    handle = models.SlugField(unique=True, max_length=40)
    name = models.CharField(max_length=120)
    name_zh = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=12, choices=Role.choices)
    title = models.CharField(max_length=60, blank=True, help_text="Professional role, e.g. physician")
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="people"
    )
    language = models.CharField(max_length=10, default="en")
    time_zone = models.CharField(max_length=40, default="UTC")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PersonManager()
    USERNAME_FIELD = "handle"
    REQUIRED_FIELDS: ClassVar = ["name"]

    class Meta:
        ordering: ClassVar = ["handle"]

    def __str__(self) -> str:
        return self.handle

    def name_in(self, language: str) -> str:
        return self.name_zh if language.startswith("zh") and self.name_zh else self.name


class SignInLink(models.Model):
    """A link that signs one person in. Only the token's hash is kept, so a dump opens no session."""

    token_hash = models.CharField(max_length=64, primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="sign_in_links")
    expires_at = models.DateTimeField()
    uses_left = models.PositiveIntegerField(null=True, help_text="Null: as often as wanted until it expires")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"link for {self.person_id}"
