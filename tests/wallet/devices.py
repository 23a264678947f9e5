"""The devices of the cast, in Python: what a phone and a bedside tablet do with wallet.core."""

import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec
from nacl.signing import SigningKey

from ledger.api import (
    AccessOpened,
    ConsentGranted,
    ConsentRevoked,
    DidRegistered,
    RecordAcknowledged,
    b64u_decode,
    b64u_encode,
    did_of,
    dumps,
    keyset_from_json,
    next_commitment,
    prove_handles,
    sign_tx,
    wraps_hash,
)
from wallet import api as wallet
from wallet import ports
from wallet.core import consent as core_consent
from wallet.core.consent import Artefact, Grantee, with_text
from wallet.core.did_key import KeyType, PublicKey, did_key
from wallet.core.envelope import (
    SealingKey,
    SealingPublic,
    open_envelope,
    parse_envelope,
    record_key_info,
)
from wallet.core.grant import (
    DataKey,
    build_grant,
    grant_handles_root,
    open_grant_key,
    unwrap_data_key,
)
from wallet.core.grant import Wrap as CoreWrap
from wallet.core.narrow import fits
from wallet.core.request import (
    credential_hash,
    parse_request,
    request_bytes,
    request_hash,
    request_sign_bytes,
)
from wallet.core.suites import HYBRID
from wallet.models import Record
from wallet.selectors import record_facts


def public_of(seed: bytes) -> bytes:
    return bytes(SigningKey(seed).verify_key)


def tx_header(author: str) -> dict[str, Any]:
    now = ports.now_ms()
    return {
        "ledger": ports.chain_id(),
        "author": author,
        "nonce": new_id(),
        "issued_at": now,
        "not_after": now + 600_000,
    }


def new_id() -> str:
    return b64u_encode(secrets.token_bytes(16))


@dataclass
class PhoneKeys:
    """What a phone holds for one organisation."""

    did: str
    keyset: dict[str, Any]
    signing: bytes
    sealing: SealingKey


