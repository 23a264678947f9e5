"""What can go wrong inside a validator's node, who is at fault, and what to do next."""

from pathlib import Path


class NodeError(Exception):
    """Anything a node raises on purpose."""


class HomeInvalid(NodeError):
    """The home folder cannot be used: a missing or malformed file, or another node already runs on it."""


class FileCorrupt(NodeError):
    """A file of the home was altered after it was written (disk fault, tampering): never repaired."""

    def __init__(self, path: Path, offset: int, expected: str, actual: str) -> None:
        super().__init__(
            f"{path.name} is corrupt at byte {offset}: expected {expected}, found {actual}. "
            "Restore the file from a backup of this node; to start it empty, keep the signer state and give "
            "the validator a new key first, since a forgetful validator may vote twice."
        )
        self.path = path
        self.offset = offset


class DoubleSignRefused(NodeError):
    """We refuse to sign: it would contradict what this key has signed before."""

    def __init__(self, signed: tuple[int, int, int], asked: tuple[int, int, int], why: str) -> None:
        super().__init__(
            f"refused to sign height/round/step {_hrs(asked)}: {why} (last signed {_hrs(signed)}). "
            "Is a second node running with this validator's key?"
        )
        self.signed = signed
        self.asked = asked


class PeerMisbehaved(NodeError):
    """A peer sent what no honest node sends. It is dropped; we go on."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"expected {expected}, got {actual}")


class BlockInvalid(NodeError):
    """A block does not follow from our chain, so we neither vote for it nor apply it."""

    def __init__(self, field: str, expected: object, actual: object) -> None:
        super().__init__(f"block's {field}: expected {expected}, got {actual}")
        self.field = field


class MempoolRefused(NodeError):
    """A transaction was not taken in. `code` and `reason` are the machine's, or ours when busy."""

    def __init__(self, code: int, reason: str, permanent: bool) -> None:
        super().__init__(f"code {code}: {reason}")
        self.code = code
        self.reason = reason
        self.permanent = permanent


def _hrs(place: tuple[int, int, int]) -> str:
    return "/".join(str(number) for number in place)
