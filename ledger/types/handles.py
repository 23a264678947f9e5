"""Handles: how a consent names records on the ledger without naming them (docs/formats.md section 5).

Rules
- A handle is H(consent salt, record id): who lacks the salt cannot tell which record it is, nor whether two
  consents cover the same record.
- A consent commits to the RFC 6962 root of its handles, ascending by bytes, without repeats.
- An act of opening proves a subset by one multiproof; an index or a path element too many is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.types import merkle
from ledger.types.canonical import b64u_encode, tagged_hash


@dataclass(frozen=True, slots=True)
class HandleProof:
    """Handles (32 bytes each, ascending), their places in the consent's list, the missing siblings."""

    handles: tuple[bytes, ...]
    indices: tuple[int, ...]
    path: tuple[bytes, ...]


def handle(salt: bytes, record_id: str) -> bytes:
    """The 32-byte handle of a record under a consent's 32-byte salt."""
    return tagged_hash("salus/handle/v1", salt, record_id.encode("utf-8"))


def handles_root(handles: Iterable[bytes]) -> bytes:
    """The root that a consent commits to; order does not matter. Raises ValueError when empty or repeated."""
    return merkle.root(_ascending(handles))


def prove_handles(all_handles: Iterable[bytes], opened: Iterable[bytes]) -> HandleProof:
    """Proof that every handle of `opened` is among the consent's. Raises ValueError for one that is not."""
    leaves, chosen = _ascending(all_handles), _ascending(opened)
    places = {leaf: index for index, leaf in enumerate(leaves)}
    missing = [leaf for leaf in chosen if leaf not in places]
    if missing:
        raise ValueError(f"{len(missing)} of {len(chosen)} handles are not covered by the consent")
    indices = [places[leaf] for leaf in chosen]
    return HandleProof(tuple(chosen), tuple(indices), tuple(merkle.multiproof(leaves, indices)))


def handles_covered(proof: HandleProof, size: int, root: bytes) -> bool:
    """Whether `proof` shows its handles under the `root` of a consent that covers `size` handles."""
    if list(proof.handles) != sorted(set(proof.handles)):
        return False
    hashes = [merkle.leaf_hash(leaf) for leaf in proof.handles]
    try:
        return merkle.root_from_multiproof(size, proof.indices, hashes, proof.path) == root
    except ValueError:
        return False


def wrap_hash(wrap: bytes) -> bytes:
    """The 32-byte hash of one wrapped data key."""
    return tagged_hash("salus/wrap/v1", wrap)


def wraps_hash(wrap_hashes: Sequence[bytes]) -> str:
    """What AccessOpened's `wraps` holds for these wrap hashes, in the order of its handles."""
    return b64u_encode(tagged_hash("salus/wraps/v1", *wrap_hashes))


def _ascending(handles: Iterable[bytes]) -> list[bytes]:
    found = sorted(handles)
    if not found or len(set(found)) != len(found):
        raise ValueError(f"handles must be at least one and without repeats; got {len(found)}")
    return found