@dataclass
class Phone:
    """A self-held patient's phone: keys never leave it."""

    person_id: uuid.UUID
    keys: dict[uuid.UUID, PhoneKeys] = field(default_factory=dict)

    def make_keys(self, organisation_id: uuid.UUID, suite: str = HYBRID) -> wallet.DidRegistration:
        signing, recovery = secrets.token_bytes(32), secrets.token_bytes(32)
        sealing = SealingKey(id="#seal-1", suite=suite, seed=secrets.token_bytes(32))
        keyset = {
            "keys": [{"id": "#device-1", "type": "Ed25519", "public": b64u_encode(public_of(signing))}],
            "sealing": [
                {
                    "id": "#seal-1",
                    "suite": suite,
                    "public": b64u_encode(sealing.public().public),
                    "epoch": 1,
                }
            ],
            "next": next_commitment(public_of(recovery)),
        }
        parsed = keyset_from_json(keyset)
        did = did_of(parsed)
        self.keys[organisation_id] = PhoneKeys(did, keyset, signing, sealing)
        body = DidRegistered(**tx_header(did), did=did, keyset=parsed, custody="self")
        return wallet.DidRegistration(
            organisation_id=organisation_id, wire=sign_tx(body, "#device-1", signing)
        )

    def acknowledges(self, arrived: wallet.NewRecords) -> bytes:
        """A signed `RecordAcknowledged` of everything that one source sent."""
        keys = next(keys for keys in self.keys.values() if keys.did == arrived.subject)
        anchors = tuple(sorted(arrived.anchors))
        body = RecordAcknowledged(**tx_header(keys.did), subject=keys.did, anchors=anchors)
        return sign_tx(body, "#device-1", keys.signing)

    def set_up(self) -> wallet.PatientProfile:
        profile = wallet.patient_profile(person_id=self.person_id)
        missing = [item.organisation.organisation_id for item in profile.organisations if not item.did]
        return wallet.patient_register_dids(
            person_id=self.person_id, registrations=[self.make_keys(each) for each in missing]
        )

    def data_key(self, offer: wallet.RecordOffer | wallet.OwnRecord) -> bytes:
        record = offer.record
        keys = self.keys[record.source.organisation_id]
        info = record_key_info(record=record.record_id, epoch=record.epoch, recipient=offer.recipient)
        return open_envelope(keys.sealing, parse_envelope(offer.envelope), info)

    def approval(self, request_id: str, **changes: Any) -> tuple[list[bytes], dict[str, Any]]:
        """The wires and the pack that an approval hands over; `changes` alter the artefact or the body."""
        detail = wallet.request_detail_for_patient(person_id=self.person_id, request_id=request_id)
        request = parse_request(detail.request.document)
        organisation = detail.request.organisation
        wires = []
        if organisation.organisation_id not in self.keys:
            wires.append(self.make_keys(organisation.organisation_id).wire)
        keys = self.keys[organisation.organisation_id]
        ceiling = changes.pop("confidentiality", "N")
        chosen = [
            offer
            for offer in detail.records
            if fits(facts(offer), changes.get("types", request.types), request.dates, ceiling)
        ]
        if "records" in changes:
            wanted = changes.pop("records")
            chosen = [offer for offer in detail.records if offer.record.record_id in wanted]
        salt, now = secrets.token_bytes(32), ports.now_ms()
        body_changes = changes.pop("body", {})
        epochs = changes.pop("epochs", {})
        until = now + request.duration_s * 1000
        fields: dict[str, Any] = {
            "version": 1,
            "ledger": request.ledger,
            "id": new_id(),
            "subject": keys.did,
            "requester": Grantee(
                did=request.requester.did,
                organisation=request.requester.organisation,
                credential=credential_hash(request.requester.credential),
                name=request.requester.name,
                role=request.requester.role,
            ),
            "purpose": request.purpose,
            "types": request.types,
            "records": tuple(sorted(offer.record.record_id for offer in chosen)),
            "dates": request.dates,
            "mode": request.mode,
            "valid_from": now,
            "valid_until": until,
            "erase_at": until,
            "max_opens": 0,
            "confidentiality": ceiling,
            "delegate": None,
            "locale": "en",
            "text": b64u_encode(bytes(32)),
            "request": b64u_encode(request_hash(request)),
            "nonce": new_id(),
        }
        text = changes.pop("text", None)
        artefact, _ = with_text(Artefact(**(fields | changes)), {organisation.did: organisation.name})
        if text is not None:
            artefact = msgspec.structs.replace(artefact, text=text)
        seal = request.seal_key
        pack = build_grant(
            artefact,
            [
                DataKey(offer.record.record_id, epochs.get(offer.record.record_id, offer.record.epoch), key)
                for offer in chosen
                for key in [self.data_key(offer)]
            ],
            SealingPublic(id=seal.id, suite=seal.suite, public=b64u_decode(seal.public)),
            salt=salt,
            grant_key=secrets.token_bytes(32),
            random=secrets.token_bytes,
        )
        body = ConsentGranted(
            **(
                {
                    **tx_header(keys.did),
                    "consent": artefact.id,
                    "subject": keys.did,
                    "artefact": core_consent.artefact_commitment(salt, artefact),
                    "handles_root": grant_handles_root(salt, artefact.records),
                    "handles": len(artefact.records),
                    "requester": core_consent.requester_commitment(salt, artefact.requester.did),
                    "organisation": core_consent.organisation_commitment(
                        salt, artefact.requester.organisation
                    ),
                    "access_key": request.access_key,
                    "valid_from": artefact.valid_from,
                    "valid_until": artefact.valid_until,
                    "max_opens": artefact.max_opens,
                    "erase_at": artefact.erase_at,
                    "custody": "self",
                }
                | body_changes
            )
        )
        wires.append(sign_tx(body, "#device-1", keys.signing))
        return wires, msgspec.to_builtins(pack)

    def approve(self, request_id: str, **changes: Any) -> wallet.ConsentView:
        wires, pack = self.approval(request_id, **changes)
        return wallet.request_approve_self_held(
            person_id=self.person_id, request_id=request_id, wires=wires, pack=pack
        )

    def revocation(self, consent: wallet.ConsentView) -> bytes:
        keys = self.keys[consent.organisation.organisation_id]
        body = ConsentRevoked(**tx_header(keys.did), consent=consent.consent_id, subject=keys.did)
        return sign_tx(body, "#device-1", keys.signing)

    def revoke(self, consent: wallet.ConsentView) -> wallet.ConsentView:
        return wallet.consent_revoke_self_held(person_id=self.person_id, wire=self.revocation(consent))


def facts(offer: wallet.RecordOffer) -> Any:
    return record_facts(Record.objects.get(id=offer.record.record_id))


