"""Rules of checkpoints: a block on demand.

- An idle ledger and a withheld one look alike. An active organisation may ask for a block, whose commit then
  tells everybody that nothing was left out.
- Each organisation asks at most once in ten seconds, by the later of header time and issue time. One that
  writes a time far ahead holds up nobody but itself.
"""

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import CheckpointEntry, checkpoint_key, write
from ledger.machine.results import Event
from ledger.machine.rules.organisation import active_organisation
from ledger.types.tx import CheckpointRequested
from ledger.types.tx_errors import Code, Rejected

LEAST_PAUSE_MS = 10_000


def request(context: Context, body: CheckpointRequested) -> Outcome:
    """Raises Rejected: NOT_ORGANISATION, CHECKPOINT_TOO_SOON."""
    active_organisation(context, body.author)
    last = context.view.checkpoint(body.author)
    if last is not None and not context.moment.reached(body.issued_at, last.at + LEAST_PAUSE_MS):
        raise Rejected(
            Code.CHECKPOINT_TOO_SOON, f"the last one was at {last.at}; wait {LEAST_PAUSE_MS} ms between two"
        )
    entry = CheckpointEntry(max(context.moment.earliest, body.issued_at))
    return Outcome((write(checkpoint_key(body.author), entry),), (Event("checkpoint", ()),))
