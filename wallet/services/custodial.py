"""Custodial keys: made and used by the service, only while the patient's PIN is in the call.

Rules
- The bundle opens with the vault's key and the PIN together (wallet.core.custody); nothing unwrapped is kept.
- A wrong PIN is counted before it is tried; five in a row lock the bundle for 15 minutes. A right one resets.
- Every signature is labelled custodial on the ledger.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from django.db import transaction
from django.db.models import F
from nacl.signing import SigningKey

from ledger.api import DidRegistered, b64u_encode, did_of, keyset_from_json, next_commitment
from wallet import ports
from wallet.core.custody import (
    CustodialKeys,
    Factors,
    open_bundle,
    parse_bundle,
    pin_is_weak,
    wrap_bundle,
)
from wallet.core.envelope import SealingKey
from wallet.core.errors import WrongFactor as CoreWrongFactor
from wallet.core.suites import HYBRID, public_from_seed
from wallet.errors import FactorLocked, Invalid, Refused, WrongFactor
from wallet.models import CustodialBundle, OrganisationKeys, PairwiseDid, Patient
from wallet.models.keys import LedgerState
from wallet.selectors import patient_profile
from wallet.services.patients import check_registration, custody_set, did_save, patient_locked
from wallet.shapes import PatientProfile
from wallet.wires import header, sign

SIGNING_ID, SEALING_ID = "#key-1", "#seal-1"
MAX_ATTEMPTS = 5
LOCK_MS = 15 * 60_000
SPREAD_MS = 3_600_000
"""What several DIDs of a patient sign together must not bear one time by which anyone could join them."""
B = TypeVar("B")


@dataclass
class OpenBundle:
    """A custodial patient's keys by organisation, opened by their PIN; keep no longer than the call."""

    patient: Patient
    version: int
    pin: str = field(repr=False)
    keys: dict[uuid.UUID, CustodialKeys] = field(repr=False)

    def sealing_key(self, organisation_id: uuid.UUID) -> SealingKey:
        """What opens envelopes to the patient's DID at this organisation. Raises Refused."""
        keys = self._of(organisation_id)
        return SealingKey(id=SEALING_ID, suite=keys.suite, seed=keys.sealing)

    def sign_body(self, organisation_id: uuid.UUID, did: str, body: type[B], **fields: Any) -> bytes:
        """Wire bytes of a transaction by the patient's DID at this organisation."""
        return self.sign_body_at(ports.now_ms(), organisation_id, did, body, **fields)

    def sign_body_at(
        self, issued_at: int, organisation_id: uuid.UUID, did: str, body: type[B], **fields: Any
    ) -> bytes:
        """The same with its time of issue (ms) given."""
        signed = body(**header(did, issued_at), **fields)
        return sign(signed, SIGNING_ID, self._of(organisation_id).signing)  # type: ignore[arg-type]

    def _of(self, organisation_id: uuid.UUID) -> CustodialKeys:
        if organisation_id not in self.keys:
            raise Refused("The patient has no keys for this organisation.")
        return self.keys[organisation_id]


def patient_set_pin(*, person_id: uuid.UUID, pin: str) -> PatientProfile:
    """Make a custodial patient's keys under this 6-digit PIN: one DID per active organisation, registered.

    Raises Invalid (a weak or malformed PIN), Refused (keys exist already).
    """
    if pin_is_weak(pin):
        raise Invalid("This PIN is too easy to guess.", next="Choose 6 digits without a simple pattern.")
    organisations = OrganisationKeys.objects.filter(state=LedgerState.REGISTERED)
    keys = [_new_keys(organisation_id) for organisation_id in organisations.values_list("pk", flat=True)]
    if not keys:
        raise Refused("No organisation is registered on the ledger yet.")
    wrapped = msgspec.to_builtins(_wrap(keys, person_id, pin, version=1))
    with transaction.atomic():
        patient = patient_locked(person_id)
        custody_set(patient, Patient.Custody.CUSTODIAL)
        if CustodialBundle.objects.filter(patient=patient).exists():
            raise Refused("This patient has a PIN already.")
        CustodialBundle.objects.create(patient=patient, wrapped=wrapped)
        for item in keys:
            _register(patient, item)
    return patient_profile(person_id=person_id)


