"""The cast and their papers for the tests of wallet.core, made by the maker of the vectors."""

import importlib.util
import json
import secrets
from pathlib import Path
from typing import Any

from ledger.types.signing import public_key_of, sign
from wallet.core import consent, envelope, grant, request, suites

VECTORS = Path(__file__).parents[3] / "vectors" / "wallet"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("salus_wallet_vectors", VECTORS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _load()
NOW, DAY = make.NOW, make.DAY
NORTH_LAKE, EVERGREEN, LI_MEI, OKAFOR = make.NORTH_LAKE, make.EVERGREEN, make.LI_MEI, make.OKAFOR
RECORDS = make.RECORDS
AMINA = make.salus_did("Amina Diallo at North Lake")
MALLORY = make.issuer_did(make.seed("Mallory"))
NAMES = {NORTH_LAKE: "North Lake Hospital", EVERGREEN: "Evergreen Mutual"}
ISSUER_SEED = make.seed("North Lake issuer")
ISSUER_KEYS = [public_key_of(ISSUER_SEED)]
OKAFOR_SEED = make.seed("Dr Okafor")
OKAFOR_SEAL = make.sealing_key(suites.HYBRID, "Dr Okafor seal")
MALLORY_SEAL = make.sealing_key(suites.HYBRID, "Mallory seal")
SALT = make.seed("salt")


def vectors(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))  # type: ignore[no-any-return]


JWT = vectors("credential")["jwt"]


def okafors_request() -> request.Request:
    """Dr Okafor of North Lake asks Li Mei for two hours of problems, results and images since 2020."""
    return make.a_request(JWT)  # type: ignore[no-any-return]


def okafors_signature(asked: request.Request) -> bytes:
    return sign(OKAFOR_SEED, request.request_sign_bytes(asked))


def li_meis_artefact(**changes: Any) -> consent.Artefact:
    """Li Mei gives Dr Okafor three records for one hour; `changes` are applied before the text is made."""
    drawn, _ = make.an_artefact(okafors_request(), changes.pop("locale", "en"), **changes)
    return consent.with_text(drawn, NAMES)[0]


def data_keys(artefact: consent.Artefact) -> list[grant.DataKey]:
    return [grant.DataKey(record, 1, make.seed(f"data key of {record}")) for record in artefact.records]


def li_meis_grant(
    artefact: consent.Artefact | None = None, to: envelope.SealingKey = OKAFOR_SEAL
) -> grant.GrantPack:
    artefact = artefact or li_meis_artefact()
    return grant.build_grant(
        artefact,
        data_keys(artefact),
        to.public(),
        salt=SALT,
        grant_key=secrets.token_bytes(32),
        random=secrets.token_bytes,
    )
