"""Every rule's refusals, as attacks and accidents would meet them in a block."""

import pytest

from ledger.types.canonical import b64u_encode
from ledger.types.did import KeySet, SigningKey, did_of, next_commitment
from ledger.types.handles import handles_root
from ledger.types.signing import public_key_of
from ledger.types.tx import (
    ClinicianRegistered,
    ClinicianRevoked,
    DidRegistered,
    decode_tx,
    encode_tx,
    sign_tx,
)
from tests.ledger.machine.cast import (
    AMINA,
    AUTHORITY,
    CONSENT,
    DAY,
    EVERGREEN,
    HOUR,
    LI_MEI,
    MALLORY,
    MINUTE,
    NOON,
    NORTH_LAKE,
    RECORDS,
    RIVERSIDE,
    SALT,
    Chain,
    access,
    admit,
    anchor,
    b64u_of,
    consortium,
    fields,
    grant,
    handles,
    register,
    resign,
    revoke,
    rotate,
    signed,
)

WEAK_KEY = "A" * 43
"""The y = 0 point of order 4."""


@pytest.fixture
def chain() -> Chain:
    return consortium()


@pytest.fixture
def granted() -> Chain:
    return consortium(grant())


# Time, ledger, replay


def test_a_transaction_for_another_ledger_is_refused(chain: Chain) -> None:
    assert chain.one(grant(ledger="salus-other")) == "WRONG_LEDGER"


def test_a_replayed_transaction_is_refused(chain: Chain) -> None:
    wire = grant()
    assert chain.one(wire) == "OK"
    assert chain.one(wire) == "NONCE_USED"


def test_a_transaction_twice_in_one_block_counts_once(granted: Chain) -> None:
    wire = access()
    assert [result.code.name for result in granted.block(wire, wire)] == ["OK", "NONCE_USED"]
    assert not granted.app.process_proposal([access(), wire], granted.time_ms + 1)


def test_a_second_signature_over_the_same_body_is_a_replay(granted: Chain) -> None:
    wire = access()
    assert granted.one(wire) == "OK"
    decoded = decode_tx(wire)
    other = encode_tx(decoded.body, decoded.key_id, bytes(64))
    assert decode_tx(other).hash != decoded.hash
    assert granted.one(other) == "NONCE_USED"


def test_a_nonce_belongs_to_its_author(chain: Chain) -> None:
    nonce = b64u_of("the same nonce", 16)
    assert chain.one(register(MALLORY, nonce=nonce)) == "OK"
    assert chain.one(grant(nonce=nonce)) == "OK"
    assert chain.one(revoke(nonce=nonce)) == "NONCE_USED"


def test_a_late_transaction_is_refused_and_its_nonce_is_forgotten_only_then(chain: Chain) -> None:
    wire = grant(not_after=NOON + HOUR)
    assert chain.one(wire, NOON + HOUR) == "OK"
    assert chain.one(wire, NOON + HOUR) == "NONCE_USED"
    assert chain.one(wire, NOON + HOUR + 1) == "TX_EXPIRED"
    key = f"nonce/{LI_MEI.did}/{decode_tx(wire).body.nonce}".encode()
    assert chain.app.query(key).value is None


def test_a_nonce_that_is_used_again_after_it_was_forgotten_is_remembered_anew(chain: Chain) -> None:
    nonce = b64u_of("again", 16)
    assert chain.one(grant(nonce=nonce), NOON + 1) == "OK"
    later = NOON + 2 * HOUR
    wire = revoke(nonce=nonce, issued_at=later)
    assert chain.one(wire, later) == "OK"
    chain.block(time_ms=later + 1)
    assert chain.one(wire, later + 2) == "NONCE_USED"


@pytest.mark.parametrize("life", [0, -1, 7 * DAY + 1])
def test_a_window_that_is_empty_or_too_long_is_refused(chain: Chain, life: int) -> None:
    assert chain.one(grant(not_after=NOON + life)) == "WINDOW_INVALID"


