"""The manifest: what a record is made of (format v1, docs/storage-format.md).

Rules
- DAG-CBOR, canonical: bytes that do not re-encode to themselves are refused, as is an unknown field or float.
- It names its version, cipher, code and their parameters; it holds no placement (repair must not change
  its id), no key and no personal data: the record id is random.
- `shards` lists SHA-256 of every shard, stripe by stripe, slots ascending; `root` is the RFC 6962 root with
  those hashes as leaf data, and must agree with the list.
- Its content id is CIDv1, codec dag-cbor, sha2-256, base32.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, NoReturn

import dag_cbor
from multiformats import CID

from .erasure import ERASURE_NAME
from .errors import ManifestInvalid
from .hashing import HASH_BYTES, merkle_root
from .layout import Layout

MANIFEST_TYPE = "salus/manifest"
MANIFEST_VERSION = 1
CIPHER_NAME = "AES-256-GCM"
MAX_SIZE = 1 << 50
MAX_CHUNK = 1 << 24
MAX_VERSION = (1 << 53) - 1
MAX_BYTES = 64 << 20
RECORD_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

FIELDS = {"type", "version", "record", "record_version", "size", "cipher", "erasure", "shards", "root"}
CIPHER_FIELDS = {"name", "chunk", "key_commitment"}
ERASURE_FIELDS = {"name", "k", "n"}


@dataclass(frozen=True)
class Manifest:
    """A checked manifest. `shards` is the joined list of 32-byte shard hashes."""

    record: str
    record_version: int
    layout: Layout
    key_commitment: bytes
    shards: bytes

    def shard_hash(self, stripe: int, slot: int) -> bytes:
        """SHA-256 that the shard must have."""
        at = (stripe * self.layout.n + slot) * HASH_BYTES
        return self.shards[at : at + HASH_BYTES]

    @cached_property
    def root(self) -> bytes:
        """The Merkle root that the ledger anchors."""
        return merkle_root([self.shards[i : i + HASH_BYTES] for i in range(0, len(self.shards), HASH_BYTES)])

    @property
    def codec(self) -> str:
        """The parameters in one line, for the ledger."""
        at = self.layout
        return f"salus/{MANIFEST_VERSION}:{CIPHER_NAME}:{ERASURE_NAME}:{at.k}/{at.n}:{at.chunk}"

    def encode(self) -> bytes:
        """The canonical bytes."""
        at = self.layout
        return dag_cbor.encode(
            {
                "type": MANIFEST_TYPE,
                "version": MANIFEST_VERSION,
                "record": self.record,
                "record_version": self.record_version,
                "size": at.size,
                "cipher": {"name": CIPHER_NAME, "chunk": at.chunk, "key_commitment": self.key_commitment},
                "erasure": {"name": ERASURE_NAME, "k": at.k, "n": at.n},
                "shards": self.shards,
                "root": self.root,
            }
        )


def content_id(body: bytes) -> str:
    """The CID of manifest bytes."""
    return str(CID("base32", 1, "dag-cbor", ("sha2-256", sha256(body).digest())))


def parse_manifest(body: bytes, cid: str | None = None) -> Manifest:
    """The manifest in `body`, every rule checked; with `cid`, also that the bytes are that content.

    Raises ManifestInvalid with a code: `cid`, `encoding`, `version`, `field`, `shards` or `root`.
    """
    if cid is not None and content_id(body) != cid:
        _refuse("cid", f"the bytes are not the content of {cid}")
    fields = _decode(body)
    manifest = _from_fields(fields)
    if fields["root"] != manifest.root:
        _refuse("root", "the root is not that of the listed shards")
    return manifest


def _refuse(code: str, reason: str) -> NoReturn:
    raise ManifestInvalid(code, reason)


def _decode(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        _refuse("encoding", f"{len(body)} bytes exceed {MAX_BYTES}")
    try:
        fields = dag_cbor.decode(body)
        canonical = dag_cbor.encode(fields)
    except Exception as error:  # the library raises many kinds for bytes that are not DAG-CBOR
        raise ManifestInvalid("encoding", f"not DAG-CBOR: {type(error).__name__}") from None
    if canonical != body or not isinstance(fields, dict) or _holds_float(fields):
        _refuse("encoding", "not a map in canonical DAG-CBOR without floats")
    if (fields.get("type"), fields.get("version")) != (MANIFEST_TYPE, MANIFEST_VERSION):
        _refuse("version", f"expected {MANIFEST_TYPE} version {MANIFEST_VERSION}")
    return fields


def _holds_float(value: Any) -> bool:
    """Floats are refused with the encoding: JavaScript cannot tell a whole one from an integer."""
    if isinstance(value, dict | list):
        return any(map(_holds_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


def _from_fields(fields: dict[str, Any]) -> Manifest:
    _expect_fields(fields, FIELDS, "the manifest")
    cipher = _expect_fields(fields["cipher"], CIPHER_FIELDS, "cipher")
    erasure = _expect_fields(fields["erasure"], ERASURE_FIELDS, "erasure")
    if cipher["name"] != CIPHER_NAME or erasure["name"] != ERASURE_NAME:
        _refuse("field", f"only {CIPHER_NAME} with {ERASURE_NAME} is known")
    record = fields["record"]
    if not (isinstance(record, str) and RECORD_ID.fullmatch(record)):
        _refuse("field", "record is not a lower-case UUID version 4")
    layout = Layout(
        size=_integer(fields["size"], "size", 0, MAX_SIZE),
        chunk=_integer(cipher["chunk"], "chunk", 1, MAX_CHUNK),
        k=_integer(erasure["k"], "k", 1, 31),
        n=_integer(erasure["n"], "n", _integer(erasure["k"], "k", 1, 31) + 1, 32),
    )
    shards = _octets(fields["shards"], "shards", None)
    if len(shards) != layout.stripes * layout.n * HASH_BYTES:
        _refuse("shards", f"{layout.stripes * layout.n} shard hashes expected, {len(shards)} bytes found")
    _octets(fields["root"], "root", HASH_BYTES)
    return Manifest(
        record=record,
        record_version=_integer(fields["record_version"], "record_version", 1, MAX_VERSION),
        layout=layout,
        key_commitment=_octets(cipher["key_commitment"], "key_commitment", HASH_BYTES),
        shards=shards,
    )


def _expect_fields(value: Any, names: set[str], where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        _refuse("field", f"{where} must have exactly the fields {sorted(names)}")
    return value


def _integer(value: Any, name: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        _refuse("field", f"{name} must be an integer from {low} to {high}")
    return value


def _octets(value: Any, name: str, length: int | None) -> bytes:
    if not isinstance(value, bytes) or (length is not None and len(value) != length):
        _refuse("field", f"{name} must be bytes" + (f", {length} of them" if length is not None else ""))
    return value
