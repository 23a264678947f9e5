"""An organisation's gateway as requester and reader: insurers, systems without a person at the screen.

Rules
- The organisation signs its requests with its ledger key; the access key is fresh and kept wrapped.
- Reading goes the way of every reader: `AccessOpened` committed first, then the keys, then the bytes.
- Before the first record there is one answer for every reason why there is none: NoConsent, word for word.
"""

import json
import secrets
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from nacl.signing import SigningKey

from ledger.api import AccessOpened, b64u_decode, b64u_encode, prove_handles, public_key_of, wraps_hash
from wallet import ports
from wallet.codes import code_read, code_shown
from wallet.core.consent import parse_artefact
from wallet.core.envelope import parse_envelope
from wallet.core.grant import Wrap as CoreWrap
from wallet.core.grant import open_grant_key, unwrap_data_key
from wallet.core.request import parse_request, request_sign_bytes
from wallet.errors import Invalid, NoConsent
from wallet.models import Grant, GrantWrap
from wallet.services.limits import limit
from wallet.services.organisation_keys import OpenKeys, keys_row, open_keys, organisation_or_refuse
from wallet.services.release import opening_check, opening_serve
from wallet.services.requests import request_save
from wallet.shapes import GatewayRecord, Release, RequestView
from wallet.shaping import record_view
from wallet.translate import asking_storage, checking
from wallet.wires import decode, header, new_id, sign

ASKS_PER_MINUTE = 60
ANSWER_WITHIN_MS = 7 * 86_400_000
READ_LIFE_MS = 60_000
_NO_CONSENT = "No active consent of this patient covers this request."


def organisation_request_create(
    *,
    organisation_id: uuid.UUID,
    person_id: uuid.UUID | None,
    patient_code: str,
    purpose: str,
    reason: str,
    types: Sequence[str],
    date_from: str | None,
    date_to: str | None,
    mode: str = "view",
    duration_s: int = 30 * 86400,
) -> RequestView:
    """Ask a patient for consent in the organisation's name, signed with its ledger key.

    `person_id` is who asked (their feed gets the answer) or None for a system. The access key is made here
    and kept wrapped. Raises NotFound (the code), Invalid, RateLimited, KeyUnavailable (not this gateway's).
    """
    limit(f"organisation-request:{organisation_id}", most=ASKS_PER_MINUTE)
    keys, now = open_keys(organisation_id), ports.now_ms()
    code = code_read(patient_code)
    if code is None:
        raise Invalid("This is not a patient code.", next="A code has eight characters: XXXX-XXXX.")
    access_seed = secrets.token_bytes(32)
    asked = {
        "patient": code_shown(code),
        "purpose": purpose,
        "reason": reason,
        "types": list(types),
        "dates": {"from": date_from, "to": date_to},
        "mode": mode,
        "duration_s": duration_s,
        "access_key": b64u_encode(public_key_of(access_seed)),
    }
    with checking("the request"):
        request = parse_request(asked | _in_our_name(organisation_id, now))
    return request_save(
        request,
        signature=b64u_encode(bytes(SigningKey(keys.signing).sign(request_sign_bytes(request)).signature)),
        person_id=person_id,
        organisation_id=organisation_id,
        access_secret=ports.vault().wrap(access_seed, _access_aad(request.id)),
    )


def _in_our_name(organisation_id: uuid.UUID, now: int) -> dict[str, Any]:
    """The fields of a request that do not depend on what is asked."""
    organisation, row = organisation_or_refuse(organisation_id), keys_row(organisation_id)
    key = row.keyset["sealing"][0]
    return {
        "version": 1,
        "ledger": ports.chain_id(),
        "id": new_id(),
        "requester": {
            "did": row.did,
            "organisation": row.did,
            "credential": "",
            "name": organisation.name,
            "role": organisation.kind,
        },
        "seal_key": {"suite": key["suite"], "public": key["public"], "id": key["id"]},
        "created_at": now,
        "expires_at": now + ANSWER_WITHIN_MS,
        "nonce": new_id(),
    }