def test_a_mempool_refuses_what_is_issued_in_its_future_and_takes_it_later(chain: Chain) -> None:
    wire = grant(issued_at=NOON + HOUR, not_after=NOON + 2 * HOUR)
    early = chain.app.check_tx(wire, NOON + HOUR - 5 * MINUTE - 1)
    assert (early.code.name, early.permanent) == ("ISSUED_IN_FUTURE", False)
    assert chain.app.check_tx(wire, NOON + HOUR - 5 * MINUTE).ok


def test_a_mempool_refuses_what_its_own_clock_knows_to_be_late(granted: Chain) -> None:
    assert granted.app.check_tx(access(not_after=NOON + 1), NOON + 2).code.name == "TX_EXPIRED"
    late = access(issued_at=NOON, not_after=NOON + 2 * DAY)
    assert granted.app.check_tx(late, NOON + DAY).code.name == "CONSENT_EXPIRED"
    assert granted.app.check_tx(late, NOON + DAY - 1).ok


# Signatures and authors


def test_mallory_signs_for_nobody_else(granted: Chain) -> None:
    for wire in (grant(consent=b64u_of("c", 16)), revoke(), anchor(), access(), rotate(LI_MEI)):
        assert granted.one(resign(wire, MALLORY.seed)) == "SIGNATURE_INVALID"
    assert granted.one(resign(register(AMINA), MALLORY.seed)) == "SIGNATURE_INVALID"


def test_a_signature_does_not_move_to_another_body(granted: Chain) -> None:
    seen = decode_tx(revoke())
    other = decode_tx(grant(consent=b64u_of("more", 16)))
    assert granted.one(encode_tx(other.body, "#key-1", seen.signature)) == "SIGNATURE_INVALID"


def test_an_unregistered_author_and_an_unknown_key_are_refused_but_may_come(chain: Chain) -> None:
    stranger = chain.app.check_tx(grant(MALLORY), NOON)
    assert (stranger.code.name, stranger.permanent) == ("AUTHOR_UNKNOWN", False)
    wire = sign_tx(decode_tx(grant()).body, "#phone-2", LI_MEI.seed)
    assert chain.one(wire) == "KEY_UNKNOWN"


def test_a_good_signature_is_remembered_for_its_key_only(chain: Chain) -> None:
    wire = grant(issued_at=NOON, not_after=NOON + DAY)
    assert chain.app.check_tx(wire, NOON).ok
    assert chain.one(rotate(LI_MEI)) == "OK"
    assert chain.one(wire) == "KEY_UNKNOWN"


def test_a_signature_that_held_for_an_old_key_does_not_hold_for_its_successor_of_the_same_name(
    chain: Chain,
) -> None:
    wire = grant()
    assert chain.app.check_tx(wire, NOON).ok
    good = decode_tx(rotate(LI_MEI)).body.keyset  # type: ignore[union-attr]
    renamed = SigningKey("#key-1", "Ed25519", b64u_encode(public_key_of(MALLORY.seed)))
    assert chain.one(rotate(LI_MEI, keyset=KeySet((*good.keys, renamed), (), good.next))) == "OK"
    assert chain.one(wire) == "SIGNATURE_INVALID"


# Identity


def test_a_did_is_registered_once_by_its_own_key(chain: Chain) -> None:
    assert chain.one(register(MALLORY)) == "OK"
    assert chain.one(register(MALLORY)) == "DID_TAKEN"


def test_nobody_registers_a_did_that_is_not_the_hash_of_the_key_set(chain: Chain) -> None:
    body = fields(LI_MEI.did, did=LI_MEI.did, keyset=MALLORY.keyset, custody="self")
    assert chain.one(signed(DidRegistered(**body), MALLORY)) == "DID_MISMATCH"
    body = fields(LI_MEI.did, did=MALLORY.did, keyset=MALLORY.keyset, custody="self")
    assert chain.one(signed(DidRegistered(**body), MALLORY)) == "WRONG_AUTHOR"