def custodial_open(*, patient: Patient, pin: str) -> OpenBundle:
    """The patient's keys by organisation, for the caller's use in this call only.

    Must not be called inside a transaction: a wrong PIN has to be counted whatever follows.
    Raises WrongFactor, FactorLocked, Refused (not custodial).
    """
    bundle = CustodialBundle.objects.filter(patient=patient).first()
    if bundle is None:
        raise Refused("This patient's keys are not held by the service.")
    attempts = _count_attempt(bundle, ports.now_ms())
    try:
        keys = open_bundle(
            parse_bundle(bundle.wrapped), _factors(pin), patient=str(patient.pk), version=bundle.version
        )
    except CoreWrongFactor as error:
        raise WrongFactor(MAX_ATTEMPTS - attempts) from error
    CustodialBundle.objects.filter(pk=bundle.pk).update(attempts=0, locked_until=0)
    by_organisation = {uuid.UUID(item.organisation): item for item in keys}
    return OpenBundle(patient=patient, version=bundle.version, pin=pin, keys=by_organisation)


def custodial_ensure_did(bundle: OpenBundle, organisation_id: uuid.UUID) -> PairwiseDid:
    """The patient's DID with the organisation; made, wrapped and queued now when there is none."""
    patient = bundle.patient
    there = PairwiseDid.objects.filter(patient=patient, organisation_id=organisation_id).first()
    if there is not None and there.state != LedgerState.REJECTED:
        return there
    fresh = _new_keys(organisation_id)
    bundle.keys[organisation_id] = fresh
    with transaction.atomic():
        locked = CustodialBundle.objects.select_for_update().get(patient=patient)
        if locked.version != bundle.version:
            raise Refused("The keys changed in another call just now.", next="Try again.")
        locked.version = bundle.version = bundle.version + 1
        wrapped = _wrap(list(bundle.keys.values()), patient.pk, bundle.pin, version=locked.version)
        locked.wrapped = msgspec.to_builtins(wrapped)
        locked.save(update_fields=["wrapped", "version"])
        return _register(patient, fresh)


def _count_attempt(bundle: CustodialBundle, now: int) -> int:
    """Count this try before making it, so that parallel guesses cannot outrun the lock."""
    rows = CustodialBundle.objects.filter(pk=bundle.pk)
    rows.filter(locked_until__gt=0, locked_until__lte=now).update(attempts=0, locked_until=0)
    if not rows.filter(locked_until=0, attempts__lt=MAX_ATTEMPTS).update(attempts=F("attempts") + 1):
        raise FactorLocked(rows.values_list("locked_until", flat=True).get())
    attempts = rows.values_list("attempts", flat=True).get()
    if attempts >= MAX_ATTEMPTS:
        rows.update(locked_until=now + LOCK_MS)
    return attempts


def _new_keys(organisation_id: uuid.UUID) -> CustodialKeys:
    return CustodialKeys(
        organisation=str(organisation_id),
        suite=HYBRID,
        signing=secrets.token_bytes(32),
        sealing=secrets.token_bytes(32),
        next=secrets.token_bytes(32),
    )


def _wrap(keys: Sequence[CustodialKeys], patient_id: uuid.UUID, pin: str, *, version: int) -> msgspec.Struct:
    return wrap_bundle(
        tuple(keys),
        _factors(pin),
        patient=str(patient_id),
        version=version,
        salt=secrets.token_bytes(16),
        nonce=secrets.token_bytes(12),
    )


def _factors(pin: str) -> Factors:
    vault = ports.vault()
    return Factors(kek_id=vault.derive("custody-id").hex()[:16], kek=vault.derive("custody"), pin=pin)


def _register(patient: Patient, keys: CustodialKeys) -> PairwiseDid:
    public = b64u_encode(bytes(SigningKey(keys.signing).verify_key))
    sealing = b64u_encode(public_from_seed(keys.suite, keys.sealing))
    keyset = keyset_from_json(
        {
            "keys": [{"id": SIGNING_ID, "type": "Ed25519", "public": public}],
            "sealing": [{"id": SEALING_ID, "suite": keys.suite, "public": sealing, "epoch": 1}],
            "next": next_commitment(bytes(SigningKey(keys.next).verify_key)),
        }
    )
    did = did_of(keyset)
    issued_at = ports.now_ms() - secrets.randbelow(SPREAD_MS)
    body = DidRegistered(**header(did, issued_at), did=did, keyset=keyset, custody="custodial")
    checked, signed = check_registration(sign(body, SIGNING_ID, keys.signing), "custodial")
    return did_save(patient, uuid.UUID(keys.organisation), checked, signed)
