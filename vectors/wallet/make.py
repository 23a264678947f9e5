"""Makes vectors/wallet/*.json from fixed seeds: `python vectors/wallet/make.py`, run from the project's root.

Everything is recomputed but two kinds of value that cannot be: HPKE draws its own ephemeral key and didkit
spells JSON members in any order. Those are kept from the present files while they still fit their inputs.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from ledger.types.signing import public_key_of, sign  # noqa: E402
from wallet.core import consent, credential, did_key, envelope, grant, narrow, request, suites  # noqa: E402
from wallet.core._ledger import b64u_encode  # noqa: E402
from wallet.core.errors import RuleError  # noqa: E402
from wallet.credential_issuer import issue_credential, issuer_did  # noqa: E402

NOW = 1_790_000_000_000
DAY = 24 * 3600 * 1000
NAMES = {"en": "North Lake Hospital", "zh-Hans": "北湖医院"}


def seed(label: str, size: int = 32) -> bytes:
    """Fixed bytes for a name."""
    return hashlib.shake_256(f"salus vectors {label}".encode()).digest(size)


def an_id(label: str) -> str:
    return b64u_encode(seed(label, 16))


def salus_did(label: str) -> str:
    return f"did:salus:u{b64u_encode(seed(label))}"


def record_id(label: str) -> str:
    text = bytearray(seed(label, 16))
    text[6], text[8] = text[6] & 0x0F | 0x40, text[8] & 0x3F | 0x80
    digits = text.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def counting_random(label: str) -> Callable[[int], bytes]:
    numbers = count()
    return lambda size: seed(f"{label} {next(numbers)}", size)


NORTH_LAKE, EVERGREEN, LI_MEI = (
    salus_did("North Lake"),
    salus_did("Evergreen"),
    salus_did("Li Mei at North Lake"),
)
OKAFOR = issuer_did(seed("Dr Okafor"))
RECORDS = sorted(record_id(f"record {number}") for number in range(5))


def kept(name: str) -> dict[str, Any]:
    path = HERE / name
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def vc_jwt() -> str:
    fields = {
        "subject": OKAFOR,
        "organisation": NORTH_LAKE,
        "issuer_keys": [public_key_of(seed("North Lake issuer"))],
    }
    old = kept("credential.json").get("jwt", "")
    try:
        credential.verify_credential(old, now=NOW, **fields)
        return old
    except RuleError:
        return issue_credential(
            issuer_seed=seed("North Lake issuer"),
            subject=OKAFOR,
            name="Dr Okafor",
            role="physician",
            organisation=NORTH_LAKE,
            valid_from=NOW - 30 * DAY,
            valid_until=NOW + 300 * DAY,
        )


def sealing_key(suite: str, label: str) -> envelope.SealingKey:
    return envelope.SealingKey("#seal-1", suite, seed(label))


def sealed(old: Any, key: envelope.SealingKey, plaintext: bytes, info: bytes) -> envelope.Envelope:
    """The envelope kept from the present file if it still opens to `plaintext`, or a new one."""
    try:
        found = envelope.parse_envelope(old)
        if envelope.open_envelope(key, found, info) == plaintext:
            return found
    except RuleError:
        pass
    return envelope.seal(key.public(), plaintext, info)


def envelopes() -> dict[str, Any]:
    old = {case["suite"]: case["envelope"] for case in kept("envelope.json").get("cases", [])}
    context = {"record": RECORDS[0], "epoch": 1, "recipient": LI_MEI}
    info = envelope.record_key_info(**context)
    cases = []
    for suite in (suites.HYBRID, suites.CLASSIC):
        key, data_key = sealing_key(suite, f"Li Mei {suite}"), seed("data key 0")
        found = sealed(old.get(suite), key, data_key, info)
        cases.append(
            {
                "suite": suite,
                "seed": b64u_encode(key.seed),
                "public": b64u_encode(key.public().public),
                "context": context,
                "info": info.decode(),
                "plaintext": b64u_encode(data_key),
                "envelope": msgspec.to_builtins(found),
            }
        )
    return {"cases": cases}


def a_request(jwt: str) -> request.Request:
    key = sealing_key(suites.HYBRID, "Dr Okafor seal")
    return request.Request(
        version=1,
        ledger="salus-demo",
        id=an_id("request"),
        patient="7K3M-Q9ZX",
        requester=request.Requester(OKAFOR, NORTH_LAKE, jwt, "Dr Okafor", "physician"),
        purpose="TREAT",
        reason="Chest pain on the ward round 胸痛",
        types=("Condition", "Observation", "ImagingStudy"),
        dates=request.DateRange("2020-01-01", None),
        mode="view",
        duration_s=7200,
        access_key=b64u_encode(public_key_of(seed("access"))),
        seal_key=request.SealKey(key.suite, b64u_encode(key.public().public), key.id),
        created_at=NOW,
        expires_at=NOW + DAY,
        nonce=an_id("request nonce"),
    )


REFUSED_REQUESTS: dict[str, tuple[str, Any]] = {
    "an unknown field": ("$.extra", 1),
    "a missing field": ("$.nonce", None),
    "a time as text": ("$.created_at", "1790000000000"),
    "a fraction": ("$.duration_s", 1.5),
    "no time at all": ("$.duration_s", 0),
    "a type twice": ("$.types", ["Condition", "Condition"]),
    "no type": ("$.types", []),
    "days that end before they begin": ("$.dates", {"from": "2024-02-02", "to": "2024-02-01"}),
    "a day that does not exist": ("$.dates", {"from": "2023-02-29", "to": None}),
    "a name that forges a line": ("$.requester.name", "Dr Okafor\nWhy: research."),
    "a name that turns the text round": ("$.requester.name", "Dr \u202eOkafor"),
    "a purpose of its own": ("$.purpose", "MARKETING"),
    "an organisation that is no did:salus": ("$.requester.organisation", "did:web:example.org"),
    "a clinician without a credential": ("$.requester.credential", ""),
    "a short access key": ("$.access_key", "AAAA"),
    "a sealing key of the other suite's size": ("$.seal_key.suite", suites.CLASSIC),
    "a request that never expires": ("$.expires_at", NOW + 8 * DAY),
    "a request that expired before it was made": ("$.expires_at", NOW),
    "a patient code with an I": ("$.patient", "7K3M-Q9IX"),
}


def changed(document: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy of `document` with `value` at `place`; None removes a top-level field."""
    copy = json.loads(json.dumps(document))
    *path, last = place.removeprefix("$.").split(".")
    at = copy
    for part in path:
        at = at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return copy


