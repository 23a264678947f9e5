"""The wire form: one spelling per transaction, and typed refusals of everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.types import canonical
from ledger.types.canonical import b64u_decode
from ledger.types.did import check_keyset, did_of, encode, keyset_from_json
from ledger.types.signing import verify_ed25519
from ledger.types.tx import (
    MAX_TX_BYTES,
    OrganisationRegistered,
    decode_body,
    decode_tx,
    signed_bytes,
    tx_hash,
)
from ledger.types.tx_errors import Code, Rejected
from tests.ledger.machine.cast import (
    AUTHORITY,
    LI_MEI,
    RIVERSIDE,
    access,
    admit,
    anchor,
    b64u_of,
    fields,
    grant,
    register,
    revoke,
    rotate,
)

ALL = [register(LI_MEI), rotate(LI_MEI), admit(RIVERSIDE, "hospital"), anchor(), grant(), revoke(), access()]


def code_of(wire: bytes) -> str:
    with pytest.raises(Rejected) as refused:
        decode_tx(wire)
    return refused.value.code.name


@pytest.mark.parametrize("wire", ALL, ids=lambda wire: json.loads(wire)["body"]["type"])
def test_wire_bytes_are_canonical_json_of_what_they_say(wire: bytes) -> None:
    assert canonical.dumps(canonical.loads_canonical(wire)) == wire
    decoded = decode_tx(wire)
    body = canonical.dumps(json.loads(wire)["body"])
    assert decoded.signed_bytes == b"salus/tx/v1\x00" + body
    assert decode_body(body) == decoded.body
    assert decoded.hash == tx_hash(wire)


@given(st.text(min_size=1, max_size=128))
def test_any_name_is_written_as_rfc_8785_writes_it(name: str) -> None:
    body = OrganisationRegistered(
        **fields(
            AUTHORITY.did, did=RIVERSIDE.did, keyset=RIVERSIDE.keyset, kind="hospital", name=name, region="n"
        )
    )
    try:
        expected = canonical.dumps(json.loads(encode(body)))
    except canonical.CanonicalError:
        return
    assert encode(body) == expected
    assert signed_bytes(body).endswith(expected)


def test_signature_covers_the_body() -> None:
    decoded = decode_tx(grant())
    public = LI_MEI.keyset.public_key("#key-1")
    assert public is not None
    assert verify_ed25519(public, decoded.signed_bytes, decoded.signature)
    assert not verify_ed25519(public, decode_tx(revoke()).signed_bytes, decoded.signature)


def changed(wire: bytes, **own: object) -> bytes:
    """The wire form with body fields set, or removed where None; canonical, signature now wrong."""
    document = json.loads(wire)
    document["body"].update(own)
    document["body"] = {key: value for key, value in document["body"].items() if value is not None}
    return canonical.dumps(document)


@pytest.mark.parametrize(
    "own",
    [
        {"extra": 1},
        {"nonce": None},
        {"type": None},
        {"type": "ConsentForged"},
        {"version": 2},
        {"version": "1"},
        {"nonce": "short"},
        {"nonce": b64u_of("n", 16)[:-1] + "B"},
        {"subject": "did:key:z6Mk"},
        {"subject": "did:salus:u" + b64u_of("s")[:-1] + "B"},
        {"artefact": b64u_of("a") + "="},
        {"artefact": b64u_of("a") + "\n"},
        {"handles": 0},
        {"handles": "7"},
        {"handles": True},
        {"max_opens": -1},
        {"valid_from": -1},
        {"custody": "guardian"},
        {"keyset": {}},
    ],
    ids=str,
)
def test_fields_that_are_unknown_missing_or_of_wrong_form_are_refused(own: dict[str, object]) -> None:
    assert code_of(changed(grant(), **own)) == "TX_MALFORMED"


def test_numbers_beyond_the_safe_range_and_floats_are_refused() -> None:
    wire = grant()
    for number in (b"9007199254740993", b"1e3", b"1.5", b"NaN", b"1" * 400):
        assert code_of(wire.replace(b'"max_opens":0', b'"max_opens":' + number)) == "TX_MALFORMED"


def test_every_other_spelling_of_the_same_content_is_refused() -> None:
    wire = grant()
    document = json.loads(wire)
    spaced = json.dumps(document).encode()
    unsorted = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    backwards = json.dumps(dict(reversed(document.items())), separators=(",", ":")).encode()
    assert unsorted == wire
    twice = wire.replace(b'"handles":7', b'"handles":6,"handles":7')
    escaped = wire.replace(b'"self"', b'"\\u0073elf"')
    for other in (
        spaced,
        backwards,
        twice,
        escaped,
        wire + b" ",
        wire.replace(b'"max_opens":0', b'"max_opens":-0'),
    ):
        assert code_of(other) == "TX_NOT_CANONICAL"


def test_exactly_one_signature() -> None:
    document = json.loads(grant())
    for signatures in ([], document["signatures"] * 2, {}):
        assert code_of(canonical.dumps(document | {"signatures": signatures})) == "TX_MALFORMED"
    assert code_of(canonical.dumps(document | {"memo": "x"})) == "TX_MALFORMED"


def test_size_is_refused_before_anything_is_parsed() -> None:
    assert code_of(b"[" * (MAX_TX_BYTES + 1)) == "TX_TOO_LARGE"
    assert code_of(b"[" * MAX_TX_BYTES) == "TX_MALFORMED"


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_garbage_is_refused_and_raises_nothing_else(garbage: bytes) -> None:
    with pytest.raises(Rejected):
        decode_tx(garbage)


@given(st.data())
def test_a_flipped_bit_is_refused_or_is_another_transaction(data: st.DataObject) -> None:
    wire = grant()
    at = data.draw(st.integers(0, len(wire) * 8 - 1))
    flipped = bytearray(wire)
    flipped[at // 8] ^= 1 << at % 8
    try:
        other = decode_tx(bytes(flipped))
    except Rejected:
        return
    original = decode_tx(wire)
    assert other.hash != original.hash
    assert (other.body, other.key_id, other.signature) != (original.body, original.key_id, original.signature)


def test_reasons_hold_no_value_of_the_transaction() -> None:
    for own in ({"subject": "did:salus:Li-Mei"}, {"artefact": "secret"}, {"custody": "Li Mei"}):
        with pytest.raises(Rejected) as refused:
            decode_tx(changed(grant(), **own))
        assert not any(str(value) in refused.value.reason for value in own.values())


def test_a_did_is_the_hash_of_its_first_key_set() -> None:
    assert LI_MEI.did == did_of(LI_MEI.keyset)
    assert len(b64u_decode(LI_MEI.did.removeprefix("did:salus:u"), 32)) == 32


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"keys": []}, Code.KEYSET_INVALID),
        ({"keys": [{"id": "#A", "type": "Ed25519", "public": b64u_of("x")}]}, Code.KEYSET_INVALID),
        ({"extra": 1}, Code.KEYSET_INVALID),
        ({"next": "x"}, Code.KEYSET_INVALID),
        ({"keys": [{"id": "#a", "type": "Ed25519", "public": "AQ" + "A" * 41}]}, Code.KEY_WEAK),
        ({"keys": [{"id": "#a", "type": "Ed25519", "public": "A" * 43}]}, Code.KEY_WEAK),
        ({"keys": [{"id": "#a", "type": "Ed25519", "public": "7" + "_" * 40 + "38"}]}, Code.KEY_WEAK),
        (
            {
                "sealing": [
                    {
                        "id": "#s",
                        "suite": "X25519/HKDF-SHA256/AES-256-GCM",
                        "public": b64u_of("x", 31),
                        "epoch": 1,
                    }
                ]
            },
            Code.KEYSET_INVALID,
        ),
        (
            {
                "sealing": [
                    {
                        "id": "#key-1",
                        "suite": "X25519/HKDF-SHA256/AES-256-GCM",
                        "public": b64u_of("x"),
                        "epoch": 1,
                    }
                ]
            },
            Code.KEYSET_INVALID,
        ),
    ],
    ids=str,
)
def test_key_sets_of_wrong_form_or_with_weak_keys_are_refused(change: dict[str, object], code: Code) -> None:
    good = json.loads(encode(LI_MEI.keyset))
    check_keyset(keyset_from_json(good))
    with pytest.raises(Rejected) as refused:
        keyset_from_json(good | change)
    assert refused.value.code is code
