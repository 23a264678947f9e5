"""What can go wrong in a thin node beside the client's own errors, and who must act."""

from ledger.client.transport import Unanswered


class ThinError(Exception):
    """Anything that only a thin node raises."""


class Halted(ThinError):
    """Two signed histories were seen, or nothing here may be trusted any more: a person must decide."""


class HomeUnusable(ThinError):
    """The home folder or the command line cannot be used; the message says what to do."""


class Undecided(ThinError):
    """Whether an answer is right or whole cannot be told now; what there is to do is in the message."""


class Busy(ThinError):
    """More is asked at once than this machine's memory allows; nothing was done, ask again shortly."""


class TooLarge(Unanswered):
    """An answer is larger than we take; a smaller one may be asked for."""