def requests(jwt: str) -> dict[str, Any]:
    made = a_request(jwt)
    document = msgspec.to_builtins(made)
    return {
        "request": document,
        "public": b64u_encode(public_key_of(seed("Dr Okafor"))),
        "hash": b64u_encode(request.request_hash(made)),
        "credential_hash": request.credential_hash(jwt),
        "signature": b64u_encode(sign(seed("Dr Okafor"), request.request_sign_bytes(made))),
        "refused": {name: changed(document, *change) for name, change in REFUSED_REQUESTS.items()},
    }


def an_artefact(
    asked: request.Request, locale: consent.Locale, **changes: Any
) -> tuple[consent.Artefact, str]:
    asker = asked.requester
    drawn = consent.Artefact(
        version=1,
        ledger=asked.ledger,
        id=an_id("consent"),
        subject=LI_MEI,
        requester=consent.Grantee(
            asker.did, asker.organisation, request.credential_hash(asker.credential), asker.name, asker.role
        ),
        purpose=asked.purpose,
        types=("Condition", "Observation"),
        records=tuple(RECORDS[:3]),
        dates=asked.dates,
        mode=asked.mode,
        valid_from=NOW + 60_000,
        valid_until=NOW + 60_000 + 3_600_000,
        erase_at=NOW + 60_000 + 3_600_000,
        max_opens=0,
        confidentiality="N",
        delegate=None,
        locale=locale,
        text="",
        request=b64u_encode(request.request_hash(asked)),
        nonce=an_id("consent nonce"),
    )
    organisation = changes.get("requester", drawn.requester).organisation
    return consent.with_text(msgspec.structs.replace(drawn, **changes), {organisation: NAMES[locale]})


VARIANTS: dict[str, dict[str, Any]] = {
    "usual": {},
    "one record, once, both days, ninety minutes": {
        "records": (RECORDS[0],),
        "max_opens": 1,
        "dates": request.DateRange("2024-02-29", "2024-12-31"),
        "valid_until": NOW + 60_000 + 90 * 60_000,
        "erase_at": NOW + DAY,
    },
    "kept copies, very restricted, five opens, until a day": {
        "mode": "store",
        "confidentiality": "V",
        "max_opens": 5,
        "dates": request.DateRange(None, "2025-06-30"),
        "valid_until": NOW + 60_000 + 3 * DAY,
        "erase_at": NOW + 30 * DAY,
    },
    "an organisation, restricted, all days, one day": {
        "requester": consent.Grantee(EVERGREEN, EVERGREEN, "", "Evergreen Mutual", "insurer"),
        "purpose": "HPAYMT",
        "types": ("Claim", "ExplanationOfBenefit"),
        "confidentiality": "R",
        "dates": request.DateRange(None, None),
        "valid_until": NOW + 60_000 + DAY,
        "erase_at": NOW + 60_000 + DAY,
    },
    "a guardian, a name with braces, an unknown type and role": {
        "requester": consent.Grantee(
            OKAFOR, NORTH_LAKE, b64u_encode(seed("c")), "Dr {0} {2} Okafor", "herbalist"
        ),
        "types": ("Observation", "SomethingNew"),
        "delegate": consent.Delegate(OKAFOR, "Mei Hua", "guardian"),
        "valid_until": NOW + 60_000 + 1,
        "erase_at": NOW + 60_000 + 1,
    },
}


