"""The values that the wallet's door hands out and takes. All are immutable and JSON-ready.

`msgspec.to_builtins(value)` or `msgspec.json.encode(value)` spells any of them for a browser. Times are
milliseconds since 1970 UTC; bytes are base64url text; ids are those of docs/formats.md; `person_id` and
`organisation_id` are UUIDs of accounts.
"""

import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec


class OrganisationRef(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation as pages name it."""

    organisation_id: uuid.UUID
    did: str
    name: str
    name_zh: str
    kind: str


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """What one organisation calls a patient: `system` is a URI, `value` the number."""

    organisation_id: uuid.UUID
    system: str
    value: str


class PatientOrganisation(msgspec.Struct, frozen=True, kw_only=True):
    """A patient's pairwise DID with one organisation.

    `state`: `none` (the phone has to make keys), `pending` (signed, not yet committed), `registered`,
    `rejected` (make new keys). `keyset` is the public key set of docs/formats.md section 2, or None.
    `records_waiting`: how many records wait for this DID before they can be anchored.
    """

    organisation: OrganisationRef
    did: str
    state: str
    keyset: dict[str, Any] | None
    records_waiting: int


class PatientProfile(msgspec.Struct, frozen=True, kw_only=True):
    """`custody`: `self`, `custodial`, or `""` before set-up. `emergency`: `allow`, `summary`, `never`.

    `code` is shown as `XXXX-XXXX` (Crockford base 32). `ledger` is the chain id that every body names.
    """

    person_id: uuid.UUID
    code: str
    ledger: str
    custody: str
    emergency: str
    organisations: list[PatientOrganisation]


class DidRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A signed `DidRegistered` (custody `self`) for the patient's DID with one organisation."""

    organisation_id: uuid.UUID
    wire: bytes


class SealKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public sealing key as requests and key sets spell it: `public` is b64u."""

    suite: str
    public: str
    id: str


class DeviceChallenge(msgspec.Struct, frozen=True, kw_only=True):
    """What a clinician's new device signs to prove that it holds its key.

    The device signs `"salus/device/v1" ‖ 0x00 ‖ JCS({"challenge","did","person","seal_key":{"id","public",
    "suite"}})` with its did:key; `person` is the person's UUID as text. Valid for five minutes.
    """

    challenge: str
    person_id: uuid.UUID
    expires_at: int


class ClinicianDevice(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: `pending` (the credential is not on the ledger yet), `registered`, `revoked`, `rejected`."""

    did: str
    seal_key: SealKey
    credential: str
    credential_hash: str
    valid_until: int
    state: str
    organisation: OrganisationRef


class RecordPart(msgspec.Struct, frozen=True, kw_only=True):
    """One record to be stored: `content` is its plaintext, whole or as a stream.

    A stream must seek: it is read twice. `type` is a FHIR resource type or `ImagingStudy` and the like;
    `label` an HL7 v3 Confidentiality code (N, R, V); `group` ties parts together (an encounter, a day, a
    claim); period bounds are `YYYY-MM-DD` or "".
    """

    type: str
    label: str
    group: str
    period_start: str
    period_end: str
    content: bytes | BinaryIO


class IngestedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one part, in the order given. `duplicate`: these bytes were here already."""

    record_id: str
    state: str
    duplicate: bool


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """A record's metadata; never its content.

    `state`: `awaiting_key` (the patient has no keys yet), `anchoring`, `anchored`, `failed` (see `reason`).
    `answer`: the patient's word on it: "" (not asked or not answered), `signed` (on its way to the ledger),
    `acknowledged`, `disputed` (it is not theirs).
    """

    record_id: str
    source: OrganisationRef
    type: str
    label: str
    group: str
    period_start: str
    period_end: str
    size: int
    version: int
    epoch: int
    manifest: str
    state: str
    reason: str
    answer: str
    created_at: int


class NewRecords(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one source that wait for the patient's word. `subject` is the DID that acknowledges them,
    `anchors` are their anchors in the order of `records`."""

    source: OrganisationRef
    subject: str
    records: list[RecordView]
    anchors: list[str]


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A record as the hospital that sent it sees it on its desk."""

    record: RecordView
    patient_code: str


class OwnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record for its own patient: the phone opens `envelope` (info: use `record-key`, `recipient`)."""

    record: RecordView
    recipient: str
    envelope: dict[str, Any]
    token: str


class OwnRecordKey(msgspec.Struct, frozen=True, kw_only=True):
    """A custodial patient's record: the data key (b64u32), released to their own page only."""

    record: RecordView
    data_key: str
    token: str


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a list.

    `state`: `requested`, `granted`, `refused`, `withdrawn`, `expired`. `consent_id` once granted.
    `document` is the signed request of docs/formats.md section 4.
    """

    request_id: str
    state: str
    document: dict[str, Any]
    patient_code: str
    requester_name: str
    requester_role: str
    organisation: OrganisationRef
    consent_id: str
    created_at: int
    expires_at: int


class RecordOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A record that the request asks for, with what the phone needs to re-seal its data key."""

    record: RecordView
    recipient: str
    envelope: dict[str, Any]


class RequestDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a phone needs to show, check and answer a request without asking again.

    `document` and `signature` are the requester's; `credential` is the VC-JWT ("" for an organisation).
    `organisation_proof` and `clinician_proof` are ledger proof bundles of `OrganisationRegistered` and
    `ClinicianRegistered` (None for an organisation), for ledger/light.js. `subject` is the patient's DID with
    the requester's organisation; `subject.state` `none` means that the answer must also register one.
    `records` are the anchored ones that the request's types and dates cover.
    """

    request: RequestView
    signature: str
    credential: str
    organisation_proof: dict[str, Any]
    clinician_proof: dict[str, Any] | None
    subject: PatientOrganisation
    records: list[RecordOffer]
    server_time: int


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """What a custodial patient leaves of a request; None keeps what was asked. Never wider.

    `records`: the record ids to share (None: all that match). `confidentiality`: the highest label.
    Signed is shown: an approval repeats `valid_from` and `text` of the preview's artefact, and is refused
    when what it would sign does not read the same.
    """

    types: list[str] | None = None
    records: list[str] | None = None
    date_from: str | None = None
    date_to: str | None = None
    duration_s: int | None = None
    confidentiality: str = "N"
    valid_from: int | None = None
    text: str | None = None


class ConsentPreview(msgspec.Struct, frozen=True, kw_only=True):
    """The artefact that an approval would sign and the exact text that it hashes (custodial pages)."""

    artefact: dict[str, Any]
    text: str
    records: list[RecordView]


class ConsentView(msgspec.Struct, frozen=True, kw_only=True):
    """A consent as patient or requester sees it.

    `state`: `signed` (in the outbox), `active`, `revoked`, `expired`, `exhausted`, `rejected` (see `reason`).
    `tx_hash` names the committed `ConsentGranted` for `ledger_proof`; "" until committed.
    """

    consent_id: str
    request_id: str
    state: str
    reason: str
    subject: str
    requester_name: str
    requester_role: str
    organisation: OrganisationRef
    purpose: str
    types: list[str]
    record_count: int
    valid_from: int
    valid_until: int
    max_opens: int
    opens: int
    custody: str
    tx_hash: str
    height: int


class GrantedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record under a grant. `index` is the handle's place under the consent's root."""

    record: RecordView
    index: int
    handle: str
    wrap_hash: str
    epoch: int


class GrantDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester needs to sign `AccessOpened`, in ascending order of handles. No key is in it.

    `artefact` and `salt` are the opening. `server_time` lets a device with a wrong clock set `issued_at`.
    """

    consent: ConsentView
    artefact: dict[str, Any]
    salt: str
    records: list[GrantedRecord]
    server_time: int


class Wrap(msgspec.Struct, frozen=True, kw_only=True):
    record_id: str
    epoch: int
    wrap: str


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one act of opening, handed over once, after its `AccessOpened` is committed.

    `wraps` are in the order of the transaction's `handles`; `sealed` is the grant key's Envelope; `token`
    reads the ciphertext of these records for five minutes; `proof` is the proof bundle of the transaction.
    """

    consent_id: str
    tx_hash: str
    height: int
    sealed: dict[str, Any]
    wraps: list[Wrap]
    token: str
    proof: dict[str, Any]


class GatewayRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record decrypted in an organisation's gateway; `content` yields its plaintext once."""

    record: RecordView
    content: Iterator[bytes]


class AccessView(msgspec.Struct, frozen=True, kw_only=True):
    """One act of opening, as the patient sees it: who, for what, what, when, under which consent."""

    tx_hash: str
    height: int
    at: int
    consent_id: str
    requester_name: str
    requester_role: str
    organisation: OrganisationRef
    purpose: str
    records: list[RecordView]


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a person's feed. `payload` holds ids only; `kind` is a FeedKind.

    `seq` counts 1, 2, 3, … per person without gaps; `position` orders the feeds of all persons.
    """

    person_id: uuid.UUID
    seq: int
    position: int
    kind: str
    payload: dict[str, str]
    created_at: int
