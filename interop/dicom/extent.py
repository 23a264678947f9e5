"""Where every element of a DICOM file begins and ends, found by reading headers only.

pydicom takes a data set that stops in the middle for a shorter one. This walk does not: each element,
item and fragment must end inside the file and at its delimiter (PS3.5 sections 7.1, 7.5 and annex A.4).
Values are skipped, so memory stays bounded.
"""

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset(
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"]
)
_PIXEL_TAGS = frozenset([0x7FE00008, 0x7FE00009, 0x7FE00010])
_MAX_DEPTH = 32
DATA_SET_START = 132  # the preamble and "DICM"


class CutOff(Exception):
    """The file ends inside an element, or an element does not fit where it stands. `offset` says where."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(f"cut off or malformed at byte {offset}")


@dataclass(frozen=True)
class Pixels:
    """The pixel data element. `length` is None when it is encapsulated in `fragments`."""

    tag: int
    length: int | None
    fragments: int


@dataclass
class _Reader:
    file: BinaryIO
    size: int
    explicit: bool = True
    little: bool = True
    pixels: Pixels | None = None

    def number(self, form: str) -> int:
        octets = struct.calcsize(form)
        data = self.file.read(octets)
        if len(data) < octets:
            raise CutOff(self.file.tell())
        return int(struct.unpack(("<" if self.little else ">") + form, data)[0])

    def tag(self) -> int:
        group = self.number("H")
        return group << 16 | self.number("H")

    def skip(self, length: int) -> None:
        if self.file.tell() + length > self.size:
            raise CutOff(self.size)
        self.file.seek(length, os.SEEK_CUR)


def pixels_of(file: BinaryIO, transfer_syntax: str) -> Pixels | None:
    """Walk the whole file; return its pixel data element, or None. Raises CutOff."""
    file.seek(0, os.SEEK_END)
    reader = _Reader(file, file.tell())
    file.seek(DATA_SET_START)
    _skip_file_meta(reader)
    reader.explicit = transfer_syntax != "1.2.840.10008.1.2"
    reader.little = transfer_syntax != "1.2.840.10008.1.2.2"
    while file.tell() < reader.size:
        _element(reader, reader.tag(), 0)
    return reader.pixels


def _skip_file_meta(reader: _Reader) -> None:
    while reader.file.tell() < reader.size:
        start = reader.file.tell()
        tag = reader.tag()
        if tag >> 16 != 2:
            reader.file.seek(start)
            return
        _element(reader, tag, 0)


def _element(reader: _Reader, tag: int, depth: int) -> None:
    vr, length = _vr_and_length(reader)
    if tag in _PIXEL_TAGS and depth == 0:
        fragments = _fragments(reader) if length == _UNDEFINED else 0
        reader.pixels = Pixels(tag, None if length == _UNDEFINED else length, fragments)
    elif length == _UNDEFINED and tag == 0x7FE00010:
        _fragments(reader)  # an icon image's, inside a sequence
        return
    elif length == _UNDEFINED:
        _sequence(reader, implicit=vr == b"UN", depth=depth + 1)
        return
    if length != _UNDEFINED:
        reader.skip(length)


def _vr_and_length(reader: _Reader) -> tuple[bytes, int]:
    if not reader.explicit:
        return b"", reader.number("I")
    vr = reader.file.read(2)
    if len(vr) < 2 or not (vr.isalpha() and vr.isupper()):
        raise CutOff(reader.file.tell())
    if vr in _LONG_VRS:
        reader.skip(2)
        return vr, reader.number("I")
    return vr, reader.number("H")


def _sequence(reader: _Reader, *, implicit: bool, depth: int) -> None:
    """Items up to the sequence's delimiter; an UN of undefined length holds implicit VR (PS3.5 6.2.2)."""
    if depth > _MAX_DEPTH:
        raise CutOff(reader.file.tell())
    outer, reader.explicit = reader.explicit, reader.explicit and not implicit
    while (tag := reader.tag()) != _SEQUENCE_END:
        if tag != _ITEM:
            raise CutOff(reader.file.tell())
        length = reader.number("I")
        if length == _UNDEFINED:
            _open_item(reader, depth)
        else:
            reader.skip(length)
    reader.skip(4)
    reader.explicit = outer


def _open_item(reader: _Reader, depth: int) -> None:
    while (tag := reader.tag()) != _ITEM_END:
        _element(reader, tag, depth)
    reader.skip(4)


def _fragments(reader: _Reader) -> int:
    """How many fragments follow the offset table, up to the delimiter."""
    items = 0
    while (tag := reader.tag()) != _SEQUENCE_END:
        if tag != _ITEM:
            raise CutOff(reader.file.tell())
        reader.skip(reader.number("I"))
        items += 1
    reader.skip(4)
    return items - 1
