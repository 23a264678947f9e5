"""Where verified blocks are kept: in memory, or in a JSON file that a person can carry.

Rules
- Only verified blocks go in; the store is trusted as much as the disk that it lies on. Reading it back still
  checks that each block is whole, so that a torn or edited file is refused instead of misleading.
- The lowest block is the anchor and stays; of the others the newest `MAX_KEPT` do.
- The file is replaced in one step: a crash leaves the old one or the new one.
"""

import json
import os
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ledger.light.errors import StoreDamaged
from ledger.light.light_json import light_block_from_json, light_block_to_json
from ledger.light.verdict import LightBlock
from ledger.light.verifier import verify_block
from ledger.types.rpc_json import JsonShapeError

MAX_KEPT = 100
FORMAT = "salus/trusted-blocks/v1"


class TrustedStore(Protocol):
    """Verified blocks by height. `save` is durable when it returns; none of this is thread-safe."""

    def blocks(self) -> tuple[LightBlock, ...]:
        """Every block kept, lowest first."""
        ...

    def save(self, blocks: Iterable[LightBlock]) -> None:
        """Keep these verified blocks, too."""
        ...


def at_or_below(store: TrustedStore, height: int) -> LightBlock | None:
    """The highest block kept that is not above `height`."""
    kept = store.blocks()
    at = bisect_right(kept, height, key=lambda block: block.height)
    return kept[at - 1] if at else None


def above(store: TrustedStore, height: int) -> LightBlock | None:
    """The lowest block kept that is above `height`."""
    return next((block for block in store.blocks() if block.height > height), None)


class MemoryStore:
    """A trusted store that ends with the process."""

    def __init__(self, blocks: Iterable[LightBlock] = ()) -> None:
        self._blocks = {block.height: block for block in blocks}

    def blocks(self) -> tuple[LightBlock, ...]:
        """Every block kept, lowest first."""
        return tuple(self._blocks[height] for height in sorted(self._blocks))

    def save(self, blocks: Iterable[LightBlock]) -> None:
        """Keep these, too, within MAX_KEPT."""
        self._blocks |= {block.height: block for block in blocks}
        anchor, *others = self.blocks() or (None,)
        if anchor is not None:
            kept = (anchor, *others[-MAX_KEPT:])
            self._blocks = {block.height: block for block in kept if block is not None}


class JsonFileStore(MemoryStore):
    """A trusted store in one JSON file; missing, it is empty. Raises StoreDamaged for anything else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(_read(path) if path.exists() else ())

    def save(self, blocks: Iterable[LightBlock]) -> None:
        """Keep these, too, on disk when this returns."""
        super().save(blocks)
        document = {"format": FORMAT, "blocks": [light_block_to_json(block) for block in self.blocks()]}
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        _sync_folder(self._path.parent)


def _read(path: Path) -> list[LightBlock]:
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise JsonShapeError(f"expected format {FORMAT}")
        blocks = [light_block_from_json(value) for value in document["blocks"]]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise StoreDamaged(f"{path} holds no trusted blocks: {error}. Make it anew") from error
    for block in blocks:
        verdict = verify_block(block)
        if not verdict.ok:
            raise StoreDamaged(f"{path}: block {block.height} is not whole: {verdict.reason}. Make it anew")
    if len({block.header.chain_id for block in blocks}) > 1:
        raise StoreDamaged(f"{path} mixes chains. Make it anew")
    return blocks


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
