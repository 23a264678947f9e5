"""A small, deterministic writer and strict reader of protobuf (proto3), as CometBFT v0.38 uses it.

Rules
- Fields are written in ascending order; a scalar of zero and an empty string are left out, as proto3 says.
- An embedded message that gogoproto marks non-nullable is always written, even when empty: use `message`.
- A reader knows every field it may meet. Unknown fields, other wire types and repeated singular fields are
  refused; a decoder then re-encodes what it read and compares (`exact`), so each value has one spelling.
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES = 0, 1, 2
_MAX_VARINT_BYTES = 10
_TWO64 = 1 << 64
_TWO63 = 1 << 63
_ONE_BYTE = tuple(bytes([value]) for value in range(0x80))


class ProtoError(ValueError):
    """The bytes are not the one spelling of a message of this kind; the sender is wrong."""


def varint(value: int) -> bytes:
    """Unsigned LEB128; a negative value is written as its 64-bit two's complement, as protobuf does."""
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]  # most are: every tag, and the length of nearly everything
    value %= _TWO64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field: int, value: int) -> bytes:
    """An int32, int64, uint32, uint64 or enum field; zero is left out."""
    return varint(field << 3 | VARINT) + varint(value) if value else b""


def sfixed64(field: int, value: int) -> bytes:
    """A sfixed64 field; zero is left out."""
    return varint(field << 3 | FIXED64) + value.to_bytes(8, "little", signed=True) if value else b""


def data(field: int, value: bytes) -> bytes:
    """A bytes field; empty is left out."""
    return message(field, value) if value else b""


def text(field: int, value: str) -> bytes:
    """A string field; empty is left out."""
    return data(field, value.encode("utf-8"))


def message(field: int, value: bytes) -> bytes:
    """An embedded message or an element of a repeated field: always written, even when empty."""
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def delimited(value: bytes) -> bytes:
    """`value` behind its length as a varint: how CometBFT frames what it signs."""
    return varint(len(value)) + value


def timestamp(ns: int) -> bytes:
    """google.protobuf.Timestamp of `ns`, nanoseconds since 1970 UTC (negative before)."""
    seconds, nanos = divmod(ns, 1_000_000_000)
    return integer(1, seconds) + integer(2, nanos)


def timestamp_ns(encoded: bytes) -> int:
    """Nanoseconds since 1970 UTC of a google.protobuf.Timestamp."""
    fields = Fields(encoded, {1: VARINT, 2: VARINT})
    return fields.signed(1) * 1_000_000_000 + fields.signed(2)


def read_varint(encoded: bytes, at: int) -> tuple[int, int]:
    """The varint that starts at `at`, and where the next byte is."""
    first = encoded[at] if at < len(encoded) else 0x80
    if first < 0x80:
        return first, at + 1
    if at + 1 < len(encoded) and 0 < encoded[at + 1] < 0x80:
        return encoded[at + 1] << 7 | first & 0x7F, at + 2  # most lengths take one byte or two
    value = shift = 0
    for position in range(at, min(at + _MAX_VARINT_BYTES, len(encoded))):
        byte = encoded[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= _TWO64 or (byte == 0 and position > at):
                raise ProtoError("varint beyond 64 bits or longer than needed")
            return value, position + 1
        shift += 7
    raise ProtoError("varint without an end")


class Fields:
    """The fields of one message, checked against `known`: field number to wire type.

    Fields in `repeated` may occur many times; any other at most once.
    """

    def __init__(self, encoded: bytes, known: dict[int, int], repeated: frozenset[int] = frozenset()) -> None:
        self._values: dict[int, list[int | bytes]] = {}
        for field, wire_type, value in _scan(encoded):
            if known.get(field) != wire_type:
                raise ProtoError(f"field {field} with wire type {wire_type} is not part of this message")
            if field in self._values and field not in repeated:
                raise ProtoError(f"field {field} occurs twice")
            self._values.setdefault(field, []).append(value)

    def unsigned(self, field: int) -> int:
        """The field as an unsigned integer; 0 when absent."""
        value = self._values.get(field, [0])[0]
        if not isinstance(value, int):
            raise ProtoError(f"field {field} is not an integer")
        return value

    def signed(self, field: int) -> int:
        """The field as a signed 64-bit integer; 0 when absent."""
        value = self.unsigned(field)
        return value - _TWO64 if value >= _TWO63 else value

    def blob(self, field: int) -> bytes:
        """The field's bytes; empty when absent."""
        return self.blobs(field)[0] if field in self._values else b""

    def blobs(self, field: int) -> list[bytes]:
        """Every occurrence of a repeated bytes or message field, in order."""
        return [value for value in self._values.get(field, []) if isinstance(value, bytes)]

    def text(self, field: int) -> str:
        """The field's string; empty when absent."""
        try:
            return self.blob(field).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProtoError(f"field {field} is not UTF-8") from error

    def has(self, field: int) -> bool:
        """Whether the field was written at all."""
        return field in self._values


def blobs_only(field: int, encoded: bytes) -> list[bytes]:
    """What `Fields` reads of a message that holds nothing but the repeated bytes field `field` < 16.

    A block's transactions are such a message: one pass over the bytes, since there are thousands.
    """
    tag, end, at = field << 3 | BYTES, len(encoded), 0
    found: list[bytes] = []
    while at < end:
        if encoded[at] != tag:
            raise ProtoError(f"only field {field} is part of this message")
        length, start = read_varint(encoded, at + 1)
        at = start + length
        if at > end:
            raise ProtoError("a field is longer than its message")
        found.append(encoded[start:at])
    return found


def exact(written: bytes, read: bytes) -> None:
    """Refuse `read` unless it is what we write for the same value."""
    if written != read:
        raise ProtoError("not the deterministic encoding of this message")


def _scan(encoded: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    at = 0
    while at < len(encoded):
        key, at = read_varint(encoded, at)
        wire_type = key & 7
        if wire_type == VARINT:
            value, at = read_varint(encoded, at)
            yield key >> 3, wire_type, value
            continue
        if wire_type == FIXED64:
            length = 8
        elif wire_type == BYTES:
            length, at = read_varint(encoded, at)
        else:
            raise ProtoError(f"wire type {wire_type} is not used")
        if at + length > len(encoded):
            raise ProtoError("a field is longer than its message")
        chunk = encoded[at : at + length]
        at += length
        yield key >> 3, wire_type, int.from_bytes(chunk, "little") if wire_type == FIXED64 else chunk
