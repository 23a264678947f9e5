"""Writes this folder's vectors: `python vectors/storage/generate.py`. Every run gives the same bytes.

- `records.json`: whole records, from key and plaintext (byte i is i mod 251) to shards, manifest and CID.
- `refused.json`: manifest bytes that must be refused, with the code of the refusal.
"""

import io
import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import dag_cbor  # noqa: E402

from storage.core.cipher import ChunkCipher, key_commitment  # noqa: E402
from storage.core.layout import Layout  # noqa: E402
from storage.core.manifest import Manifest, content_id  # noqa: E402
from storage.services.encode import coded_stripes  # noqa: E402

RECORD = "6f1d2c3b-4a59-4e68-8c7d-0123456789ab"
CHUNK = 32
SIZES = [0, 1, 15, 16, 31, 32, 33, 63, 64, 127, 128, 129, 160, 255, 256, 257, 500]


def plaintext(size: int) -> bytes:
    """Byte i is i mod 251."""
    return bytes(i % 251 for i in range(size))


def record_case(size: int, *, k: int = 4, n: int = 6, version: int = 1) -> dict[str, Any]:
    """One record, whole."""
    key = sha256(f"salus storage vector {size} {k} {n}".encode()).digest()
    cipher = ChunkCipher(key, RECORD, version)
    stripes = list(coded_stripes(io.BytesIO(plaintext(size)), cipher, k=k, n=n, chunk=CHUNK))
    layout = Layout(size, CHUNK, k, n)
    padded = [b"".join(stripe.shards[:k]) for stripe in stripes]
    ciphertext = b"".join(p[: layout.stripe(i).length] for i, p in enumerate(padded))
    manifest = Manifest(
        record=RECORD,
        record_version=version,
        layout=layout,
        key_commitment=key_commitment(key, RECORD, version),
        shards=b"".join(sha256(shard).digest() for stripe in stripes for shard in stripe.shards),
    )
    body = manifest.encode()
    return {
        "name": f"{size} bytes, {k} of {n}",
        "key": key.hex(),
        "record": RECORD,
        "version": version,
        "size": size,
        "chunk": CHUNK,
        "k": k,
        "n": n,
        "key_commitment": manifest.key_commitment.hex(),
        "ciphertext": ciphertext.hex(),
        "shards": [[bytes(shard).hex() for shard in stripe.shards] for stripe in stripes],
        "manifest": body.hex(),
        "cid": content_id(body),
        "root": manifest.root.hex(),
        "codec": manifest.codec,
    }


def refused_cases() -> list[dict[str, str]]:
    """Manifests that break one rule each."""
    good = bytes.fromhex(record_case(129)["manifest"])

    def changed(**changes: Any) -> bytes:
        return dag_cbor.encode({**dag_cbor.decode(good), **changes})

    def nested(part: str, **changes: Any) -> bytes:
        return changed(**{part: {**dag_cbor.decode(good)[part], **changes}})

    fields = dag_cbor.decode(good)
    cases = {
        "empty": ("encoding", b""),
        "cut": ("encoding", good[:-1]),
        "one byte more": ("encoding", good + b"\x00"),
        "a list": ("encoding", dag_cbor.encode([1])),
        "a length written longer than needed": ("encoding", _long_head(good)),
        "another type": ("version", changed(type="salus/other")),
        "version 2": ("version", changed(version=2)),
        "an unknown field": ("field", changed(note="x")),
        "a missing field": ("field", dag_cbor.encode({n: v for n, v in fields.items() if n != "size"})),
        "a negative size": ("field", changed(size=-1)),
        "a size that is true": ("field", changed(size=True)),
        "a float size": ("encoding", changed(size=129.0)),
        "an upper-case record id": ("field", changed(record=RECORD.upper())),
        "a record id of version 1": ("field", changed(record=RECORD.replace("-4e68-", "-1e68-"))),
        "record version 0": ("field", changed(record_version=0)),
        "another cipher": ("field", nested("cipher", name="AES-128-GCM")),
        "a short key commitment": ("field", nested("cipher", key_commitment=bytes(31))),
        "a chunk of 0": ("field", nested("cipher", chunk=0)),
        "a chunk too large": ("field", nested("cipher", chunk=(1 << 24) + 1)),
        "another code": ("field", nested("erasure", name="liberasurecode_rs_vand")),
        "k equal to n": ("field", nested("erasure", k=6)),
        "n above 32": ("field", nested("erasure", n=33)),
        "one shard hash short": ("shards", changed(shards=fields["shards"][:-32])),
        "a size of one more stripe": ("shards", changed(size=300)),
        "another root": ("root", changed(root=bytes(32))),
        "two shards swapped": ("root", changed(shards=_swapped(fields["shards"]))),
    }
    return [{"name": name, "code": code, "manifest": body.hex()} for name, (code, body) in cases.items()]


def _long_head(good: bytes) -> bytes:
    """The map's head written in two bytes."""
    return bytes([0xB8, good[0] & 0x1F]) + good[1:]


def _swapped(shards: bytes) -> bytes:
    return shards[32:64] + shards[:32] + shards[64:]


def main() -> None:
    """Write both files."""
    records = [record_case(size) for size in SIZES]
    records += [record_case(300, k=2, n=3, version=7), record_case(700, k=10, n=14, version=2**53 - 1)]
    for name, value in (("records", records), ("refused", refused_cases())):
        (HERE / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
