"""Rules of elections: who votes in the next epoch, and with which power. Pure, in integers.

- Standing are the candidates and those who vote now. Not eligible is a key that was found at fault, and one
  whose organisation is no longer active.
- Stake = 1 + availability weight · tenths + contribution weight · isqrt(the organisation's credit). The
  tenths are those of the epoch's commits that the validator signed, rounded to the nearest: small hitches
  change no power. Who did not have to sign has five if it showed lately that it follows.
- Live is who signed at least one commit of the epoch or, not voting, renewed its candidacy in this epoch or
  the one before. Who votes and is not live has the stake 1.
- One seat per organisation: its live validator that votes now, else its best live candidate. A validator of
  no organisation counts as one of its own.
- Seats go by stake, a tie by address. At most one newcomer gets in per election, so that a candidate that
  lied about being there cannot halt the ledger; but where fewer than four would vote, more candidates and
  then absent validators fill up to four. With nobody eligible the validators stay.
- Power = stake, the highest cut until nobody has a third; with fewer than four they stay as
  they are, and f = 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isqrt

from ledger.machine.context import Context, Members
from ledger.machine.entries import CandidateEntry, ElectionEntry, EpochEntry, View, Votes
from ledger.machine.rules.contribution import contribution_of
from ledger.machine.validators import LEAST_FOR_A_FAULT, capped, latest_members
from ledger.types.canonical import b64u_decode
from ledger.types.ids import address_of
from ledger.types.tx_change import MAX_POWER

TENTHS = 10
TENTHS_OF_STANDBY = 5
LEAST_STAKE = 1
NEWCOMERS = 1
"""How many who did not vote before one election lets in, where four others vote."""
_NO_VOTES = Votes(0, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """One who may be elected. `organisation` is a DID or, for a validator of none, its own address."""

    public: bytes
    organisation: str
    votes: bool
    live: bool
    stake: int

    @property
    def rank(self) -> tuple[int, bytes]:
        """The order of those of equal liveness: stake descending, then address ascending."""
        return -self.stake, address_of(self.public)


def tenths(votes: Votes) -> int:
    """The tenths of the due commits that were signed, to the nearest; those of standby when none was due."""
    return (2 * TENTHS * votes.signed + votes.due) // (2 * votes.due) if votes.due else TENTHS_OF_STANDBY


def stake_of(rules: ElectionEntry, availability: int, credit: int) -> int:
    """A live validator's stake for these tenths and its organisation's credit."""
    earned = rules.availability * availability + rules.contribution * isqrt(credit)
    return min(LEAST_STAKE + earned, MAX_POWER)


def elect(standing: Iterable[Standing], seats: int) -> Members:
    """The validators of the next epoch with their powers; empty when nobody stands."""
    everybody = sorted(standing, key=lambda one: one.rank)
    chosen = _seated([one for one in _one_each(everybody) if one.live], seats)
    taken = {one.organisation for one in chosen}
    absent = _one_each([one for one in everybody if one.votes and one.organisation not in taken])
    chosen += absent[: max(0, LEAST_FOR_A_FAULT - len(chosen))]
    return capped({one.public: one.stake for one in chosen}) if chosen else {}


def _seated(ranked: Sequence[Standing], seats: int) -> list[Standing]:
    known = sum(one.votes for one in ranked)
    room = max(NEWCOMERS, LEAST_FOR_A_FAULT - known)
    newcomers = {one.public for one in [each for each in ranked if not each.votes][:room]}
    return [one for one in ranked if one.votes or one.public in newcomers][:seats]


def _one_each(ranked: Iterable[Standing]) -> list[Standing]:
    """The best of each organisation, in their order: live before absent, voting before waiting."""
    best: dict[str, Standing] = {}
    for one in ranked:
        other = best.get(one.organisation)
        if other is None or (one.live, one.votes) > (other.live, other.votes):
            best[one.organisation] = one
    return sorted(best.values(), key=lambda one: one.rank)


def standing(context: Context, epoch: EpochEntry, rules: ElectionEntry) -> Iterator[Standing]:
    """Everybody who may be elected as things stand."""
    view = context.view
    members = latest_members(view, context.consortium.validators)
    for public in sorted({*members, *(b64u_decode(key, 32) for key in view.candidates())}):
        entry = view.candidate(public)
        if _is_eligible(view, public, entry):
            yield _standing(view, public, entry, epoch, rules, public in members)


def best_waiting(context: Context, taken: Iterable[str]) -> bytes | None:
    """The live candidate of the highest stake that does not vote, of an organisation that is not `taken`."""
    rules, epoch = context.view.election(), context.view.epoch()
    if rules is None or epoch is None:
        return None
    others = set(taken)
    waiting = [
        one
        for one in standing(context, epoch, rules)
        if one.live and not one.votes and one.organisation not in others
    ]
    return min(waiting, key=lambda one: one.rank).public if waiting else None


def organisation_of(view: View, public: bytes) -> str:
    """The DID of the organisation whose validator this is; of none: its address."""
    return _organisation(view.candidate(public), public)


def is_live(entry: CandidateEntry | None, epoch: int) -> bool:
    """Whether a candidate that does not vote has shown lately that it follows."""
    return entry is not None and entry.renewed > 0 and epoch - 1 <= entry.renewed


def _organisation(entry: CandidateEntry | None, public: bytes) -> str:
    return entry.organisation if entry else address_of(public).hex().upper()


def _is_eligible(view: View, public: bytes, entry: CandidateEntry | None) -> bool:
    validator = view.validator(public)
    if validator is not None and validator.faulty:
        return False
    organisation = view.organisation(entry.organisation) if entry else None
    return organisation is None or organisation.active


def _standing(
    view: View,
    public: bytes,
    entry: CandidateEntry | None,
    epoch: EpochEntry,
    rules: ElectionEntry,
    votes: bool,
) -> Standing:
    organisation = _organisation(entry, public)
    seen = epoch.votes.get(address_of(public).hex().upper(), _NO_VOTES) if votes else _NO_VOTES
    live = seen.signed > 0 or not seen.due if votes else is_live(entry, epoch.number)
    credit = contribution_of(view, organisation).credit if entry else 0
    stake = stake_of(rules, tenths(seen), credit) if live else LEAST_STAKE
    return Standing(public, organisation, votes, live, stake)