@dataclass
class Tablet:
    """A clinician's device: its did:key, sealing key, and one access key per request."""

    person_id: uuid.UUID
    signing: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    sealing: SealingKey = field(
        default_factory=lambda: SealingKey(id="#seal-1", suite=HYBRID, seed=secrets.token_bytes(32))
    )
    access: dict[str, bytes] = field(default_factory=dict)

    @property
    def did(self) -> str:
        return did_key(PublicKey(KeyType.ED25519, public_of(self.signing)))

    @property
    def seal_key(self) -> dict[str, str]:
        return {
            "suite": self.sealing.suite,
            "public": b64u_encode(self.sealing.public().public),
            "id": self.sealing.id,
        }

    def register(self, **changes: Any) -> wallet.ClinicianDevice:
        challenge = wallet.clinician_device_challenge(person_id=self.person_id)
        document = {
            "challenge": challenge.challenge,
            "did": self.did,
            "person": str(self.person_id),
            "seal_key": self.seal_key,
        }
        signed = SigningKey(self.signing).sign(b"salus/device/v1\x00" + dumps(document))
        call = {
            "person_id": self.person_id,
            "did": self.did,
            "seal_key": self.seal_key,
            "challenge": challenge.challenge,
            "signature": b64u_encode(signed.signature),
        }
        return wallet.clinician_device_register(**(call | changes))

    def document(self, patient_code: str, **changes: Any) -> dict[str, Any]:
        device = next(
            item for item in wallet.clinician_devices(person_id=self.person_id) if item.did == self.did
        )
        vc = json.loads(b64u_decode(device.credential.split(".")[1]))["vc"]["credentialSubject"]
        seed, now = secrets.token_bytes(32), ports.now_ms()
        document = {
            "version": 1,
            "ledger": ports.chain_id(),
            "id": new_id(),
            "patient": patient_code,
            "requester": {
                "did": self.did,
                "organisation": vc["organisation"],
                "credential": device.credential,
                "name": vc["name"],
                "role": vc["role"],
            },
            "purpose": "TREAT",
            "reason": "ward round",
            "types": ["Condition", "Observation"],
            "dates": {"from": None, "to": None},
            "mode": "view",
            "duration_s": 3600,
            "access_key": b64u_encode(public_of(seed)),
            "seal_key": self.seal_key,
            "created_at": now,
            "expires_at": now + 3_600_000,
            "nonce": new_id(),
        } | changes
        self.access[document["id"]] = seed
        return document

    def sign(self, document: dict[str, Any]) -> tuple[bytes, str]:
        request = parse_request(document)
        signed = SigningKey(self.signing).sign(request_sign_bytes(request))
        return request_bytes(request), b64u_encode(signed.signature)

    def ask(self, patient_code: str, **changes: Any) -> wallet.RequestView:
        document, signature = self.sign(self.document(patient_code, **changes))
        return wallet.request_create(person_id=self.person_id, document=document, signature=signature)

    def opening(
        self, consent_id: str, records: list[str] | None = None, **changes: Any
    ) -> tuple[bytes, wallet.GrantDetail]:
        detail = wallet.grant_for_requester(person_id=self.person_id, consent_id=consent_id)
        chosen = [item for item in detail.records if records is None or item.record.record_id in records]
        proof = prove_handles(
            [b64u_decode(item.handle) for item in detail.records],
            [b64u_decode(item.handle) for item in chosen],
        )
        by_handle = {item.handle: item for item in chosen}
        ordered = [by_handle[b64u_encode(handle)] for handle in proof.handles]
        fields = {
            **tx_header(f"access:{consent_id}"),
            "consent": consent_id,
            "handles": tuple(b64u_encode(handle) for handle in proof.handles),
            "indices": proof.indices,
            "path": tuple(b64u_encode(sibling) for sibling in proof.path),
            "wraps": wraps_hash([b64u_decode(item.wrap_hash) for item in ordered]),
        } | changes
        seed = self.access[detail.consent.request_id]
        return sign_tx(AccessOpened(**fields), "#access", seed), detail

    def open(self, consent_id: str, records: list[str] | None = None) -> dict[str, bytes]:
        """Open records as the bedside page does; their plaintext by record id."""
        wire, detail = self.opening(consent_id, records)
        release = wallet.access_open(person_id=self.person_id, wire=wire)
        return self.read(release, detail)

    def data_keys(self, release: wallet.Release, detail: wallet.GrantDetail) -> dict[str, bytes]:
        artefact = core_consent.parse_artefact(detail.artefact)
        grant_key = open_grant_key(self.sealing, parse_envelope(release.sealed), artefact)
        wraps = [CoreWrap(record=w.record_id, epoch=w.epoch, wrap=w.wrap) for w in release.wraps]
        return {wrap.record: unwrap_data_key(grant_key, wrap, artefact).key for wrap in wraps}

    def read(self, release: wallet.Release, detail: wallet.GrantDetail) -> dict[str, bytes]:
        manifests = {item.record.record_id: item.record.manifest for item in detail.records}
        found = {}
        for record_id, key in self.data_keys(release, detail).items():
            ciphertext = b"".join(wallet.record_ciphertext(token=release.token, record_id=record_id))
            assert ciphertext
            found[record_id] = b"".join(ports.storage().read(manifests[record_id], key))
        return found
