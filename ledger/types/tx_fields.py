"""The forms that fields of key sets and transactions take (docs/formats.md section 1).

Each is a string or an integer with one spelling: a base64url pattern fixes the last character, too, so that
no two texts stand for the same bytes. Lengths bound what a transaction may make a validator store.
"""

from typing import Annotated, Literal

from msgspec import Meta

MAX_SAFE_INTEGER = 2**53 - 1

_B64U = "[A-Za-z0-9_-]"
_DID_PATTERN = rf"^did:salus:u{_B64U}{{42}}[AEIMQUYcgkosw048]\Z"

Id = Annotated[str, Meta(pattern=rf"^{_B64U}{{21}}[AQgw]\Z")]
"""16 random bytes as b64u."""
B64u32 = Annotated[str, Meta(pattern=rf"^{_B64U}{{42}}[AEIMQUYcgkosw048]\Z")]
"""32 bytes as b64u: a hash, a commitment or an Ed25519 public key."""
B64u64 = Annotated[str, Meta(pattern=rf"^{_B64U}{{85}}[AQgw]\Z")]
"""64 bytes as b64u: an Ed25519 signature."""
Did = Annotated[str, Meta(pattern=_DID_PATTERN)]
"""did:salus, multibase base64url of a 32-byte hash."""
KeyId = Annotated[str, Meta(pattern=r"^#[a-z0-9-]{1,32}\Z")]
TimeMs = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
"""Milliseconds since 1970 UTC."""
Count = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
LedgerId = Annotated[str, Meta(min_length=1, max_length=50)]
"""The chain id; CometBFT allows 50 characters."""
Label = Annotated[str, Meta(min_length=1, max_length=128)]
"""A name, role or region of an organisation or a clinician: never a person's."""
Cid = Annotated[str, Meta(pattern=r"^b[a-z2-7]{8,127}\Z")]
"""A content id: CIDv1 in multibase base32."""
Codec = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/._:;=-]{1,64}\Z")]
Custody = Literal["self", "custodial"]
AuditOutcome = Literal["passed", "failed"]
OrganisationKind = Literal["hospital", "insurer", "regulator", "research"]
