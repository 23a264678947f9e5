"""Log, then release: keys leave only after their `AccessOpened` is committed and checked.

Rules
- The reader signs the opening; its handles and the hash of exactly the wraps to be released are in it.
- Nothing is submitted that would be refused, and nothing is released that the ledger has not committed, with
  inclusion and +2/3 of the signatures verified here.
- The policy decides on proof-verified state: the consent stands, the reader is the grantee, a clinician's
  credential is registered and not revoked, each record is covered, by the releaser's own clock.
- One opening is served once, within 30 s of its `issued_at`. A revocation that this service has seen counts
  at once, committed or not.
- Whoever holds the wraps (a releaser) and a grantee together can skip the log: see the README.
"""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

from django.db import IntegrityError, transaction

from ledger.api import (
    AccessOpened,
    CommittedTx,
    HandleProof,
    SignedTx,
    VerifiedValue,
    b64u_decode,
    b64u_encode,
    handle,
    handles_covered,
    wrap_hash,
    wraps_hash,
)
from wallet import ports
from wallet.core.consent import Artefact, parse_artefact
from wallet.core.policy import LedgerConsent, LedgerCredential, Question, Reader, may_read
from wallet.errors import Invalid, Refused
from wallet.models import Consent, Cursor, Grant, GrantWrap, ServedAccess
from wallet.ports import Buffer
from wallet.projector import NAME as PROJECTOR
from wallet.selectors import ledger_proof, record_facts, requester_grant
from wallet.services.tokens import token_issue, token_manifest
from wallet.shapes import Release, Wrap
from wallet.translate import asking_ledger, asking_storage
from wallet.wires import check_signature, decode, tx_hash_hex

SERVE_WITHIN_MS = 30_000
COMMIT_TIMEOUT_S = 10.0
_asking = ThreadPoolExecutor(max_workers=16, thread_name_prefix="wallet-ledger")
_CONSENT_FIELDS = tuple(field.name for field in fields(LedgerConsent))


@dataclass(frozen=True)
class Opening:
    """A checked `AccessOpened` and what it asks for, read before the ledger is asked."""

    grant: Grant
    body: AccessOpened
    signed: SignedTx
    wraps: list[GrantWrap]

    @property
    def artefact(self) -> Artefact:
        return parse_artefact(json.loads(self.grant.artefact))


@dataclass(frozen=True)
class ProvenConsent:
    """The consent's state as the ledger proves it, and the openings that it counted before this one."""

    state: LedgerConsent
    opens_before: int


@dataclass(frozen=True)
class Proven:
    """What the ledger proved about an opening."""

    committed: CommittedTx
    consent: ProvenConsent | None
    credential: LedgerCredential | None


def access_open(*, person_id: uuid.UUID, wire: bytes) -> Release:
    """Commit the requester's `AccessOpened` and release exactly the keys it names, once, within 30 s.

    Checks before submission (grant active by row and clock, handles, wraps hash, `issued_at` within 30 s of
    the server's clock), waits for the proof-verified commit, then asks the policy on proof-verified state.
    Raises NotFound (not this requester's), Invalid, Refused (ended, served before, too old), LedgerDown.
    """
    body, signed = decode(wire, AccessOpened, ports.now_ms())
    return opening_serve(opening_check(requester_grant(person_id, body.consent), body, signed))


def record_ciphertext(*, token: str, record_id: str) -> Iterator[bytes]:
    """The record's ciphertext, chunk by chunk, for a token of `access_open` or `record_open_own`.

    Raises Refused (token wrong or old, grant ended, record not named by it), StorageDown.
    """
    manifest = token_manifest(token=token, record_id=record_id)
    with asking_storage():
        chunks = ports.storage().read_ciphertext(manifest)
    return _translated(chunks)


def record_manifest(*, token: str, record_id: str) -> bytes:
    """The manifest (DAG-CBOR) that the ciphertext is read by; same checks as `record_ciphertext`."""
    manifest = token_manifest(token=token, record_id=record_id)
    with asking_storage():
        return ports.storage().manifest(manifest)


def opening_check(grant: Grant, body: AccessOpened, signed: SignedTx) -> Opening:
    """Everything that can be checked before the ledger is asked. Raises Invalid, Refused."""
    now = ports.now_ms()
    if grant.state != Grant.State.ACTIVE or grant.valid_until <= now:
        raise Refused("The consent is not active.", next="Ask the patient again.")
    if abs(now - body.issued_at) > SERVE_WITHIN_MS:
        raise Refused("The opening was not signed now.", next="Set issued_at by server_time and sign again.")
    if body.author != f"access:{grant.consent_id}" or signed.key_id != "#access":
        raise Invalid("An opening is authored by its consent's access key.")
    check_signature(signed, b64u_decode(grant.request.access_key, 32))
    wraps = _wraps_named(grant, body)
    if body.wraps != wraps_hash([b64u_decode(wrap.wrap_hash, 32) for wrap in wraps]):
        raise Invalid("The opening names other wraps than those of its handles.")
    if ServedAccess.objects.filter(tx_hash=tx_hash_hex(signed)).exists():
        raise Refused("This opening was served already.", next="Sign a new one.")
    return Opening(grant, body, signed, wraps)


