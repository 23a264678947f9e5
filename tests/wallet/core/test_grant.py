"""Grants: one pack gives exactly its records, to exactly its grantee, in exactly its context."""

import itertools
import secrets

import msgspec
import pytest

from ledger.types.handles import handles_covered, prove_handles
from tests.wallet.core.cast import (
    DAY,
    MALLORY,
    MALLORY_SEAL,
    NOW,
    OKAFOR_SEAL,
    RECORDS,
    SALT,
    data_keys,
    li_meis_artefact,
    li_meis_grant,
)
from wallet.core import grant
from wallet.core._ledger import b64u_decode
from wallet.core.errors import CannotOpen, Malformed


def grant_key_of(pack: grant.GrantPack) -> bytes:
    return grant.open_grant_key(OKAFOR_SEAL, pack.sealed, pack.artefact)


def test_the_grantee_opens_every_record_of_the_grant() -> None:
    pack = grant.parse_grant_pack(msgspec.to_builtins(li_meis_grant()))
    grant_key = grant_key_of(pack)
    opened = [grant.unwrap_data_key(grant_key, wrap, pack.artefact) for wrap in pack.wraps]
    assert sorted(opened, key=lambda k: k.record) == data_keys(pack.artefact)


def test_wraps_stand_in_the_order_of_ascending_handles_whatever_the_order_of_keys() -> None:
    artefact = li_meis_artefact()
    expected = [item.record for item in grant.ordered_handles(SALT, artefact.records)]
    for keys in itertools.permutations(data_keys(artefact)):
        pack = grant.build_grant(
            artefact, keys, OKAFOR_SEAL.public(), salt=SALT, grant_key=bytes(32), random=secrets.token_bytes
        )
        assert [wrap.record for wrap in pack.wraps] == expected


def test_a_grant_for_one_record_does_not_open_another() -> None:
    pack = li_meis_grant()
    grant_key, first, second = grant_key_of(pack), *pack.wraps[:2]
    relabelled = msgspec.structs.replace(first, record=second.record)
    with pytest.raises(CannotOpen):
        grant.unwrap_data_key(grant_key, relabelled, pack.artefact)


def test_a_wrap_of_one_grant_does_not_open_under_another() -> None:
    one, two = li_meis_grant(), li_meis_grant(li_meis_artefact(records=tuple(RECORDS[3:])))
    with pytest.raises(CannotOpen):
        grant.unwrap_data_key(grant_key_of(one), two.wraps[0], two.artefact)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"purpose": "HRESCH"},
        {"valid_until": NOW + 2 * DAY},
    ],
    ids=["another consent", "another purpose", "a later expiry"],
)
def test_neither_grant_key_nor_wrap_opens_under_a_changed_artefact(change: dict[str, object]) -> None:
    pack = li_meis_grant()
    other = msgspec.structs.replace(pack.artefact, **change)
    with pytest.raises(CannotOpen):
        grant.open_grant_key(OKAFOR_SEAL, pack.sealed, other)
    with pytest.raises(CannotOpen):
        grant.unwrap_data_key(grant_key_of(pack), pack.wraps[0], other)


def test_a_wrap_of_another_epoch_does_not_open() -> None:
    pack = li_meis_grant()
    newer = msgspec.structs.replace(pack.wraps[0], epoch=2)
    with pytest.raises(CannotOpen):
        grant.unwrap_data_key(grant_key_of(pack), newer, pack.artefact)


def test_mallory_cannot_open_dr_okafors_grant_nor_have_it_in_her_name() -> None:
    pack = li_meis_grant()
    with pytest.raises(CannotOpen):
        grant.open_grant_key(MALLORY_SEAL, pack.sealed, pack.artefact)
    hers = msgspec.structs.replace(
        pack.artefact, requester=msgspec.structs.replace(pack.artefact.requester, did=MALLORY)
    )
    with pytest.raises(CannotOpen):
        grant.open_grant_key(OKAFOR_SEAL, pack.sealed, hers)


@pytest.mark.parametrize("spoil", [lambda keys: keys[:-1], lambda keys: [*keys, keys[0]], lambda keys: []])
def test_a_pack_with_a_key_too_few_or_too_many_is_never_built(spoil) -> None:  # type: ignore[no-untyped-def]
    artefact = li_meis_artefact()
    keys = spoil(data_keys(artefact))
    with pytest.raises(Malformed, match="one data key for each record"):
        grant.build_grant(
            artefact, keys, OKAFOR_SEAL.public(), salt=SALT, grant_key=bytes(32), random=secrets.token_bytes
        )


def test_a_key_for_a_record_that_the_artefact_does_not_name_is_never_wrapped() -> None:
    artefact = li_meis_artefact()
    keys = [*data_keys(artefact)[:-1], grant.DataKey(RECORDS[4], 1, bytes(32))]
    with pytest.raises(Malformed):
        grant.build_grant(
            artefact, keys, OKAFOR_SEAL.public(), salt=SALT, grant_key=bytes(32), random=secrets.token_bytes
        )


def test_a_source_of_randomness_that_repeats_is_refused() -> None:
    artefact = li_meis_artefact()
    with pytest.raises(Malformed, match="nonce"):
        grant.build_grant(
            artefact, data_keys(artefact), OKAFOR_SEAL.public(), salt=SALT, grant_key=bytes(32), random=bytes
        )


def test_whoever_relays_a_pack_refuses_reordered_missing_repeated_and_foreign_wraps() -> None:
    pack = li_meis_grant()
    one, two, three = pack.wraps
    foreign = msgspec.structs.replace(three, record=RECORDS[4])
    for wraps in (
        (two, one, three),
        (one, two),
        (one, two, two),
        (one, two, foreign),
        (one, two, three, three),
    ):
        with pytest.raises(Malformed, match=r"\$\.wraps"):
            grant.check_grant_pack(msgspec.structs.replace(pack, wraps=wraps))


def test_the_wraps_commitment_changes_with_any_wrap_and_with_the_order() -> None:
    one, two, three = li_meis_grant().wraps
    flipped = msgspec.structs.replace(
        one, wrap=one.wrap[:-4] + ("AAAA" if one.wrap[-4:] != "AAAA" else "BBBB")
    )
    commitments = {
        grant.wraps_commitment(wraps)
        for wraps in ((one, two, three), (two, one, three), (one, two), (flipped, two, three))
    }
    assert len(commitments) == 4


def test_the_ledgers_proof_accepts_the_grants_handles_under_its_root() -> None:
    pack = li_meis_grant()
    handles = [item.handle for item in grant.ordered_handles(SALT, pack.artefact.records)]
    root = b64u_decode(grant.grant_handles_root(SALT, pack.artefact.records), 32)
    assert handles_covered(prove_handles(handles, handles[1:2]), len(handles), root)
    stranger = grant.ordered_handles(SALT, [RECORDS[4]])[0].handle
    proof = prove_handles([*handles[:-1], stranger], [stranger])
    assert not handles_covered(proof, len(handles), root)


def test_no_key_is_in_a_repr() -> None:
    key = grant.DataKey(RECORDS[0], 1, bytes(range(32)))
    assert "key=" not in repr(key)
