"""What validators say to each other: msgpack arrays that begin with their kind; limits are part of the types.

Votes, proposals, blocks and commits travel as their CometBFT v0.38 protobuf bytes and are decoded, and
refused, by `ledger.types`.
"""

from typing import Annotated

import msgspec

from ledger.node.errors import PeerMisbehaved

MAX_TXS = 1_000
MAX_TX_BYTES = 65_536
MAX_VOTES = 2_000
MAX_PIECES = 100
MAX_CHUNKS = 16_384
MAX_BLOCK_BYTES = 4 * 1024 * 1024

Height = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Round = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Small = Annotated[bytes, msgspec.Meta(max_length=1024)]
BlockBytes = Annotated[bytes, msgspec.Meta(max_length=MAX_BLOCK_BYTES)]
CommitBytes = Annotated[bytes, msgspec.Meta(max_length=1024 * 1024)]
EvidenceBytes = Annotated[bytes, msgspec.Meta(max_length=4096)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
HeaderBytes = Annotated[bytes, msgspec.Meta(max_length=4096)]
ChunkBytes = Annotated[bytes, msgspec.Meta(max_length=1024 * 1024)]
Power = Annotated[int, msgspec.Meta(ge=1, le=2**60)]
MemberList = Annotated[tuple[tuple[Digest, Power], ...], msgspec.Meta(max_length=1_000)]
TxBytes = Annotated[bytes, msgspec.Meta(max_length=MAX_TX_BYTES)]


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


class Status(_Message, frozen=True):
    """The last block I have, the round I am in, and whether I ask for what I may have missed."""

    height: Height
    round: Round
    asks: bool


class Transactions(_Message, frozen=True):
    """Transactions that passed my mempool's check."""

    txs: Annotated[tuple[TxBytes, ...], msgspec.Meta(max_length=MAX_TXS)]


class ProposedBlock(_Message, frozen=True):
    """A signed proposal together with its whole block."""

    proposal: Small
    block: BlockBytes


class Votes(_Message, frozen=True):
    """Signed votes, anyone's."""

    votes: Annotated[tuple[Small, ...], msgspec.Meta(max_length=MAX_VOTES)]


class BlockWanted(_Message, frozen=True):
    """I hold votes but no block of this height with this hash: please send it."""

    height: Height
    block_hash: Small


class BlockHeld(_Message, frozen=True):
    """A block of the height in progress, as asked for by BlockWanted; not yet committed."""

    height: Height
    block: BlockBytes


class CommittedWanted(_Message, frozen=True):
    """I lag: please send the committed blocks from this height on."""

    height: Height


class Committed(_Message, frozen=True):
    """A committed block and the commit that decided it."""

    height: Height
    block: BlockBytes
    commit: CommitBytes


class CommittedGone(_Message, frozen=True):
    """The blocks that you ask for are pruned here: mine begin at this height."""

    base: Height


class EvidenceHeld(_Message, frozen=True):
    """Evidence of double signing that I verified: CometBFT's DuplicateVoteEvidence each."""

    pieces: Annotated[tuple[EvidenceBytes, ...], msgspec.Meta(max_length=MAX_PIECES)]


class SnapshotsWanted(_Message, frozen=True):
    """I am new: which snapshots do you offer?"""


class SnapshotOffered(_Message, frozen=True):
    """A snapshot of the state after block `height`: its root, and the SHA-256 of each chunk."""

    height: Height
    app_hash: Digest
    chunks: Annotated[tuple[Digest, ...], msgspec.Meta(min_length=1, max_length=MAX_CHUNKS)]


class ChunkWanted(_Message, frozen=True):
    """Please send this chunk of that snapshot."""

    height: Height
    index: Round


class Chunk(_Message, frozen=True):
    """One chunk of a snapshot."""

    height: Height
    index: Round
    data: ChunkBytes


class LightBlockWanted(_Message, frozen=True):
    """Please send what a light client needs of this height."""

    height: Height


class LightBlockHeld(_Message, frozen=True):
    """Header, commit, and the validators (key, power) of this height and the next."""

    height: Height
    header: HeaderBytes
    commit: CommitBytes
    validators: MemberList
    next_validators: MemberList


Message = (
    Status
    | Transactions
    | ProposedBlock
    | Votes
    | BlockWanted
    | BlockHeld
    | CommittedWanted
    | Committed
    | CommittedGone
    | EvidenceHeld
    | SnapshotsWanted
    | SnapshotOffered
    | ChunkWanted
    | Chunk
    | LightBlockWanted
    | LightBlockHeld
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """The bytes of one frame."""
    return _encoder.encode(message)


def decode(frame: bytes) -> Message:
    """The message in `frame`; raises PeerMisbehaved."""
    try:
        return _decoder.decode(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise PeerMisbehaved("a message of the validators' protocol", type(error).__name__) from error
