"""The events of stored blocks as CometBFT's queries and subscribers see them: values under `type.attribute`.

Rules
- A transaction has the events of its result, `tx.hash` and `tx.height`; a block its own events (one per
  validator that its evidence punishes) and `block.height`.
- An event without attributes leaves its bare type as a key without values, so that EXISTS finds it.
- Everything follows from the stored block: an index of events can be thrown away and made again.
"""

from collections.abc import Iterable, Mapping

from ledger.machine.results import Event
from ledger.node.block_store import StoredBlock
from ledger.node.executor import ResultRecord
from ledger.types.evidence import DuplicateVoteEvidence, unwrap
from ledger.types.ids import sha256
from ledger.types.proto import BYTES, Fields
from ledger.types.rpc_json import hex_text

TX_HASH, TX_HEIGHT, BLOCK_HEIGHT, EVENT = "tx.hash", "tx.height", "block.height", "tm.event"
Found = dict[str, list[str]]


def evidence_of(stored: StoredBlock) -> tuple[DuplicateVoteEvidence, ...]:
    """The evidence in a block, without reading its transactions."""
    fields = Fields(stored.block, dict.fromkeys(range(1, 5), BYTES))
    wrapped = Fields(fields.blob(3), {1: BYTES}, frozenset({1})).blobs(1)
    return tuple(unwrap(piece) for piece in wrapped)


def block_events(stored: StoredBlock) -> tuple[Event, ...]:
    """What CometBFT calls the events of FinalizeBlock."""
    return events_of_evidence(evidence_of(stored))


def events_of_evidence(evidence: Iterable[DuplicateVoteEvidence]) -> tuple[Event, ...]:
    """The own events of a block with this evidence."""
    return tuple(
        Event("validator_punished", (("address", hex_text(piece.vote_a.validator_address)),))
        for piece in evidence
    )


def tags_of(events: Iterable[Event]) -> Found:
    """Every value under each key of these events."""
    found: Found = {}
    for event in events:
        if not event.attributes:
            found.setdefault(event.type, [])
        for key, value in event.attributes:
            found.setdefault(f"{event.type}.{key}", []).append(value)
    return found


def block_tags(stored: StoredBlock, event: str = "NewBlock") -> Found:
    """The tags of a block."""
    return about_block(stored.height, block_events(stored), event)


def about_block(height: int, events: Iterable[Event], event: str = "NewBlock") -> Found:
    """The tags of the block at `height` with these events of its own."""
    return {**tags_of(events), EVENT: [event], BLOCK_HEIGHT: [str(height)]}


def tx_tags(height: int, wire: bytes, result: ResultRecord) -> Found:
    """The tags of a transaction in the block at `height`."""
    about = {EVENT: ["Tx"], TX_HEIGHT: [str(height)], TX_HASH: [hex_text(sha256(wire))]}
    return {**tags_of(result.events), **about}


def told(tags: Mapping[str, list[str]]) -> Found:
    """The tags as a subscriber is told them."""
    return {key: values for key, values in tags.items() if values}