def test_a_small_order_key_registers_nothing(chain: Chain) -> None:
    weak = SigningKey("#weak", "Ed25519", WEAK_KEY)
    for keys in ((weak,), (*MALLORY.keyset.keys, weak)):
        keyset = KeySet(keys, (), MALLORY.keyset.next)
        body = DidRegistered(**fields(did_of(keyset), did=did_of(keyset), keyset=keyset, custody="self"))
        # Under ZIP-215 the all-zero signature holds for a small-order key, whatever the message.
        wire = encode_tx(body, "#weak", bytes(64)) if len(keys) == 1 else signed(body, MALLORY)
        assert chain.one(wire) in ("KEY_WEAK", "SIGNATURE_INVALID")
    assert chain.one(signed(body, MALLORY)) == "KEY_WEAK"


def test_a_rotation_is_signed_by_the_committed_key_and_ends_the_old_ones(chain: Chain) -> None:
    assert chain.one(rotate(LI_MEI)) == "OK"
    assert chain.one(grant()) == "KEY_UNKNOWN"
    new = sign_tx(decode_tx(grant()).body, "#key-2", LI_MEI.recovery_seed)
    assert chain.one(new) == "OK"


def test_a_stolen_device_key_rotates_nothing(chain: Chain) -> None:
    keyset = KeySet(LI_MEI.keyset.keys, (), next_commitment(public_key_of(MALLORY.seed)))
    body = decode_tx(rotate(LI_MEI, keyset=keyset)).body
    assert chain.one(sign_tx(body, "#key-1", LI_MEI.seed)) == "NEXT_MISMATCH"
    assert chain.one(sign_tx(body, "#key-2", LI_MEI.recovery_seed)) == "KEY_UNKNOWN"


def test_a_rotation_brings_in_no_weak_or_repeated_key(chain: Chain) -> None:
    good = decode_tx(rotate(LI_MEI)).body.keyset  # type: ignore[union-attr]
    weak = SigningKey("#weak", "Ed25519", WEAK_KEY)
    twice = SigningKey("#key-2", "Ed25519", good.keys[0].public)
    for extra, code in ((weak, "KEY_WEAK"), (twice, "KEYSET_INVALID")):
        keyset = KeySet((*good.keys, extra), (), good.next)
        assert chain.one(rotate(LI_MEI, keyset=keyset)) == code


def test_rotations_come_in_their_order(chain: Chain) -> None:
    assert chain.one(rotate(LI_MEI, seq=0)) == "SEQ_STALE"
    assert chain.one(rotate(LI_MEI, seq=2)) == "SEQ_AHEAD"
    assert chain.one(rotate(LI_MEI, seq=1)) == "OK"
    assert chain.one(rotate(LI_MEI, seq=1)) == "SEQ_STALE"
    assert chain.one(rotate(MALLORY)) == "AUTHOR_UNKNOWN"


def test_a_patient_who_takes_their_keys_over_is_labelled_self(chain: Chain) -> None:
    assert chain.one(rotate(AMINA, custody="self")) == "OK"
    body = decode_tx(grant(AMINA, custody="self")).body
    assert chain.one(sign_tx(body, "#key-2", AMINA.recovery_seed)) == "OK"


# Organisations and clinicians


def test_only_the_authority_admits(chain: Chain) -> None:
    assert chain.one(admit(MALLORY, "hospital", by=RIVERSIDE)) == "NOT_AUTHORITY"
    assert chain.one(admit(MALLORY, "hospital", by=LI_MEI)) == "NOT_AUTHORITY"
    assert chain.one(admit(RIVERSIDE, "hospital")) == "DID_TAKEN"
    assert chain.one(admit(MALLORY, "hospital", did=LI_MEI.did)) == "DID_MISMATCH"
    assert chain.one(admit(MALLORY, "research")) == "OK"


def clinician(by: object = NORTH_LAKE, **own: object) -> bytes:
    body = fields(by.did, credential=b64u_of("Dr Okafor"), role="physician", valid_until=NOON + DAY)  # type: ignore[attr-defined]
    return signed(ClinicianRegistered(**body | own), by)  # type: ignore[arg-type]


