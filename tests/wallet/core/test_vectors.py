"""vectors/wallet: that they are what their maker makes, and that envelopes in them open."""

from typing import Any

import pytest

from tests.wallet.core.cast import make, vectors
from wallet.core import envelope, grant
from wallet.core._ledger import b64u_decode, b64u_encode


def test_the_files_are_what_their_maker_makes() -> None:
    for name, content in make.make_all().items():
        assert make.json.loads(make.json.dumps(content)) == vectors(name.removesuffix(".json")), name


@pytest.mark.parametrize("case", vectors("envelope")["cases"], ids=lambda case: case["suite"])
def test_the_envelopes_open(case: dict[str, Any]) -> None:
    key = envelope.SealingKey("#seal-1", case["suite"], b64u_decode(case["seed"]))
    assert b64u_encode(key.public().public) == case["public"]
    found = envelope.parse_envelope(case["envelope"])
    assert b64u_encode(envelope.open_envelope(key, found, case["info"].encode())) == case["plaintext"]


def test_the_grant_opens() -> None:
    case = vectors("grant")
    pack = grant.parse_grant_pack(case["pack"])
    key = envelope.SealingKey(
        case["grantee"]["id"], case["grantee"]["suite"], b64u_decode(case["grantee"]["seed"])
    )
    grant_key = grant.open_grant_key(key, pack.sealed, pack.artefact)
    assert b64u_encode(grant_key) == case["grant_key"]
    opened = {wrap.record: grant.unwrap_data_key(grant_key, wrap, pack.artefact).key for wrap in pack.wraps}
    assert opened == {key["record"]: b64u_decode(key["key"]) for key in case["data_keys"]}
