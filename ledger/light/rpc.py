"""A full node over CometBFT's JSON-RPC, ours or CometBFT itself, as a provider of light blocks and proofs."""

from collections.abc import Mapping
from typing import Any

import httpx

from ledger.light.errors import NoSuchBlock, ProviderLied, ProviderUnavailable
from ledger.light.light_json import validators_from_json
from ledger.light.verdict import LightBlock
from ledger.types.rpc_json import (
    JsonShapeError,
    base64_text,
    commit_from_json,
    header_from_json,
    integer_of,
)
from ledger.types.validators import ValidatorSet

TIMEOUT_S = 5.0
PER_PAGE = 100
MAX_PAGES = 100


class RpcProvider:
    """The node at `url`. Proposer priorities are left out: no hash covers them, nothing here needs them."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.Client(timeout=TIMEOUT_S, trust_env=False)

    @property
    def name(self) -> str:
        """The node's address."""
        return self._url

    def light_block(self, height: int | None) -> LightBlock:
        """The block of `height`, or the latest. Raises NoSuchBlock, ProviderUnavailable, ProviderLied."""
        params = {} if height is None else {"height": str(height)}
        try:
            signed = self.call("commit", params)["signed_header"]
            header, commit = header_from_json(signed["header"]), commit_from_json(signed["commit"])
            validators = self._set(header.height, header.validators_hash)
            changes = header.next_validators_hash != header.validators_hash
            after = self._set(header.height + 1, header.next_validators_hash) if changes else validators
        except (JsonShapeError, KeyError, TypeError, AttributeError) as error:
            raise ProviderLied(f"{self.name}: not a light block: {error}") from error
        return LightBlock(header, commit, validators, after)

    def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result of one call. Raises NoSuchBlock, ProviderUnavailable, ProviderLied."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params)}
        try:
            answer = self._http.post(self._url, json=request).json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderUnavailable(f"{self.name}: {type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise ProviderLied(f"{self.name}: not a JSON-RPC answer")
        if (refused := answer.get("error")) is not None:
            raise NoSuchBlock(f"{self.name}: {method}: {refused}")
        return answer.get("result")

    def tx_bundle(self, tx_hash: bytes) -> dict[str, Any]:
        """The unverified proof bundle of a transaction."""
        found = self.call("tx", {"hash": base64_text(tx_hash), "prove": True})
        block = self.call("commit", {"height": found["height"]})
        return {
            "signed_header": block["signed_header"],
            "validators": self._pages(integer_of(found["height"])),
            "tx": found["tx"],
            "proof": found["proof"]["proof"],
        }

    def state_bundle(self, key: str, height: int | None = None) -> dict[str, Any]:
        """The unverified proof bundle of what the state holds under `key`, now or after block `height`.

        The latest is asked by our own route, which waits for the header that carries it.
        """
        if height is None:
            found = self.call("query_proven", {"key": key})
            signed = found["signed_header"]
        else:
            query = {"data": key.encode().hex(), "height": str(height), "prove": True}
            response = self.call("abci_query", query)["response"]
            if integer_of(response["height"]) != height:
                raise ProviderLied(f"{self.name}: asked for the state after block {height}, got another")
            found = {"value": response["value"], "proof": response["proofOps"]["ops"][0]["data"]}
            signed = self.call("commit", {"height": str(height + 1)})["signed_header"]
        proven = {"key": key, "value": found["value"], "proof": found["proof"]}
        return {
            "signed_header": signed,
            "validators": self._pages(integer_of(signed["header"]["height"])),
            **proven,
        }

    def _set(self, height: int, digest: bytes) -> ValidatorSet:
        """The set of `height`, whose hash a header says is `digest`: who knows that one need not ask."""
        return validators_from_json(self._pages(height))

    def _pages(self, height: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MAX_PAGES + 1):
            params = {"height": str(height), "page": str(page), "per_page": str(PER_PAGE)}
            answer = self.call("validators", params)
            found += [{**member, "proposer_priority": None} for member in answer["validators"]]
            if len(found) >= integer_of(answer["total"]) or not answer["validators"]:
                return found
        raise ProviderLied(f"{self.name}: more than {MAX_PAGES} pages of validators")