def opening_serve(opening: Opening) -> Release:
    """Commit, check, and hand over once."""
    artefact = opening.artefact
    # Asked beside the commit, which takes longest. Inclusion in a block proves that the consent was active
    # there: a revocation after the state that is read here, and before that block, would have refused it.
    consent = _asking.submit(ports.ledger().query, f"consent/{opening.grant.consent_id}")
    # Nothing of the kind holds for the credential, and a validator may prove a state that is long past: none
    # older than what the projector has seen is believed. The opening's own block is later, so nothing waits.
    credential = _asking.submit(_ledger_credential, artefact.requester.credential, _height_seen())
    with asking_ledger():
        committed = ports.ledger().commit(opening.signed.wire, timeout_s=COMMIT_TIMEOUT_S)
        proven = Proven(committed, _consent_at(consent.result(), opening, committed), credential.result())
    _check_policy(opening, artefact, proven)
    _serve_once(opening)
    return _release(opening, committed)


def _release(opening: Opening, committed: CommittedTx) -> Release:
    grant = opening.grant
    return Release(
        consent_id=grant.consent_id,
        tx_hash=committed.tx_hash,
        height=committed.height,
        sealed=grant.sealed or {},
        wraps=[Wrap(record_id=w.record_id, epoch=w.epoch, wrap=w.wrap) for w in opening.wraps],
        token=token_issue(
            person_id=grant.request.person_id,
            consent_id=grant.consent_id,
            manifests={wrap.record_id: wrap.manifest for wrap in opening.wraps},
        ),
        proof=ledger_proof(tx_hash=committed.tx_hash),
    )


def _wraps_named(grant: Grant, body: AccessOpened) -> list[GrantWrap]:
    """The wraps of the opening's handles, in their order. Raises Invalid for a handle that is not covered."""
    by_handle = {wrap.handle: wrap for wrap in grant.wraps.select_related("record")}
    missing = [handle for handle in body.handles if handle not in by_handle]
    if missing:
        raise Invalid(f"{len(missing)} of {len(body.handles)} handles are not covered by the consent.")
    proof = HandleProof(
        tuple(b64u_decode(handle, 32) for handle in body.handles),
        tuple(body.indices),
        tuple(b64u_decode(sibling, 32) for sibling in body.path),
    )
    root = Consent.objects.get(consent_id=grant.consent_id).handles_root
    if not handles_covered(proof, len(by_handle), b64u_decode(root, 32)):
        raise Invalid("The proof does not show these handles under this consent.")
    named = [by_handle[handle] for handle in body.handles]
    _check_rows(grant, named)
    return named


def _check_rows(grant: Grant, wraps: list[GrantWrap]) -> None:
    """Raises Refused for a row that lies: a handle of another record, a wrap of another hash."""
    salt = b64u_decode(grant.salt, 32)
    for row in wraps:
        real = (handle(salt, row.record_id), wrap_hash(b64u_decode(row.wrap)))
        if (row.handle, row.wrap_hash) != tuple(map(b64u_encode, real)):
            raise Refused("A stored key is not the one that was granted.", next="Tell the operator.")


def _check_policy(opening: Opening, artefact: Artefact, proven: Proven) -> None:
    """Raises Refused unless the policy allows every record, on state that the ledger proves."""
    now = ports.now_ms()
    if now - opening.body.issued_at > SERVE_WITHIN_MS:
        raise Refused("The ledger took too long; nothing was released.", next="Sign a new opening.")
    grantee, consent = artefact.requester, proven.consent
    reader = Reader(
        did=grantee.did,
        organisation=grantee.organisation,
        credential=grantee.credential,
        purpose=artefact.purpose,
        ledger_credential=proven.credential,
    )
    for wrap in opening.wraps:
        question = Question(
            artefact=artefact,
            salt=b64u_decode(opening.grant.salt, 32),
            consent=consent.state if consent else None,
            reader=reader,
            record=record_facts(wrap.record),
            now=max(now, proven.committed.time_ms),
            opens_used=consent.opens_before if consent else 0,
        )
        decision = may_read(question)
        if not decision.allowed:
            raise Refused(f"The policy refuses: {decision.reason}.", next="Ask the patient again.")


def _consent_at(found: VerifiedValue, opening: Opening, committed: CommittedTx) -> ProvenConsent | None:
    """The consent's proven state, and how many openings came before this one."""
    if found.value is None:  # a validator that lags: ask for the block of the opening
        key = f"consent/{opening.grant.consent_id}"
        found = ports.ledger().query(key, min_height=committed.height)
    if found.value is None:
        return None
    state = LedgerConsent(**{name: found.value[name] for name in _CONSENT_FIELDS})
    return ProvenConsent(state, state.opens - (found.height >= committed.height))


def _height_seen() -> int:
    """The height of the last event that this service has verified and applied."""
    return Cursor.objects.filter(name=PROJECTOR).values_list("height", flat=True).first() or 0


def _ledger_credential(credential: str, min_height: int) -> LedgerCredential | None:
    if not credential:
        return None
    value = ports.ledger().query(f"credential/{credential}", min_height).value
    if value is None:
        return None
    return LedgerCredential(value["organisation"], value["valid_until"], value["revoked"])


def _serve_once(opening: Opening) -> None:
    """Mark the opening served, and see once more that the grant still lives, in one transaction."""
    try:
        with transaction.atomic():
            grant = Grant.objects.select_for_update().get(pk=opening.grant.pk)
            # `exhausted` may be this very opening's doing; ended in any other way, nothing leaves.
            if grant.state not in (Grant.State.ACTIVE, Grant.State.EXHAUSTED):
                raise Refused("The consent ended while the ledger was asked.", next="Ask the patient again.")
            ServedAccess.objects.create(
                tx_hash=tx_hash_hex(opening.signed), grant=grant, served_at=ports.now_ms()
            )
    except IntegrityError as error:
        raise Refused("This opening was served already.", next="Sign a new one.") from error


def _translated(chunks: Iterator[Buffer]) -> Iterator[bytes]:
    with asking_storage():
        yield from map(bytes, chunks)
