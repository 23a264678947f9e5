"""What two proofs of state say about a consent: granted at H, not revoked at H', and how old that is.

Rules
- Block H holds only transactions that the rules accept (ProcessProposal), so the grant's inclusion in it
  tells the state after it: it may stand for the first fact, never for the second.
- Both facts are of the entry `consent/<id>`; the second is not of an earlier state than the first.
- The first must show the consent granted. The second decides: `granted` stands, `revoked` is for good.
- A consent never leaves the ledger, never changes but in `state` and `opens`, and `opens` never falls:
  facts that say otherwise are not of one ledger, and nothing follows from them.
- The knowledge is as old as the header that carries the second root. A later revocation is not known; a
  header from the future, clock drift aside, is refused.
- "Not revoked" is not "active": the caller compares validity and opens with the rules of consents.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ledger.light.verdict import Verdict, invalid
from ledger.machine.entries import consent_key
from ledger.machine.rules.consent import entry_of
from ledger.types.did import encode
from ledger.types.tx import ConsentGranted

_MAY_CHANGE = ("state", "opens")
MS = 1_000_000


@dataclass(frozen=True, slots=True)
class StateFact:
    """Proven: after the block at `height` the state held `value` under `key` (None: nothing).

    `time_ns` is the time of the header that carries the root, nanoseconds since 1970. Only make one from a
    proof that verified.
    """

    key: bytes
    value: bytes | None
    height: int
    time_ns: int


class Standing(Enum):
    """Whether the consent stood when last looked at."""

    GRANTED = "granted"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ConsentKnowledge:
    """The consent was granted at state `granted_height` and `standing` at state `known_height`.

    `age_ms` is how old the second part is: what happened since is not known. `entry` is the state's value.
    """

    consent: str
    standing: Standing
    granted_height: int
    known_height: int
    age_ms: int
    entry: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The same as a sentence."""
        then = "not revoked" if self.standing is Standing.GRANTED else "revoked"
        return (
            f"Consent {self.consent}: granted at block {self.granted_height}, {then} at block"
            f" {self.known_height}, {self.age_ms // 1000} s ago; what happened since is not known."
        )


def consent_knowledge(
    consent: str, granted: StateFact, latest: StateFact, now_ns: int, clock_drift_ns: int = 0
) -> ConsentKnowledge | Verdict:
    """What follows from the two facts, or the verdict that says why nothing does."""
    if (granted.key, latest.key) != (key := f"consent/{consent}".encode(), key):
        return invalid("consent", "the proofs are of another entry than this consent's")
    if latest.height < granted.height:
        return invalid("consent", "the second proof is of an earlier state than the first")
    if latest.time_ns // MS >= (now_ns + clock_drift_ns) // MS:
        return invalid("future", "the second proof's header lies in the future")
    first, second = _entry(granted.value), _entry(latest.value)
    if first is None or first["state"] != Standing.GRANTED.value:
        return invalid("consent", f"the consent was not granted at block {granted.height}")
    if second is None or not _follows(first, second):
        return invalid("consent", "the proofs contradict each other: they are not of one ledger")
    age_ms = max(0, now_ns // MS - latest.time_ns // MS)
    standing = Standing(second["state"])
    return ConsentKnowledge(consent, standing, granted.height, latest.height, age_ms, second)


def granted_fact(body: ConsentGranted, height: int, time_ns: int) -> StateFact:
    """What the state held after block `height`, which includes this grant: call it for proven ones only."""
    return StateFact(consent_key(body.consent), encode(entry_of(body, height)), height, time_ns)


def _entry(value: bytes | None) -> dict[str, Any] | None:
    """The entry of a consent; None when there is none or it is not one."""
    try:
        entry = json.loads(value or b"null")
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("opens"), int):
        return None
    return entry if entry.get("state") in [standing.value for standing in Standing] else None


def _follows(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    constant = [{k: v for k, v in entry.items() if k not in _MAY_CHANGE} for entry in (first, second)]
    return constant[0] == constant[1] and bool(first["opens"] <= second["opens"])