def dismissal(by: object = NORTH_LAKE) -> bytes:
    body = fields(by.did, credential=b64u_of("Dr Okafor"))  # type: ignore[attr-defined]
    return signed(ClinicianRevoked(**body), by)  # type: ignore[arg-type]


def test_only_an_admitted_organisation_vouches_for_a_clinician(chain: Chain) -> None:
    assert chain.one(clinician(LI_MEI)) == "NOT_ORGANISATION"
    assert chain.one(clinician(valid_until=NOON)) == "CREDENTIAL_PERIOD"
    assert chain.one(clinician()) == "OK"
    assert chain.one(clinician(RIVERSIDE)) == "CREDENTIAL_TAKEN"


def test_only_the_same_organisation_takes_a_credential_back_and_once(chain: Chain) -> None:
    assert chain.one(dismissal()) == "CREDENTIAL_UNKNOWN"
    assert chain.one(clinician()) == "OK"
    assert chain.one(dismissal(RIVERSIDE)) == "CREDENTIAL_NOT_YOURS"
    assert chain.one(dismissal()) == "OK"
    assert chain.one(dismissal()) == "CREDENTIAL_REVOKED"
    assert chain.one(clinician()) == "CREDENTIAL_TAKEN"


# Records


def test_hospitals_and_insurers_anchor_and_nobody_else(chain: Chain) -> None:
    assert chain.one(anchor(LI_MEI)) == "NOT_ORGANISATION"
    assert chain.one(anchor(MALLORY)) == "AUTHOR_UNKNOWN"
    assert chain.one(anchor(AUTHORITY)) == "ORGANISATION_KIND"
    assert chain.one(anchor(RIVERSIDE)) == "OK"
    assert chain.one(anchor(EVERGREEN, anchor=b64u_of("claim", 16))) == "OK"


def test_an_anchor_is_never_replaced(chain: Chain) -> None:
    assert chain.one(anchor(RIVERSIDE)) == "OK"
    assert chain.one(anchor(NORTH_LAKE, root=b64u_of("other root"))) == "ANCHOR_TAKEN"


def test_a_record_belongs_to_a_registered_person(chain: Chain) -> None:
    assert chain.one(anchor(subject=MALLORY)) == "SUBJECT_UNKNOWN"
    assert chain.one(anchor(subject=NORTH_LAKE)) == "SUBJECT_NOT_PERSON"


def test_a_record_is_under_one_kilobyte_on_the_ledger() -> None:
    assert len(anchor()) < 1_000


# Consents


def test_only_the_subject_grants(chain: Chain) -> None:
    assert chain.one(grant(AMINA, subject=LI_MEI.did, custody="custodial")) == "CONSENT_NOT_YOURS"
    assert chain.one(grant(RIVERSIDE, subject=LI_MEI.did)) == "CONSENT_NOT_YOURS"
    assert chain.one(grant(RIVERSIDE)) == "SUBJECT_NOT_PERSON"


def test_a_consent_id_is_used_once_even_after_revocation(granted: Chain) -> None:
    assert granted.one(grant()) == "CONSENT_TAKEN"
    assert granted.one(revoke()) == "OK"
    assert granted.one(grant()) == "CONSENT_TAKEN"
    assert granted.one(grant(AMINA, custody="custodial")) == "CONSENT_TAKEN"


def test_a_custodial_signature_cannot_pass_as_self_held(chain: Chain) -> None:
    assert chain.one(grant(AMINA, custody="self")) == "CUSTODY_MISMATCH"
    assert chain.one(grant(LI_MEI, custody="custodial")) == "CUSTODY_MISMATCH"
    assert chain.one(grant(AMINA, custody="custodial")) == "OK"


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"valid_from": NOON + DAY}, "CONSENT_PERIOD"),
        ({"valid_from": NOON + DAY + 1}, "CONSENT_PERIOD"),
        ({"erase_at": NOON - 1}, "CONSENT_PERIOD"),
        ({"valid_from": NOON - DAY, "valid_until": NOON}, "CONSENT_EXPIRED"),
        ({"access_key": WEAK_KEY}, "KEY_WEAK"),
    ],
)
def test_a_consent_without_sense_is_refused(chain: Chain, own: dict[str, object], code: str) -> None:
    assert chain.one(grant(**own)) == code