def organisation_read(
    *, organisation_id: uuid.UUID, patient_code: str, purpose: str, types: Sequence[str]
) -> Iterator[GatewayRecord]:
    """The patient's records of these types under the organisation's active consents for `purpose`, decrypted.

    One `AccessOpened` per consent is committed before any key is opened; then records come one by one, each
    record once. Raises NoConsent, with one and the same message whether the patient, the records or a
    consent exist or not, before the first record is yielded; LedgerDown, StorageDown, KeyUnavailable.
    """
    keys = open_keys(organisation_id)
    covered = _covered(organisation_id, patient_code, purpose, set(types))
    if not covered:
        raise NoConsent(_NO_CONSENT)
    opened = [(grant, wraps, _open(grant, wraps)) for grant, wraps in covered]
    return _records(opened, keys)


def _covered(
    organisation_id: uuid.UUID, patient_code: str, purpose: str, types: set[str]
) -> list[tuple[Grant, list[GrantWrap]]]:
    """Active grants with the wraps to open: each record under the newest grant that covers it."""
    grants = Grant.objects.select_related("request").filter(
        patient__code=code_read(patient_code),
        request__organisation_id=organisation_id,
        request__access_secret__isnull=False,
        state=Grant.State.ACTIVE,
        valid_until__gt=ports.now_ms(),
    )
    seen: set[str] = set()
    found = []
    for grant in grants.order_by("-created_at"):
        if json.loads(grant.artefact)["purpose"] != purpose:
            continue
        rows = grant.wraps.select_related("record").filter(record__type__in=types)
        wraps = [wrap for wrap in rows if wrap.record_id not in seen]
        seen |= {wrap.record_id for wrap in wraps}
        if wraps:
            found.append((grant, wraps))
    return found


def _open(grant: Grant, wraps: list[GrantWrap]) -> Release:
    """Sign the opening with the request's access key, commit it and take the release."""
    seed = ports.vault().unwrap(bytes(grant.request.access_secret or b""), _access_aad(grant.request_id))
    handles = [b64u_decode(handle, 32) for handle in grant.wraps.values_list("handle", flat=True)]
    proof = prove_handles(handles, [b64u_decode(wrap.handle, 32) for wrap in wraps])
    now = ports.now_ms()
    fields = header(f"access:{grant.consent_id}", now) | {"not_after": now + READ_LIFE_MS}
    body = AccessOpened(
        **fields,
        consent=grant.consent_id,
        handles=tuple(b64u_encode(handle) for handle in proof.handles),
        indices=proof.indices,
        path=tuple(b64u_encode(sibling) for sibling in proof.path),
        wraps=wraps_hash([b64u_decode(wrap.wrap_hash, 32) for wrap in wraps]),
    )
    checked, signed = decode(sign(body, "#access", seed), AccessOpened, now)
    return opening_serve(opening_check(grant, checked, signed))


def _records(opened: list[tuple[Grant, list[GrantWrap], Release]], keys: OpenKeys) -> Iterator[GatewayRecord]:
    for grant, wraps, release in opened:
        artefact = parse_artefact(json.loads(grant.artefact))
        with checking("the grant key"):
            grant_key = open_grant_key(keys.sealing, parse_envelope(release.sealed), artefact)
        for wrap, released in zip(wraps, release.wraps, strict=True):
            spelled = CoreWrap(record=released.record_id, epoch=released.epoch, wrap=released.wrap)
            with checking("a wrap"):
                data_key = unwrap_data_key(grant_key, spelled, artefact)
            with asking_storage():
                content = ports.storage().read(wrap.manifest, data_key.key)
            yield GatewayRecord(record=record_view(wrap.record), content=_translated(content))


def _translated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    with asking_storage():
        yield from chunks


def _access_aad(request_id: str) -> bytes:
    return f"request/{request_id}/access".encode()
