"""What Mallory carries away: the whole database, every file of the disk, every key that a server has."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.core import serializers

from interop.smart.tokens import _key as fhir_token_key
from ledger.api import b64u_decode, dumps
from storage.api import StorageError
from tests.wallet.conftest import World
from wallet import ports
from wallet.api import record_ciphertext
from wallet.core.consent import parse_artefact
from wallet.core.custody import Factors, open_bundle, parse_bundle
from wallet.core.envelope import SealingKey, open_envelope, parse_envelope, record_key_info
from wallet.core.errors import RuleError
from wallet.core.grant import Wrap, open_grant_key, unwrap_data_key
from wallet.models import CustodialBundle, Grant, OrganisationKeys, PairwiseDid, PendingSeal, Record
from wallet.services.organisation_keys import open_keys
from wallet.services.tokens import _key as ciphertext_token_key
from wallet.services.tokens import token_issue

PURPOSES = ("wrap", "custody", "custody-id", "record-digest", "device-challenge")
B64U = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass
class Loot:
    """`database` as JSON text, `files` by path, `keys`: every 32 bytes in it that could be a secret."""

    database: str
    files: dict[str, bytes]
    keys: set[bytes] = field(repr=False)

    def holds(self, secret: bytes) -> bool:
        """Whether the secret lies in it somewhere, in any usual spelling."""
        found = any(text in self.database for text in spellings(secret))
        raw = [secret, *(text.encode() for text in spellings(secret))]
        return found or secret in self.keys or any(r in data for r in raw for data in self.files.values())


def spellings(secret: bytes) -> Iterator[str]:
    """Hex in both cases, base64 and base64url, a list of numbers, Python's and JSON's escapes."""
    yield from (secret.hex(), secret.hex().upper(), b64encode(secret).decode().rstrip("="))
    yield urlsafe_b64encode(secret).decode().rstrip("=")
    yield ", ".join(map(str, secret))
    yield repr(secret)[2:-1]


def take_all(world: World, authority_seed: bytes, home: Path, *, every_value: bool = False) -> Loot:
    """Everything, the organisations' keys unwrapped by the service's key.

    `every_value`: try each salt, hash and public key of the rows as a secret, too. Sign-in links that were
    handed out are not among the loot; only their hashes are stored.
    """
    rows = [row for model in apps.get_models() for row in model.objects.all()]
    database = serializers.serialize("json", rows)
    files = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    found = set(_found_in(database)) if every_value else set()
    return Loot(database, files, set(_keys(world, authority_seed)) | found)


def _keys(world: World, authority_seed: bytes) -> Iterator[bytes]:
    vault = ports.vault()
    yield from (authority_seed, world.vault._key, bytes(32))
    yield from (ciphertext_token_key().private_bytes_raw(), fhir_token_key().private_bytes_raw())
    yield from map(vault.derive, PURPOSES)
    for row in OrganisationKeys.objects.all():
        keys = open_keys(row.organisation_id)
        yield from (keys.signing, keys.issuer, keys.sealing.seed)
        yield vault.unwrap(bytes(row.recovery), f"organisation/{row.organisation_id}/recovery".encode())
    for grant in Grant.objects.select_related("request").exclude(request__access_secret=None):
        aad = f"request/{grant.request_id}/access".encode()
        yield vault.unwrap(bytes(grant.request.access_secret or b""), aad)


def _found_in(database: str) -> Iterator[bytes]:
    """Every salt, hash and public key in the rows, tried as a secret, too."""
    for text in set(B64U.findall(database)):
        try:
            yield b64u_decode(text, 32)
        except ValueError:
            continue


def records_opened(loot: Loot) -> set[str]:
    """Every record whose plaintext the loot gives: each key against each envelope, wrap and ciphertext."""
    data_keys = dict(_sealed_to(loot)) | dict(_granted_to(loot))
    opened = {record for record, key in data_keys.items() if _reads(record, [key])}
    return opened | {record.id for record in Record.objects.all() if _reads(record.id, loot.keys)}


def _sealed_to(loot: Loot) -> Iterator[tuple[str, bytes]]:
    """Data keys from envelopes, in every context that an attacker can build."""
    recipients = [*PairwiseDid.objects.values_list("did", flat=True)]
    recipients += OrganisationKeys.objects.values_list("did", flat=True)
    waiting = {row.record_id: row.envelope for row in PendingSeal.objects.all()}
    for record in Record.objects.all():
        for envelope in filter(None, (record.envelope, waiting.get(record.id))):
            for key in _fitting(loot, envelope):
                for recipient in recipients:
                    info = record_key_info(record=record.id, epoch=record.epoch, recipient=recipient)
                    if (found := _opened(key, envelope, info)) is not None:
                        yield record.id, found


def _fitting(loot: Loot, envelope: dict[str, Any]) -> Iterator[SealingKey]:
    """Each key under the envelope's own suite and id: others are refused before any cryptography."""
    return (SealingKey(id=envelope["key"], suite=envelope["suite"], seed=key) for key in loot.keys)