def test_only_the_subject_revokes_and_once(granted: Chain) -> None:
    assert granted.one(revoke(consent=b64u_of("unknown", 16))) == "CONSENT_UNKNOWN"
    assert granted.one(revoke(AMINA)) == "CONSENT_NOT_YOURS"
    assert granted.one(revoke(AMINA, subject=LI_MEI.did)) == "CONSENT_NOT_YOURS"
    assert granted.one(revoke()) == "OK"
    assert granted.one(revoke()) == "CONSENT_REVOKED"


def test_an_expired_consent_may_still_be_revoked(granted: Chain) -> None:
    assert granted.one(revoke(issued_at=NOON + 2 * DAY, not_after=NOON + 2 * DAY + 1), NOON + 2 * DAY) == "OK"


# Opening


def test_all_or_some_of_the_handles_are_opened_and_counted(granted: Chain) -> None:
    assert granted.one(access()) == "OK"
    assert granted.one(access(handles()[2:5])) == "OK"
    value = granted.app.query(f"consent/{CONSENT}".encode()).value
    assert value is not None
    assert b'"opens":2' in value


def test_no_consent_opens_nothing(chain: Chain) -> None:
    assert chain.one(access()) == "CONSENT_UNKNOWN"


def test_revoked_consent_opens_nothing_even_in_the_same_block(granted: Chain) -> None:
    wire = access()
    assert [result.code.name for result in granted.block(revoke(), wire)] == ["OK", "CONSENT_REVOKED"]
    assert granted.one(access()) == "CONSENT_REVOKED"


def test_opening_before_the_revocation_in_one_block_stands(granted: Chain) -> None:
    assert [result.code.name for result in granted.block(access(), revoke())] == ["OK", "OK"]


def test_consent_is_active_from_its_first_to_before_its_last_moment() -> None:
    chain = consortium(grant(valid_from=NOON + HOUR, valid_until=NOON + 2 * HOUR))
    early = chain.app.check_tx(access(not_after=NOON + HOUR), NOON)
    assert (early.code.name, early.permanent) == ("CONSENT_NOT_YET_VALID", False)
    assert chain.one(access(not_after=NOON + DAY), NOON + HOUR - 1) == "CONSENT_NOT_YET_VALID"
    assert chain.one(access(not_after=NOON + DAY), NOON + HOUR) == "OK"
    assert chain.one(access(not_after=NOON + DAY), NOON + 2 * HOUR - 1) == "OK"
    assert chain.one(access(not_after=NOON + DAY), NOON + 2 * HOUR) == "CONSENT_EXPIRED"


def test_after_an_idle_night_the_old_header_time_revives_no_consent() -> None:
    """The header's time still shows last evening; the reader's own issue time is what counts then."""
    chain = consortium(grant(valid_until=NOON + HOUR))
    morning = NOON + 12 * HOUR
    assert chain.one(access(issued_at=morning), time_ms=NOON + 1) == "CONSENT_EXPIRED"
    assert (
        chain.app.check_tx(access(issued_at=NOON, not_after=NOON + DAY), morning).code.name
        == "CONSENT_EXPIRED"
    )


def test_after_an_idle_night_a_fresh_consent_works_at_once() -> None:
    chain = consortium()
    morning = NOON + 12 * HOUR
    wire = grant(issued_at=morning, valid_from=morning, valid_until=morning + HOUR)
    assert chain.app.check_tx(wire, morning).ok
    assert chain.one(wire, time_ms=NOON + 1) == "OK"
    assert chain.one(access(issued_at=morning), time_ms=NOON + 2) == "OK"


def test_opens_run_out() -> None:
    chain = consortium(grant(max_opens=2))
    codes = [result.code.name for result in chain.block(access(), access(), access())]
    assert codes == ["OK", "OK", "CONSENT_EXHAUSTED"]


