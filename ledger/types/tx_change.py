"""What a governance proposal may change about the validators and their election (docs/formats.md section 3).

A validator is named by the Ed25519 key that it votes with; peers know it by its pinned TLS certificate, which
travels here, so that a newcomer is let in by the very transaction that the consortium agreed on.
"""

from typing import Annotated

import msgspec

from ledger.types.tx_fields import B64u32, Did, Label

MAX_POWER = 10**12
MAX_CERTIFICATE_TEXT = 4096
MAX_SEATS = 100
LEAST_EPOCH = 5
"""Blocks: a candidate's renewal has to get into the epoch that it names."""
MAX_WEIGHT = 1_000

Power = Annotated[int, msgspec.Meta(ge=1, le=MAX_POWER)]
Host = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:-]{1,253}\Z")]
"""A host name or IP address."""
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Certificate = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+\Z", min_length=100, max_length=MAX_CERTIFICATE_TEXT)
]
"""The node's self-signed TLS certificate: its DER bytes as b64u."""


Blocks = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Seats = Annotated[int, msgspec.Meta(ge=4, le=MAX_SEATS)]
Weight = Annotated[int, msgspec.Meta(ge=0, le=MAX_WEIGHT)]


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    public: B64u32


class _Reachable(_Change, frozen=True, kw_only=True):
    moniker: Label
    host: Host
    port: Port
    certificate: Certificate


class ValidatorJoins(_Reachable, frozen=True, kw_only=True, tag="join"):
    """The validator with key `public` joins with this power and is reached there by that certificate."""

    power: Power


class KeyRotates(_Reachable, frozen=True, kw_only=True, tag="rotate"):
    """Key `public` takes the place and power of the validator with key `replaces`."""

    replaces: B64u32


class PowerChanges(_Change, frozen=True, kw_only=True, tag="power"):
    """The validator gets another power."""

    power: Power


class ValidatorLeaves(_Change, frozen=True, kw_only=True, tag="leave"):
    """The validator leaves."""


class CandidateStands(_Reachable, frozen=True, kw_only=True, tag="candidate"):
    """The organisation's validator with key `public` stands for election. One that votes already is named as
    the organisation's by this."""

    organisation: Did


class ElectionChanges(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="election"
):
    """How validators are elected from here on (docs/election.md).

    An epoch has `every` blocks, LEAST_EPOCH or more (0: nobody is elected, the validators stay as they are);
    up to `seats` validators are elected. `availability` is what each tenth of the epoch's commits adds to a
    stake, `contribution` what each unit of the square root of the organisation's credit adds.
    """

    every: Blocks
    seats: Seats
    availability: Weight
    contribution: Weight


ValidatorChange = ValidatorJoins | KeyRotates | PowerChanges | ValidatorLeaves | CandidateStands
Change = ValidatorChange | ElectionChanges
