"""Governance as an operator sees it: who votes on what, and what a change would do before anybody signs it.

Rules
- Everything is read from proven state and verified blocks; nothing is believed because a validator says so.
- A preview runs the consortium's own rule (`ledger.machine.rules.governance`) on that state: it refuses what
  the ledger would refuse, for the same reason.
- The ledger has no list of proposals: they are found in the blocks. Votes on one are taken for at most seven
  days, so those still open lie in the blocks of the last eight.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ledger.client.client import LedgerClient
from ledger.client.types import Cursor, LedgerEvent
from ledger.machine.context import Consortium, Context, Members, Moment
from ledger.machine.entries import ProposalEntry, View
from ledger.machine.rules.governance import ELECTOR_KINDS, members_after, propose, vote
from ledger.machine.validators import latest_members
from ledger.types.canonical import dumps
from ledger.types.genesis import Genesis
from ledger.types.ids import address_of
from ledger.types.tx import GovernanceProposed, GovernanceVoted
from ledger.types.tx_change import Change, KeyRotates, PowerChanges, ValidatorJoins, ValidatorLeaves

OPEN_WITHIN_MS = 8 * 86_400_000
PAGE = 500
_OF_MEMBERS = (ValidatorJoins, KeyRotates, PowerChanges, ValidatorLeaves)


@dataclass(frozen=True, slots=True)
class Seat:
    """One validator: its 32-byte key, voting power, and the name under which it came."""

    public: bytes
    power: int
    moniker: str

    @property
    def address(self) -> str:
        """As blocks and logs name it: upper-case hex."""
        return address_of(self.public).hex().upper()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as the state has it. `entry.closes` is ms since 1970."""

    id: str
    entry: ProposalEntry

    def is_open(self, now_ms: int) -> bool:
        """Whether votes on it are still taken."""
        return self.entry.state == "open" and now_ms < self.entry.closes


@dataclass(frozen=True, slots=True)
class Preview:
    """The validators before and after a change; both the same when it is about something else."""

    before: tuple[Seat, ...]
    after: tuple[Seat, ...]


class Governance:
    """What a client of this ledger can know about proposals. Raises what `LedgerClient` raises."""

    def __init__(self, client: LedgerClient, genesis: Mapping[str, Any]) -> None:
        self._client = client
        self._genesis = Genesis.from_json(genesis)
        self._view = View(self._read)
        self._authority = str(self._genesis.app_state["authority"]["did"])

    def seats(self) -> tuple[Seat, ...]:
        """The validators as the last agreed change made them."""
        return self._seats(self._members(), None)

    def proposals(self, now_ms: int, every: bool = False) -> list[Proposal]:
        """Proposals, oldest first: those that may still be open, or `every` one (reads the whole ledger)."""
        start = Cursor() if every else Cursor(self._height_before(now_ms - OPEN_WITHIN_MS), 0)
        made = (each.body for each in self._events(start) if each.body["type"] == "GovernanceProposed")
        found = [(body["proposal"], self.proposal(body["proposal"])) for body in made]
        return [Proposal(id_, entry) for id_, entry in found if entry is not None]

    def proposal(self, proposal: str) -> ProposalEntry | None:
        """The proposal with exactly this id."""
        return self._view.proposal(proposal)

    def electors(self) -> dict[str, str]:
        """Who may vote now, name by DID; reads every registration on the ledger."""
        registered = (
            e.body["did"] for e in self._events(Cursor()) if e.body["type"] == "OrganisationRegistered"
        )
        found = {did: self._view.organisation(did) for did in (self._authority, *registered)}
        return {
            did: entry.name
            for did, entry in found.items()
            if entry is not None and entry.active and entry.kind in ELECTOR_KINDS
        }

    def name_of(self, did: str) -> str:
        """What an organisation is called on the ledger; its DID when it is not there."""
        entry = self._view.organisation(did)
        return entry.name if entry is not None else did

    def preview_proposal(self, body: GovernanceProposed) -> Preview:
        """What would change were this agreed on now. Raises Rejected as the ledger would."""
        context = self._context(body.issued_at, frozenset())
        propose(context, body)
        return self._preview(context, body.change)

    def preview_vote(self, body: GovernanceVoted, change: Change) -> tuple[Preview, bool]:
        """What the proposal changes, and whether this vote decides it. Raises Rejected as the ledger does."""
        context = self._context(body.issued_at, frozenset(self.electors()))
        events = vote(context, body).events
        decides = any(event.type in ("governance_accepted", "governance_void") for event in events)
        return self._preview(context, change), decides

    def _preview(self, context: Context, change: Change) -> Preview:
        before = self.seats()
        if not isinstance(change, _OF_MEMBERS):
            return Preview(before, before)
        return Preview(before, self._seats(members_after(context, change), change))

    def _context(self, now_ms: int, electors: frozenset[str]) -> Context:
        genesis = {each.public_key: each.power for each in self._genesis.validators}
        height = self._client.status().height + 1
        consortium = Consortium(genesis, electors)
        moment, chain_id = Moment.of_block(now_ms), self._genesis.chain_id
        return Context(self._view, moment, height, chain_id, consortium, nonce_used=lambda name: False)

    def _members(self) -> Members:
        return latest_members(self._view, {each.public_key: each.power for each in self._genesis.validators})

    def _seats(self, members: Members, change: Change | None) -> tuple[Seat, ...]:
        named = {each.public_key: each.name for each in self._genesis.validators}
        ordered = sorted(members.items(), key=lambda member: (-member[1], address_of(member[0])))
        return tuple(Seat(key, power, self._moniker(key, named, change)) for key, power in ordered)

    def _moniker(self, key: bytes, named: Mapping[bytes, str], change: Change | None) -> str:
        entry = self._view.validator(key)
        if entry is not None and entry.moniker:
            return entry.moniker
        return named.get(key) or str(getattr(change, "moniker", ""))

    def _events(self, cursor: Cursor) -> Iterator[LedgerEvent]:
        while events := self._client.events_since(cursor, PAGE):
            yield from events
            cursor = events[-1].cursor

    def _height_before(self, time_ms: int) -> int:
        """The highest block that is older; 0 when there is none. Header times rise with height."""
        low, high = 0, self._client.status().height
        while low < high:
            middle = (low + high + 1) // 2
            block = self._client.blocks(before=middle + 1, limit=1)
            low, high = (middle, high) if block and block[0].time_ms < time_ms else (low, middle - 1)
        return low

    def _read(self, key: bytes) -> bytes | None:
        value = self._client.query(key.decode()).value
        return None if value is None else dumps(value)


def change_of(kind: type[msgspec.Struct], fields: Mapping[str, Any]) -> Change:
    """A change of this kind with these fields. Raises ValueError that names the field and its bounds."""
    tag = kind.__struct_config__.tag
    try:
        made: Change = msgspec.convert({"kind": tag, **fields}, Change, strict=False)  # type: ignore[arg-type]
        return made
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
