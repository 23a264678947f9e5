"""Requests: exact fields, precise errors, and a signature that covers everything."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.types.signing import public_key_of, sign
from tests.wallet.core.cast import (
    EVERGREEN,
    NORTH_LAKE,
    OKAFOR_SEED,
    make,
    okafors_request,
    okafors_signature,
    vectors,
)
from wallet.core.errors import Forged, Malformed
from wallet.core.request import (
    Requester,
    check_request,
    parse_request,
    request_bytes,
    request_sign_bytes,
    verify_request,
)

DOCUMENT: dict[str, Any] = vectors("request")["request"]
PLACES = {name: place for name, (place, _) in make.REFUSED_REQUESTS.items()}


def test_a_good_request_reads_back_as_what_was_signed() -> None:
    request = parse_request(DOCUMENT)
    assert json.loads(request_bytes(request)) == DOCUMENT
    verify_request(request, okafors_signature(request), public_key_of(OKAFOR_SEED))


@pytest.mark.parametrize(("name", "document"), vectors("request")["refused"].items())
def test_a_bad_request_is_refused_with_its_place(name: str, document: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refused:
        parse_request(document)
    place = PLACES[name].removeprefix("$.").split(".")[0]
    assert place in refused.value.place or place in refused.value.actual


@pytest.mark.parametrize("field", sorted(set(DOCUMENT) - {"version"}))
def test_each_field_is_covered_by_the_signature(field: str) -> None:
    request = okafors_request()
    signature = okafors_signature(request)
    changed = {
        "requester": {**DOCUMENT["requester"], "role": "nurse"},
        "dates": {"from": None, "to": None},
        "types": ["Observation"],
        "mode": "store",
        "purpose": "ETREAT",
        "patient": "0000-0000",
        "seal_key": {**DOCUMENT["seal_key"], "id": "#seal-2"},
        "access_key": "A" * 43,
        "id": "A" * 22,
        "nonce": "A" * 22,
    }
    old = DOCUMENT[field]
    value = changed[field] if field in changed else old + (1 if isinstance(old, int) else "x")
    with pytest.raises(Forged):
        verify_request(parse_request({**DOCUMENT, field: value}), signature, public_key_of(OKAFOR_SEED))


def test_a_signature_by_another_key_or_for_another_purpose_is_forged() -> None:
    request = okafors_request()
    public = public_key_of(OKAFOR_SEED)
    mallorys = sign(make.seed("Mallory"), request_sign_bytes(request))
    unprefixed = sign(OKAFOR_SEED, request_bytes(request))
    for signature in (mallorys, unprefixed, b"", bytes(64)):
        with pytest.raises(Forged):
            verify_request(request, signature, public)


def test_an_organisation_asks_as_itself_without_a_credential() -> None:
    request = okafors_request()
    itself = Requester(EVERGREEN, EVERGREEN, "", "Evergreen Mutual", "insurer")
    check_request(msgspec.structs.replace(request, requester=itself, purpose="HPAYMT"))
    for wrong in (
        Requester(EVERGREEN, NORTH_LAKE, "", "Evergreen Mutual", "insurer"),
        Requester(EVERGREEN, EVERGREEN, request.requester.credential, "Evergreen Mutual", "insurer"),
    ):
        with pytest.raises(Malformed, match="requester"):
            check_request(msgspec.structs.replace(request, requester=wrong))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_whatever_comes_is_refused_as_malformed_and_nothing_else(value: Any) -> None:
    with pytest.raises(Malformed):
        parse_request(value)


@given(
    field=st.sampled_from(sorted(DOCUMENT)),
    value=st.none() | st.integers() | st.text(max_size=3) | st.just([]),
)
def test_a_field_with_any_other_value_is_read_exactly_or_refused(field: str, value: Any) -> None:
    document = {**DOCUMENT, field: value}
    with suppress(Malformed):
        assert json.loads(request_bytes(parse_request(document))) == document
