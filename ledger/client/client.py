"""`LedgerClient`: the one way other apps reach the ledger. Synchronous, thread-safe, believes only proofs."""

import base64
import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from ledger.client.blocks import signers, summaries
from ledger.client.errors import LedgerError, LedgerUnavailable, NotFound, ProofInvalid
from ledger.client.transport import Transport, Unanswered
from ledger.client.types import (
    BlockDetail,
    BlockSummary,
    BlockTx,
    CommittedTx,
    Cursor,
    EventCounts,
    LedgerEvent,
    LedgerStatus,
    TxDetail,
    ValidatorInfo,
    VerifiedValue,
)
from ledger.client.verify import ProvenBlock, ProvenRange, Trust, address_hex
from ledger.light.errors import NoSuchBlock, ProviderError
from ledger.light.light_json import light_block_to_json
from ledger.light.rpc import RpcProvider
from ledger.types.genesis import Genesis
from ledger.types.rpc_json import (
    JsonShapeError,
    base64_bytes,
    commit_from_json,
    header_from_json,
    integer_of,
    proof_from_json,
    time_from_text,
)

LEAST_TURN_S = 0.5
"""How long one validator has at least to see a transaction committed before the next one is asked, too."""
QUERY_WAIT_MS = 2_000
_MALFORMED = (KeyError, TypeError, AttributeError, ValueError)
MAX_PAGE = 100


