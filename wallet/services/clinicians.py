"""Clinicians' devices: proof of possession, the hospital's credential, its registration.

Rules
- A challenge is made of the person, the time and a MAC under a key of the service; nothing is stored for it.
- The device signs challenge, DID, person and sealing key together, so that none can be swapped.
- The hospital vouches only for a clinician of its own in accounts, under the name and title that stand there.
"""

import hmac
import uuid
from typing import Any

from django.db import transaction

from accounts.api import Person, Role, person_by_id
from ledger.api import (
    ClinicianRegistered,
    ClinicianRevoked,
    b64u_decode,
    b64u_encode,
    dumps,
    keyset_from_json,
    verify_ed25519,
)
from wallet import ports
from wallet.core.credential import verify_credential
from wallet.core.did_key import ed25519_of
from wallet.core.request import credential_hash
from wallet.core.suites import public_key
from wallet.credential_issuer import issue_credential
from wallet.errors import Invalid, NotFound, Refused
from wallet.models import ClinicianDevice as Device
from wallet.models.keys import LedgerState
from wallet.outbox import outbox_queue
from wallet.services.organisation_keys import keys_row, open_keys
from wallet.shapes import ClinicianDevice, DeviceChallenge, SealKey
from wallet.shaping import organisation_view
from wallet.translate import checking

CHALLENGE_MS = 5 * 60_000
CREDENTIAL_MS = 365 * 86_400_000
_DOMAIN = b"salus/device/v1\x00"


def clinician_device_challenge(*, person_id: uuid.UUID) -> DeviceChallenge:
    """A challenge that the clinician's new device signs (see DeviceChallenge). Nothing is stored."""
    expires_at = ports.now_ms() + CHALLENGE_MS
    return DeviceChallenge(
        challenge=f"{expires_at}.{_mac(person_id, expires_at)}", person_id=person_id, expires_at=expires_at
    )


def clinician_device_register(
    *, person_id: uuid.UUID, did: str, seal_key: dict[str, Any], challenge: str, signature: str
) -> ClinicianDevice:
    """Bind a device to a clinician: the hospital issues its credential and registers it on the ledger.

    `did`: the device's Ed25519 did:key; `seal_key`: {"suite","public","id"}; `signature`: b64u64 over the
    challenge as DeviceChallenge says. The person must be a clinician of a hospital in accounts. Returns at
    once with state `pending`; the feed tells `device.registered`. The same call again returns the device.
    Raises NotFound (not a clinician), Invalid (proof, key), Refused (the DID is another person's).
    """
    person = _clinician(person_id)
    _check_challenge(person_id, challenge)
    key = _check_seal_key(seal_key)
    _check_possession(person_id, did, key, challenge, signature)
    there = Device.objects.filter(did=did).first()
    if there is None:
        there = _issue(person, did, key)
    elif there.person_id != person_id:
        raise Refused("This device key belongs to someone else.", next="Make a new key on the device.")
    return device_view(there)


def clinician_device_revoke(*, person_id: uuid.UUID, did: str) -> ClinicianDevice:
    """Have the hospital revoke the device's credential on the ledger (lost tablet, end of work)."""
    device = Device.objects.filter(person_id=person_id, did=did).first()
    if device is None:
        raise NotFound("There is no such device.")
    keys = open_keys(device.organisation_id)
    with transaction.atomic():
        live = Device.objects.filter(pk=device.pk, state__in=(LedgerState.PENDING, LedgerState.REGISTERED))
        if live.update(state=LedgerState.REVOKED):
            wire = keys.sign_body(ClinicianRevoked, ports.now_ms(), credential=device.credential_hash)
            outbox_queue(wire, subject=device.credential_hash)
    device.refresh_from_db()
    return device_view(device)


def clinician_devices(*, person_id: uuid.UUID) -> list[ClinicianDevice]:
    """The clinician's devices, newest first."""
    return [device_view(row) for row in Device.objects.filter(person_id=person_id).order_by("-created_at")]


def device_view(device: Device) -> ClinicianDevice:
    return ClinicianDevice(
        did=device.did,
        seal_key=SealKey(**device.seal_key),
        credential=device.credential,
        credential_hash=device.credential_hash,
        valid_until=device.valid_until,
        state=str(device.state),
        organisation=organisation_view(device.organisation_id),
    )


def _issue(person: Person, did: str, seal_key: SealKey) -> Device:
    assert person.organisation is not None
    now = ports.now_ms()
    keys, row = open_keys(person.organisation.id), keys_row(person.organisation.id)
    jwt = issue_credential(
        issuer_seed=keys.issuer,
        subject=did,
        name=person.name,
        role=person.title or "clinician",
        organisation=keys.did,
        valid_from=now,
        valid_until=now + CREDENTIAL_MS,
    )
    issuers = [b64u_decode(key.public, 32) for key in keyset_from_json(row.keyset).keys]
    with checking("the new credential"):  # what a phone will check is checked before it leaves
        credential = verify_credential(jwt, subject=did, organisation=keys.did, issuer_keys=issuers, now=now)
    wire = keys.sign_body(
        ClinicianRegistered,
        now,
        credential=credential_hash(jwt),
        role=credential.role,
        valid_until=credential.valid_until,
    )
    with transaction.atomic():
        device = Device.objects.create(
            person_id=person.id,
            organisation_id=person.organisation.id,
            did=did,
            seal_key={"suite": seal_key.suite, "public": seal_key.public, "id": seal_key.id},
            credential=jwt,
            credential_hash=credential_hash(jwt),
            valid_until=credential.valid_until,
            created_at=now,
        )
        outbox_queue(wire, subject=device.credential_hash)
    return device


def _clinician(person_id: uuid.UUID) -> Person:
    person = person_by_id(person_id)
    if person is None or person.role != Role.CLINICIAN or person.organisation is None:
        raise NotFound("There is no such clinician.")
    return person


def _check_challenge(person_id: uuid.UUID, challenge: str) -> None:
    expires, _, mac = challenge.partition(".")
    known = expires.isdecimal() and len(expires) < 16 and mac.isascii()
    if not (known and hmac.compare_digest(mac, _mac(person_id, int(expires)))):
        raise Invalid("The challenge is not ours.", next="Ask for a new challenge.")
    if int(expires) <= ports.now_ms():
        raise Invalid("The challenge is too old.", next="Ask for a new challenge.")


def _check_seal_key(seal_key: dict[str, Any]) -> SealKey:
    if set(seal_key) != {"suite", "public", "id"} or not all(isinstance(v, str) for v in seal_key.values()):
        raise Invalid("seal_key must hold suite, public and id.")
    with checking("seal_key"):
        public_key(seal_key["suite"], b64u_decode(seal_key["public"]))
    return SealKey(**seal_key)


def _check_possession(
    person_id: uuid.UUID, did: str, seal_key: SealKey, challenge: str, signature: str
) -> None:
    key = {"suite": seal_key.suite, "public": seal_key.public, "id": seal_key.id}
    document = {"challenge": challenge, "did": did, "person": str(person_id), "seal_key": key}
    with checking("the proof of possession"):
        public, proof = ed25519_of(did), b64u_decode(signature, 64)
    if not verify_ed25519(public, _DOMAIN + dumps(document), proof):
        raise Invalid("The device did not sign this challenge.", next="Sign the challenge again.")


def _mac(person_id: uuid.UUID, expires_at: int) -> str:
    text = f"{person_id}.{expires_at}".encode()
    return b64u_encode(hmac.digest(ports.vault().derive("device-challenge"), text, "sha256"))
