"""Encryption of a record version, chunk by chunk (format v1).

Rules
- A data key is 32 random bytes, used for one record version only.
- Chunk i: AES-256-GCM, nonce = i as 12 bytes big endian, so no nonce repeats under a key.
- Associated data = lp("salus/chunk/v1") || lp(record id) || u64(version) || u64(i) || u8(last): a chunk
  that is moved, dropped, taken from another record or version, or cut off at the end does not open.
- AES-GCM does not commit to its key; the manifest does: H("salus/key-commitment/v1", key, record, version).
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq

from .errors import CallerError, ChunkInvalid
from .hashing import lp, tagged_hash

KEY_BYTES = 32
Buffer = bytes | bytearray | memoryview


def u64(number: int) -> bytes:
    """A number as 8 bytes, big endian."""
    return number.to_bytes(8, "big")


def chunk_nonce(index: int) -> bytes:
    """The 12-byte counter nonce of a chunk."""
    return index.to_bytes(12, "big")


def chunk_aad(record_id: str, version: int, index: int, last: bool) -> bytes:
    """The associated data that ties a chunk to its place."""
    return lp(b"salus/chunk/v1") + lp(record_id.encode()) + u64(version) + u64(index) + bytes([last])


def key_commitment(data_key: bytes, record_id: str, version: int) -> bytes:
    """32 bytes that only this key gives for this record version."""
    return tagged_hash("salus/key-commitment/v1", data_key, record_id.encode(), u64(version))


def key_fingerprint(data_key: bytes) -> bytes:
    """32 bytes by which a second use of a data key, for any record, is noticed."""
    return tagged_hash("salus/key-use/v1", data_key)


def is_committed(data_key: bytes, record_id: str, version: int, commitment: bytes) -> bool:
    """Whether `commitment` is this key's; compared in constant time."""
    return len(data_key) == KEY_BYTES and bytes_eq(key_commitment(data_key, record_id, version), commitment)


class ChunkCipher:
    """Seals and opens the chunks of one record version. Sealing goes forward only: an index seals once."""

    def __init__(self, data_key: bytes, record_id: str, version: int) -> None:
        if len(data_key) != KEY_BYTES:
            raise CallerError(f"a data key has {KEY_BYTES} bytes, not {len(data_key)}")
        self._aead = AESGCM(data_key)
        self._record_id, self._version = record_id, version
        self._next = 0

    def seal_into(self, index: int, last: bool, plaintext: Buffer, out: memoryview) -> int:
        """Write the ciphertext and tag to `out` (length + 16 bytes exactly); returns how many bytes.

        Refuses an index below one already sealed: the nonce would repeat.
        """
        if index < self._next:
            raise CallerError(f"chunk {index} was sealed before; a nonce is never used twice")
        self._next = index + 1
        aad = chunk_aad(self._record_id, self._version, index, last)
        return self._aead.encrypt_into(chunk_nonce(index), plaintext, aad, out)

    def open(self, index: int, last: bool, ciphertext: Buffer) -> bytes:
        """The chunk's plaintext; raises ChunkInvalid and returns nothing when it does not authenticate."""
        aad = chunk_aad(self._record_id, self._version, index, last)
        try:
            return self._aead.decrypt(chunk_nonce(index), ciphertext, aad)
        except InvalidTag:
            raise ChunkInvalid(index, "does not authenticate at this place of this record") from None
