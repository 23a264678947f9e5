"""Takes a study of a thousand CT slices (half a gigabyte) in a process of its own and prints what that cost.

`python -m tests.interop.large_study FOLDER`: one JSON object on the last line.
"""

import io
import json
import os
import resource
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from tests.wallet.conftest import World

FILES, SIDE = 1000, 512


def slices() -> Iterator[BinaryIO]:
    """The demo's slice at 512 x 512, with noise for pixels and an identity of its own each time."""
    import pydicom

    from salus.demo.records import ct_series
    from tests.interop.test_studies import AMINA, RIVERSIDE

    made = ct_series(AMINA, RIVERSIDE, until=date(2026, 11, 23), slices=1)[0]
    data_set = pydicom.dcmread(io.BytesIO(made))
    data_set.Rows = data_set.Columns = SIDE
    for number in range(1, FILES + 1):
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number}"
        data_set.InstanceNumber = number
        data_set.PixelData = secrets.token_bytes(SIDE * SIDE * 2)
        out = io.BytesIO()
        data_set.save_as(out, enforce_file_format=True)
        yield out


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def keys_in(folder: Path) -> bytes:
    """The authority's and the tokens' keys as files that the settings name; returns the first's seed."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from django.conf import settings

    from ledger.api import b64u_encode

    seed = secrets.token_bytes(32)
    settings.SALUS_AUTHORITY_KEY_FILE, settings.SALUS_TOKEN_KEY_FILE = folder / "authority", folder / "token"
    settings.SALUS_AUTHORITY_KEY_FILE.write_text(b64u_encode(seed))
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings.SALUS_TOKEN_KEY_FILE.write_bytes(pem)
    return seed


def world_in(folder: Path) -> "World":
    """The wallet tests' consortium on a database and six folders of its own; Amina Diallo has her keys."""
    from storage.api import Policy, Storage
    from storage.providers.folder import FolderProvider
    from tests.interop.conftest import enrol
    from tests.interop.test_studies import AMINA, RIVERSIDE, mrn
    from tests.wallet.conftest import PIN, World, make_genesis, populate, register_everyone
    from tests.wallet.sim_ledger import SimLedger
    from wallet import api as wallet
    from wallet import ports

    genesis = make_genesis(keys_in(folder))
    world = World.with_ports(genesis, SimLedger(genesis))
    providers = [FolderProvider(f"provider-{i}", folder / f"provider-{i}") for i in range(6)]
    ports.bind(storage=Storage(providers, Policy(k=4, n=6)))
    populate(world)
    register_everyone(world)
    enrol(world, "amina-diallo", "riverside", mrn(AMINA, RIVERSIDE))
    wallet.patient_set_pin(person_id=world.people["amina-diallo"].id, pin=PIN)
    world.settle()
    return world


def main(folder: Path) -> None:
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"], os.environ["SALUS_HOME"] = "tests.settings", str(folder)
    django.setup()
    call_command("migrate", verbosity=0)
    from interop.api import ingest_dicom
    from wallet.models import Outbox, Record

    world = world_in(folder)
    before, started = peak_mib(), time.monotonic()
    result = ingest_dicom(organisation_id=world.organisations["riverside"].id, files=slices())
    told = {
        "new": sum(one.new for one in result.instances),
        "records": [record.size for record in Record.objects.all()],
        "anchors": [len(row.wire) for row in Outbox.objects.filter(type="RecordAnchored")],
        "seconds": round(time.monotonic() - started, 1),
        "peak_mib_before": round(before),
        "peak_mib": round(peak_mib()),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
