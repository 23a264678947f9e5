"""Clinicians' devices: proof of possession, the hospital's credential, its registration."""

import uuid
from typing import Any

from wallet.shapes import ClinicianDevice, DeviceChallenge


def clinician_device_challenge(*, person_id: uuid.UUID) -> DeviceChallenge:
    """A challenge that the clinician's new device signs (see DeviceChallenge). Nothing is stored."""
    raise NotImplementedError


def clinician_device_register(
    *, person_id: uuid.UUID, did: str, seal_key: dict[str, Any], challenge: str, signature: str
) -> ClinicianDevice:
    """Bind a device to a clinician: the hospital issues its credential and registers it on the ledger.

    `did`: the device's Ed25519 did:key; `seal_key`: {"suite","public","id"}; `signature`: b64u64 over the
    challenge as DeviceChallenge says. The person must be a clinician of a hospital in accounts. Returns at once
    with state `pending`; the feed tells `device.registered`. The same call again returns the same device.
    Raises NotFound (not a clinician), Invalid (proof, key), Refused (the DID is another person's).
    """
    raise NotImplementedError


def clinician_device_revoke(*, person_id: uuid.UUID, did: str) -> ClinicianDevice:
    """Have the hospital revoke the device's credential on the ledger (lost tablet, end of work)."""
    raise NotImplementedError


def clinician_devices(*, person_id: uuid.UUID) -> list[ClinicianDevice]:
    """The clinician's devices, newest first."""
    raise NotImplementedError