def _opened(key: SealingKey, envelope: dict[str, Any], info: bytes) -> bytes | None:
    try:
        return open_envelope(key, parse_envelope(envelope), info)
    except RuleError:
        return None


def _granted_to(loot: Loot) -> Iterator[tuple[str, bytes]]:
    """Data keys from grants: the grant key by each key, or each key as the grant key itself."""
    for grant in Grant.objects.exclude(sealed=None):
        artefact = parse_artefact(json.loads(grant.artefact))
        grant_keys = set(loot.keys)
        for key in _fitting(loot, grant.sealed or {}):
            try:
                grant_keys.add(open_grant_key(key, parse_envelope(grant.sealed), artefact))
            except RuleError:
                continue
        for row in grant.wraps.exclude(wrap=""):
            for grant_key in grant_keys:
                try:
                    wrap = Wrap(record=row.record_id, epoch=row.epoch, wrap=row.wrap)
                    yield row.record_id, unwrap_data_key(grant_key, wrap, artefact).key
                except RuleError:
                    continue


def _reads(record_id: str, keys: Iterable[bytes]) -> bool:
    manifest = Record.objects.get(id=record_id).manifest
    for key in keys:
        try:
            for _chunk in ports.storage().read(manifest, key):
                return True
        except StorageError:
            continue
    return False


def raw_ciphertext_opens(loot: Loot) -> bool:
    """AES-GCM over the ciphertext itself, past our own key check, with every key and a nonce of zeros up."""
    for record in Record.objects.all():
        token = token_issue(person_id=None, consent_id="", manifests={record.id: record.manifest})
        chunk = next(record_ciphertext(token=token, record_id=record.id))
        for key in loot.keys:
            for nonce in (bytes(12), bytes(11) + b"\x01", chunk[:12]):
                for aad in (b"", record.id.encode()):
                    try:
                        AESGCM(key).decrypt(nonce, bytes(chunk), aad)
                    except InvalidTag:
                        continue
                    return True
    return False


def custodial_bundles_opened(loot: Loot, pins: Iterable[str]) -> set[str]:
    """Patients whose bundle opens with these PINs and the service's keys; or with any key as the KEK."""
    opened = set()
    kek_id = ports.vault().derive("custody-id").hex()[:16]
    for bundle in CustodialBundle.objects.all():
        for pin in pins:
            factors = Factors(kek_id=kek_id, kek=ports.vault().derive("custody"), pin=pin)
            try:
                open_bundle(
                    parse_bundle(bundle.wrapped),
                    factors,
                    patient=str(bundle.patient_id),
                    version=bundle.version,
                )
            except RuleError:
                continue
            opened.add(str(bundle.patient_id))
    return opened


def bundle_ciphertext_opens(loot: Loot) -> bool:
    """Each key straight on the bundle's AES-GCM, without the PIN's stretching."""
    for bundle in CustodialBundle.objects.all():
        wrapped = bundle.wrapped
        aad = dumps({**wrapped, "ct": ""})
        for key in loot.keys:
            try:
                AESGCM(key).decrypt(b64u_decode(wrapped["nonce"]), b64u_decode(wrapped["ct"]), aad)
            except InvalidTag:
                continue
            return True
    return False
