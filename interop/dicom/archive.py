"""A study as one record: its files in one ustar archive (IEEE 1003.1, pax, "ustar Interchange Format").

Rules
- A member is a DICOM file byte for byte, named `<SeriesInstanceUID>/<SOPInstanceUID>.dcm`.
- Members are in order of series UID, InstanceNumber, SOP Instance UID.
- A header tells nothing but name and size: mode 0644, owner 0, time 0. The same files give the same bytes.
- Nothing is compressed, so that a reader finds a file by its headers alone.
"""

import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

from interop.dicom.parse import DicomObject

# A ustar header has eleven octal digits for the size.
MAX_MEMBER = 8**11 - 1


@dataclass(frozen=True)
class Member:
    """A file of the study: what it is, how many bytes, and how to read them."""

    found: DicomObject
    size: int
    open: Callable[[], BinaryIO]


def write_archive(members: Iterable[Member], out: BinaryIO) -> None:
    """Write the archive of `members` (whatever their order) to `out`. Memory stays bounded."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member in sorted(members, key=_place):
            header = tarfile.TarInfo(member_name(member.found))
            header.size = member.size
            with member.open() as file:
                archive.addfile(header, file)


def member_name(found: DicomObject) -> str:
    """Where a file is in the archive."""
    return f"{found.series_uid}/{found.sop_instance_uid}.dcm"


def _place(member: Member) -> tuple[str, int, str]:
    found = member.found
    return found.series_uid, found.instance_number, found.sop_instance_uid