def test_only_the_access_key_of_the_request_opens(granted: Chain) -> None:
    assert granted.one(access(seed=MALLORY.seed)) == "SIGNATURE_INVALID"
    assert granted.one(access(seed=LI_MEI.seed)) == "SIGNATURE_INVALID"
    assert granted.one(access(key="#key-1")) == "KEY_UNKNOWN"
    assert granted.one(access(author=LI_MEI.did)) == "WRONG_AUTHOR"
    other = grant(consent=b64u_of("other", 16), access_key=b64u_encode(public_key_of(MALLORY.seed)))
    assert granted.one(other) == "OK"
    assert granted.one(access(seed=MALLORY.seed, author=f"access:{b64u_of('other', 16)}")) == "WRONG_AUTHOR"


def test_a_record_that_the_consent_does_not_cover_is_not_opened(granted: Chain) -> None:
    proof = decode_tx(access(handles()[1:3])).body
    foreign = tuple(sorted((b64u_of("foreign handle"), proof.handles[0])))  # type: ignore[union-attr]
    assert granted.one(access(handles()[1:3], handles=foreign)) in (
        "HANDLES_NOT_COVERED",
        "HANDLES_MALFORMED",
    )
    alone = access(handles()[1:2], handles=(b64u_of("foreign handle"),))
    assert granted.one(alone) == "HANDLES_NOT_COVERED"


def test_a_grant_for_one_record_does_not_open_another() -> None:
    only = [handles()[0]]
    chain = consortium(grant(handles=1, handles_root=b64u_encode(handles_root(only))))
    assert chain.one(access()) == "HANDLES_NOT_COVERED"
    one = {"handles": (b64u_encode(only[0]),), "indices": (0,), "path": ()}
    assert chain.one(access(**one)) == "OK"
    assert chain.one(access(**one | {"handles": (b64u_encode(handles()[1]),)})) == "HANDLES_NOT_COVERED"


def test_proofs_with_wrong_places_or_siblings_are_refused(granted: Chain) -> None:
    some = sorted(handles())[2:4]
    good = decode_tx(access(some)).body
    bad: list[tuple[dict[str, object], str]] = [
        ({"indices": (2,)}, "HANDLES_MALFORMED"),
        ({"indices": (3, 2)}, "HANDLES_NOT_COVERED"),
        ({"indices": (2, 2)}, "HANDLES_NOT_COVERED"),
        ({"indices": (2, 7)}, "HANDLES_NOT_COVERED"),
        ({"indices": (4, 5)}, "HANDLES_NOT_COVERED"),
        ({"handles": good.handles[::-1]}, "HANDLES_MALFORMED"),  # type: ignore[union-attr]
        ({"handles": (good.handles[0],) * 2}, "HANDLES_MALFORMED"),  # type: ignore[union-attr]
        ({"path": ()}, "HANDLES_NOT_COVERED"),
        ({"path": good.path[::-1]}, "HANDLES_NOT_COVERED"),  # type: ignore[union-attr]
        ({"path": (*good.path, good.path[0])}, "HANDLES_NOT_COVERED"),  # type: ignore[union-attr]
    ]
    for own, code in bad:
        assert granted.one(access(some, **own)) == code, own
    assert granted.one(access(some)) == "OK"


def test_an_inner_node_of_the_handles_tree_is_not_a_handle(granted: Chain) -> None:
    """Leaves and inner nodes are hashed apart, so a sibling hash from a proof opens nothing."""
    path = decode_tx(access(sorted(handles())[:1])).body.path  # type: ignore[union-attr]
    forged = access(sorted(handles())[:1], handles=(path[-1],))
    assert granted.one(forged) == "HANDLES_NOT_COVERED"


def test_the_grantee_stays_unnamed_on_the_ledger() -> None:
    for wire in (grant(), access()):
        for secret in (NORTH_LAKE.did, RIVERSIDE.did, "Okafor", *RECORDS, b64u_encode(SALT)):
            assert secret.encode() not in wire