def consents(jwt: str) -> dict[str, Any]:
    asked, salt = a_request(jwt), seed("salt")
    cases = []
    for name, changes in VARIANTS.items():
        for locale in ("en", "zh-Hans"):
            made, text = an_artefact(asked, locale, **changes)  # type: ignore[arg-type]
            consent.check_artefact(made)
            cases.append(
                {
                    "name": name,
                    "artefact": msgspec.to_builtins(made),
                    "names": {made.requester.organisation: NAMES[locale]},
                    "shown": text,
                    "jcs": consent.artefact_bytes(made).decode(),
                    "artefact_commitment": consent.artefact_commitment(salt, made),
                    "requester_commitment": consent.requester_commitment(salt, made.requester.did),
                    "organisation_commitment": consent.organisation_commitment(
                        salt, made.requester.organisation
                    ),
                }
            )
    return {"salt": b64u_encode(salt), "cases": cases}


def grants(jwt: str) -> dict[str, Any]:
    artefact, _ = an_artefact(a_request(jwt), "en")
    salt, grant_key, key = seed("salt"), seed("grant key"), sealing_key(suites.HYBRID, "Dr Okafor seal")
    data_keys = [
        grant.DataKey(record, 1 + at, seed(f"data key {at}")) for at, record in enumerate(artefact.records)
    ]
    pack = grant.build_grant(
        artefact, data_keys, key.public(), salt=salt, grant_key=grant_key, random=counting_random("nonce")
    )
    info = envelope.grant_key_info(
        consent=artefact.id, recipient=OKAFOR, purpose=artefact.purpose, expiry=artefact.valid_until
    )
    old = kept("grant.json").get("pack", {}).get("sealed")
    pack = msgspec.structs.replace(pack, sealed=sealed(old, key, grant_key, info))
    return {
        "pack": msgspec.to_builtins(pack),
        "grantee": {"id": key.id, "suite": key.suite, "seed": b64u_encode(key.seed)},
        "grant_key": b64u_encode(grant_key),
        "data_keys": [{"record": k.record, "epoch": k.epoch, "key": b64u_encode(k.key)} for k in data_keys],
        "handles": [b64u_encode(item.handle) for item in grant.ordered_handles(salt, artefact.records)],
        "handles_root": grant.grant_handles_root(salt, artefact.records),
        "wraps": grant.wraps_commitment(pack.wraps),
    }


def scope(types: str, start: str | None, end: str | None, seconds: int, mode: request.Mode) -> narrow.Scope:
    return narrow.Scope(tuple(types.split()), request.DateRange(start, end), seconds, mode)


def narrowings() -> dict[str, Any]:
    asked = scope("Condition Observation", "2020-01-01", "2024-12-31", 7200, "store")
    chosen = [
        asked,
        scope("Condition", "2021-01-01", "2023-12-31", 60, "view"),
        scope("Condition Observation Claim", "2020-01-01", "2024-12-31", 7200, "store"),
        scope("Condition", None, "2024-12-31", 7200, "store"),
        scope("Condition", "2020-01-01", None, 7200, "store"),
        scope("Observation", "2020-01-01", "2024-12-31", 7201, "view"),
        scope("Claim", "2020-01-01", "2024-12-31", 60, "view"),
        scope("Condition", "2025-01-01", None, 60, "view"),
    ]
    cases = []
    for given in chosen:
        try:
            left: Any = msgspec.to_builtins(narrow.narrow(asked, given))
        except narrow.NothingLeft as error:
            left = {"nothing_left": error.field}
        wider = narrow.first_wider(given, asked)
        cases.append({"given": msgspec.to_builtins(given), "wider": wider, "narrowed": left})
    return {"asked": msgspec.to_builtins(asked), "cases": cases}


def credentials(jwt: str) -> dict[str, Any]:
    return {
        "jwt": jwt,
        "subject": OKAFOR,
        "organisation": NORTH_LAKE,
        "issuer_keys": [b64u_encode(public_key_of(seed("North Lake issuer")))],
        "now": NOW,
        "hash": request.credential_hash(jwt),
    }


def did_keys() -> dict[str, Any]:
    publics = [public_key_of(seed(f"did:key {number}")) for number in range(4)]
    named = [(public, did_key.PublicKey(did_key.KeyType.ED25519, public)) for public in publics]
    return {"keys": [{"public": b64u_encode(public), "did": did_key.did_key(key)} for public, key in named]}


def make_all() -> dict[str, dict[str, Any]]:
    """File name to content."""
    jwt = vc_jwt()
    return {
        "credential.json": credentials(jwt),
        "did_key.json": did_keys(),
        "envelope.json": envelopes(),
        "request.json": requests(jwt),
        "consent.json": consents(jwt),
        "grant.json": grants(jwt),
        "narrow.json": narrowings(),
    }


if __name__ == "__main__":
    for name, content in make_all().items():
        text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (HERE / name).write_text(text, "utf-8")