class LedgerClient:
    """Talks to the validators at `addresses` (`"http://127.0.0.1:26601"`), trusting only `genesis`.

    `genesis` is the parsed genesis.json. Validators are tried in turn; one that fails costs one short connect
    timeout, then is tried last for a while. Every answer is verified before it is returned, against the
    validators of the genesis or those that they were changed into. After a `commit`, queries through the same
    client see its effects, whichever validator answers. Raises `TxRejected`, `LedgerUnavailable`,
    `ProofInvalid`, `NotFound`.
    """

    def __init__(self, addresses: Sequence[str], genesis: Mapping[str, Any]) -> None:
        self._trust = Trust(Genesis.from_json(genesis), lambda: self._light_sources)
        self._transport = Transport(addresses, self._trust.faulty)
        self._lock = threading.Lock()
        self._seen_height = 0

    @property
    def chain_id(self) -> str:
        """The ledger's id, as transactions name it."""
        return self._trust.chain_id

    def submit(self, wire: bytes) -> str:
        """Hand `wire` to a validator's mempool; returns its hash (upper-case hex). It is not yet committed.

        Raises TxRejected when the rules refuse it and LedgerUnavailable when no validator takes it. The same
        bytes again are accepted, whether waiting or committed.
        """
        self._transport.ask("submit", {"tx": _base64(wire)}, lambda answer: answer)
        return _hash(wire)

    def commit(self, wire: bytes, timeout_s: float = 10.0) -> CommittedTx:
        """Submit `wire` and wait until it is in a block whose commit and inclusion proof verify.

        Raises TxRejected, or LedgerUnavailable when no quorum commits within `timeout_s` (it may still
        commit later; the same bytes again return the same result).
        """
        deadline = time.monotonic() + timeout_s
        turn_s = max(LEAST_TURN_S, timeout_s / len(self._transport.addresses))
        while (left_s := deadline - time.monotonic()) > 0:
            wait_s = min(left_s, turn_s)
            params = {"tx": _base64(wire), "wait_ms": int(wait_s * 1000)}
            try:
                done = self._transport.ask(
                    "commit_proven", params, lambda answer: self._trust.committed_tx(answer, wire), wait_s
                )
            except LedgerUnavailable:
                time.sleep(max(0.0, min(0.05, deadline - time.monotonic())))
                continue
            self._saw(done.height)
            return done
        raise LedgerUnavailable(self._why_unavailable(timeout_s))

    def events_since(self, cursor: Cursor, limit: int = 500, wait_s: float = 0.0) -> list[LedgerEvent]:
        """Committed transactions strictly after `cursor`, in ledger order, at most `limit`.

        Waits up to `wait_s` seconds for the first one. Headers are checked to be an unbroken chain from
        `cursor`, so no validator can leave one out. An empty list means nothing new.
        """
        params = {
            "height": cursor.height,
            "index": cursor.index,
            "limit": limit,
            "wait_ms": int(wait_s * 1000),
        }
        first = max(cursor.height, 1)
        proven = self._transport.ask(
            "events_since", params, lambda answer: self._trust.blocks(answer, first, full=True), wait_s
        )
        events = [event for block in proven.blocks for event in _events(block) if event.cursor > cursor]
        if not events:
            self._transport.prefer_next()
        return events[:limit]

    def query(self, key: str, min_height: int = 0) -> VerifiedValue:
        """The proven state under `key` (such as `"consent/<id>"`): present or absent.

        `min_height` is the lowest block whose effects the answer must include (a `CommittedTx.height`); the
        client waits shortly for it. What this client committed itself is always included.
        """
        least = max(min_height, self._seen_height)
        params = {"key": key, "min_height": least, "wait_ms": QUERY_WAIT_MS}
        return self._transport.ask(
            "query_proven",
            params,
            lambda answer: self._trust.value(answer, key.encode(), least),
            QUERY_WAIT_MS / 1000,
        )

    def proof_bundle(self, tx_hash: str) -> dict[str, Any]:
        """JSON that anyone can check without us: header, commit, validators, transaction, inclusion proof.

        Raises NotFound when no block holds the transaction.
        """
        wanted = bytes.fromhex(tx_hash)

        def check(answer: Any) -> dict[str, Any]:
            if self._trust.committed_tx(answer).tx_hash != wanted.hex().upper():
                raise ProofInvalid("that answered", "the transaction asked for", "another one")
            bundle: dict[str, Any] = answer
            return bundle

        return self._transport.ask("proof_bundle", {"hash": _base64(wanted)}, check)

    def state_bundle(self, key: str) -> dict[str, Any]:
        """JSON that anyone can check without us: header, commit, validators, what is under `key`, its proof.

        What this client committed itself is included. `value` is null when the state holds nothing there.
        """
        least = self._seen_height
        params = {"key": key, "min_height": least, "wait_ms": QUERY_WAIT_MS}

        def check(answer: Any) -> dict[str, Any]:
            self._trust.value(answer, key.encode(), least)
            parts = {name: answer.get(name) for name in ("signed_header", "validators", "value", "proof")}
            return {**parts, "key": key}

        return self._transport.ask("query_proven", params, check, QUERY_WAIT_MS / 1000)

    def light_block(self, source: int, height: int | None = None) -> dict[str, Any]:
        """The light block of `height` (None: the latest) as the validator at address `source` tells it.

        Passed on unchecked, for somebody who checks it and compares it with other validators'.
        Raises NotFound (no such address, or no such block there), LedgerUnavailable.
        """
        if not 0 <= source < len(self._light_sources):
            raise NotFound(f"there is no validator number {source}")
        try:
            return light_block_to_json(self._light_sources[source].light_block(height))
        except NoSuchBlock as error:
            raise NotFound(str(error)) from error
        except ProviderError as error:
            raise LedgerUnavailable(str(error)) from error

    def status(self) -> LedgerStatus:
        """Height, time and how many validators answer. Never raises because validators are down."""
        statuses = [status for status in self._statuses().values() if status is not None]
        if statuses:
            self._learn_validators()
        power = sum(self._power(status["validator_info"]["address"]) for status in statuses)
        best = max((status["sync_info"] for status in statuses), key=_height, default=None)
        return LedgerStatus(
            chain_id=self._trust.chain_id,
            height=_height(best) if best else 0,
            time_ms=time_from_text(best["latest_block_time"]) // 1_000_000 if best else 0,
            app_hash=best["latest_app_hash"] if best else "",
            validators=len(self._trust.validators),
            answering=len(statuses),
            quorum=self._trust.validators.has_two_thirds(power),
        )

    def validators(self) -> list[ValidatorInfo]:
        """The validators of the newest verified header, and which of them answer now."""
        by_address = {
            status["validator_info"]["address"]: (url, status)
            for url, status in self._statuses().items()
            if status is not None
        }
        if by_address:
            self._learn_validators()
        found = []
        for member in self._trust.validators.validators:
            address = address_hex(member.public_key)
            url, status = by_address.get(address, ("", None))
            height = _height(status["sync_info"]) if status else 0
            found.append(
                ValidatorInfo(address, self.name_of(address), member.power, status is not None, height, url)
            )
        return found

    def blocks(self, before: int | None = None, limit: int = 20) -> list[BlockSummary]:
        """The newest blocks below height `before` (or of all), newest first, chained to a verified commit."""
        newest = self._tip() if before is None else before - 1
        first = max(1, newest - min(limit, MAX_PAGE) + 1)
        if newest < first:
            return []
        return summaries(self._range(first, newest, full=False))[::-1]

    def block(self, height: int) -> BlockDetail:
        """One verified block with its transactions. Raises NotFound beyond the chain's end."""
        proven = self._range(height, height, full=True)
        if not proven.blocks:
            raise NotFound(f"no block {height}")
        txs = tuple(BlockTx(_hash(wire), _body(wire)) for wire in proven.blocks[0].txs)
        return BlockDetail(summaries(proven)[0], txs)

    def transaction(self, tx_hash: str) -> TxDetail:
        """A committed transaction, its inclusion proven. Raises NotFound."""
        bundle = self.proof_bundle(tx_hash)
        wire, proof = base64_bytes(bundle["tx"]), proof_from_json(bundle["proof"])
        commit = commit_from_json(bundle["signed_header"]["commit"])
        return TxDetail(
            self._trust.committed_tx(bundle, wire),
            _body(wire),
            len(wire),
            proof.total,
            len(proof.aunts),
            signers(commit),
            len(commit.signatures),
        )

    def height_of(self, block_hash: str) -> int:
        """The height of the block with this header hash. Raises NotFound."""

        def check(answer: Any) -> int:
            try:
                header = None if answer["header"] is None else header_from_json(answer["header"])
            except _MALFORMED as error:
                raise ProofInvalid("that answered", "a header", type(error).__name__) from error
            if header is None:
                raise NotFound(f"no block {block_hash}")
            if header.hash.hex().upper() != block_hash.upper():
                raise ProofInvalid("that answered", "the header asked for", "another one")
            return header.height

        height = self._transport.ask("header_by_hash", {"hash": _base64(bytes.fromhex(block_hash))}, check)
        if self.block(height).summary.hash != block_hash.upper():
            raise NotFound(f"no block {block_hash}")
        return height

    def blocks_with_faults(self, limit: int = 100) -> list[BlockSummary]:
        """Blocks that hold evidence, newest first. Each is verified; that there are no others is what the
        validators say, and one honest one among those that answer is enough."""
        params = {"query": "validator_punished EXISTS", "per_page": str(limit)}
        heights: set[int] = set()
        for answer in self._of_each("block_search", params):
            with contextlib.suppress(*_MALFORMED):
                heights |= {integer_of(each["block"]["header"]["height"]) for each in answer["blocks"]}
        found = (self.blocks(before=height + 1, limit=1) for height in sorted(heights, reverse=True)[:limit])
        return [block for page in found for block in page if block.faults]

    def event_counts(self) -> EventCounts:
        """How many events of each type there are. Raises LedgerUnavailable when nobody answers.

        A thin node says itself how many validators it asked, and how many of them say the same.
        """
        said: Counter[tuple[int, int, tuple[tuple[str, int], ...]]] = Counter()
        asked = 0
        for answer in self._of_each("event_counts", {}):
            with contextlib.suppress(*_MALFORMED):
                counts = sorted((str(type_), integer_of(count)) for type_, count in answer["counts"].items())
                agreeing, of = integer_of(answer.get("agreeing", "1")), integer_of(answer.get("asked", "1"))
                said[integer_of(answer["height"]), integer_of(answer["from"]), tuple(counts)] += agreeing
                asked += of
        if not said:
            raise LedgerUnavailable("no validator counts its events")
        (height, first, most), agreeing = max(said.items(), key=lambda each: (each[1], each[0][0]))
        return EventCounts(dict(most), first, height, agreeing, asked)

    def name_of(self, address: str) -> str:
        """A validator's name: the genesis' or that under which it joined; its address when it has none."""
        return self._trust.names.get(address) or self._joined_name(address)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._transport.close()

    @cached_property
    def _light_sources(self) -> tuple[RpcProvider, ...]:
        """The validators as providers of light blocks; made when the validators have changed, not before."""
        return tuple(RpcProvider(address) for address in self._transport.addresses)

    # --- inside -------------------------------------------------------------------------------

    def _range(self, first: int, last: int, full: bool) -> ProvenRange:
        params = {"from": first, "to": last, "full": full, "signed": True}
        return self._transport.ask(
            "chain_range", params, lambda answer: self._trust.blocks(answer, first, full)
        )

    def _tip(self) -> int:
        return int(self._transport.ask("status", {}, lambda answer: _height(_checked(answer)["sync_info"])))

    def _saw(self, height: int) -> None:
        with self._lock:
            self._seen_height = max(self._seen_height, height)

    def _statuses(self) -> dict[str, dict[str, Any] | None]:
        """What each validator says of itself, by its address; a thin node tells it of those it reaches."""
        found: dict[str, dict[str, Any] | None] = {}
        for address in self._transport.addresses:
            try:
                status = _checked(self._transport.call(address, "status", {}))
                reached = status.get("validators_reached")
                if isinstance(reached, list):
                    found |= {str(each["url"]): _checked(each) for each in reached}
                else:
                    found[address] = status
            except (Unanswered, NotFound, ProofInvalid, KeyError, TypeError):
                found[address] = None
        return found

    def _of_each(self, method: str, params: Mapping[str, Any]) -> Iterator[Any]:
        """What each validator answers, unverified; those that do not are left out."""
        for address in self._transport.addresses:
            with contextlib.suppress(Unanswered, NotFound):
                yield self._transport.call(address, method, params)

    def _learn_validators(self) -> None:
        """Verify the newest header, whose validators may be others than those known."""
        with contextlib.suppress(LedgerError):
            self._transport.ask("commit", {}, self._trust.signed_header)

    def _joined_name(self, address: str) -> str:
        """The name under which a validator joined; its address when that cannot be read."""
        with contextlib.suppress(LedgerError):
            entry = self.query(f"validator/{address}").value
            return str(entry["moniker"]) if entry else address
        return address

    def _power(self, address: str) -> int:
        index = self._trust.validators.index_of(bytes.fromhex(address))
        return 0 if index is None else self._trust.validators.validators[index].power

    def _why_unavailable(self, timeout_s: float) -> str:
        status = self.status()
        return (
            f"no quorum committed within {timeout_s:g} s: {status.answering} of {status.validators}"
            " validators answer, more than two thirds are needed. It may still commit later; sending the same"
            " bytes again is safe."
        )


def _checked(status: Any) -> dict[str, Any]:
    """A status whose fields that we read have their shapes. Raises ProofInvalid."""
    try:
        _height(status["sync_info"])
        time_from_text(status["sync_info"]["latest_block_time"])
        bytes.fromhex(status["validator_info"]["address"])
        str(status["sync_info"]["latest_app_hash"])
    except (KeyError, TypeError, ValueError, JsonShapeError) as error:
        raise ProofInvalid("that answered", "a status", type(error).__name__) from error
    checked: dict[str, Any] = status
    return checked


def _height(sync_info: Mapping[str, Any]) -> int:
    return integer_of(sync_info["latest_block_height"])


def _events(block: ProvenBlock) -> list[LedgerEvent]:
    header, time_ms = block.header, block.header.time_ns // 1_000_000
    return [
        LedgerEvent(Cursor(header.height, index), _hash(wire), time_ms, _body(wire), wire)
        for index, wire in enumerate(block.txs)
    ]


def _body(wire: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(wire)["body"]
    return body


def _hash(wire: bytes) -> str:
    return hashlib.sha256(wire).hexdigest().upper()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
