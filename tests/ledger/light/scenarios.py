"""What a light client meets, played by Python and by JavaScript: nodes, a wish, and how it must end."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from ledger.light.client import LightClient, Mode
from ledger.light.errors import AttackDetected, HeaderRefused, LightClientError
from ledger.light.light_json import light_block_to_json
from ledger.light.store import MemoryStore
from ledger.light.verdict import LightBlock, Options
from ledger.types.block import BlockIDFlag
from tests.ledger.light.chain import SECOND, START, ChainProvider, Plan, grow, tampered

Blocks = dict[int, LightBlock]
Answer = dict[str, Any]

SAME = Plan(lambda height: "ABCD")
HONEST = grow(SAME, 12)
ROTATING = grow(Plan(lambda height: "ABCDEFGHIJKLMNOP"[height // 3 : height // 3 + 4]), 24)
"""One of four validators changes every third height: nobody of the first set is in the fifth."""


def forked(at: int, last: int = 12, **changes: Any) -> Blocks:
    """HONEST up to below `at`, and another history from there."""
    before = {height: block for height, block in HONEST.items() if height < at}
    return grow(replace(SAME, salt="fork", **changes), last, before)


@dataclass(frozen=True)
class Scenario:
    """Trust block `trusted`, and go to `target` when `after_s` seconds have passed since the first block."""

    primary: Blocks
    expected: Answer
    witnesses: tuple[Blocks | None, ...] = (HONEST,)
    target: int | None = 12
    trusted: int = 1
    after_s: int = 30
    period_s: int = 3600
    drift_s: int = 0
    level: tuple[int, int] = (1, 3)
    one_by_one: bool = False
    trust_from: Blocks = field(default_factory=dict)

    @property
    def now_ns(self) -> int:
        return START + self.after_s * SECOND

    @property
    def root(self) -> LightBlock:
        return (self.trust_from or self.primary)[self.trusted]

    def play(self) -> Answer:
        """How Python's client ends, in the words of `expected`."""
        primary = ChainProvider("primary", self.primary)
        witnesses = [ChainProvider(f"witness {n}", w or {}, w is None) for n, w in enumerate(self.witnesses)]
        options = Options(self.period_s * SECOND, _fraction(self.level), self.drift_s * SECOND)
        mode = Mode.SEQUENTIAL if self.one_by_one else Mode.SKIPPING
        store = MemoryStore([self.root])
        client = LightClient(primary, witnesses, store, options, lambda: self.now_ns, mode)
        ended = ended_as(lambda: client.verify_to(self.target))
        return {
            **ended,
            "asked": primary.asked,
            "kept": [block.height for block in store.blocks()],
            "witnesses": [int(each.name.split()[1]) for each in client.witnesses],
        }

    def to_json(self) -> Answer:
        """The same for JavaScript's client."""
        return {
            "primary": _nodes_json(self.primary),
            "witnesses": [None if blocks is None else _nodes_json(blocks) for blocks in self.witnesses],
            "root": light_block_to_json(self.root),
            "target": self.target,
            "now": self.now_ns // 1_000_000,
            "period": self.period_s * 1000,
            "drift": self.drift_s * 1000,
            "level": self.level,
            "oneByOne": self.one_by_one,
        }


def _nodes_json(blocks: Blocks) -> Answer:
    return {str(height): light_block_to_json(block) for height, block in blocks.items()}


def ended_as(run: Callable[[], LightBlock]) -> Answer:
    try:
        block = run()
        return {"end": "verified", "height": block.height, "hash": block.header.hash.hex().upper()}
    except AttackDetected as attack:
        pieces = [
            [each.kind.value, each.common_height, [member.address.hex().upper() for member in each.byzantine]]
            for each in attack.evidence
        ]
        return {"end": "attack", "evidence": pieces}
    except HeaderRefused as refused:
        return {"end": "refused", "rule": refused.verdict.rule}
    except LightClientError as error:
        return {"end": type(error).__name__}


def _fraction(level: tuple[int, int]) -> Fraction:
    return Fraction(*level)


def without(blocks: Blocks, *heights: int) -> Blocks:
    return {height: block for height, block in blocks.items() if height not in heights}


def upto(blocks: Blocks, last: int) -> Blocks:
    return {height: block for height, block in blocks.items() if height <= last}


def unsigned(block: LightBlock) -> LightBlock:
    """The block with the signature of each vote for nil put out."""
    slots = [
        replace(slot, signature=bytes(64)) if slot.flag is BlockIDFlag.NIL else slot
        for slot in block.commit.signatures
    ]
    return replace(block, commit=replace(block.commit, signatures=tuple(slots)))


def lying(height: int, **header: Any) -> Blocks:
    return {**HONEST, height: tampered(HONEST[height], **header)}


OK = {"end": "verified"}
LATE = grow(replace(SAME, step_ns=10 * SECOND), 12, upto(HONEST, 6))
ONE_NIL = grow(replace(SAME, nil=lambda height: "A"), 12, upto(HONEST, 11))
STILL = grow(replace(SAME, step_ns=0), 3)

SCENARIOS: dict[str, Scenario] = {
    "the same validators are skipped to in one step": Scenario(
        HONEST, {**OK, "asked": [12], "kept": [1, 12]}
    ),
    "the latest block is asked for by no height": Scenario(
        HONEST, {**OK, "height": 12, "asked": [None]}, target=None
    ),
    "one by one every header is visited": Scenario(
        HONEST, {**OK, "asked": [12, *range(2, 12)], "kept": [*range(1, 13)]}, one_by_one=True
    ),
    "changed validators are bisected to": Scenario(
        ROTATING, {**OK, "height": 24}, witnesses=(ROTATING,), target=24, after_s=40
    ),
    "a stricter trust level takes smaller steps": Scenario(
        ROTATING, {**OK, "height": 24}, witnesses=(ROTATING,), target=24, after_s=40, level=(2, 3)
    ),
    "changed validators are followed one by one": Scenario(
        ROTATING, {**OK, "height": 24}, witnesses=(ROTATING,), target=24, after_s=40, one_by_one=True
    ),
    "a header below is reached by hashes": Scenario(
        HONEST, {**OK, "height": 7, "asked": [7, 9, 8]}, trusted=10, target=7
    ),
    "a header below that is not the one named is refused": Scenario(
        {**forked(7, 7), **{h: b for h, b in HONEST.items() if h > 7}},
        {"end": "refused", "rule": "link"},
        witnesses=(),
        trusted=10,
        target=7,
    ),
    "a header below under another's commit is refused": Scenario(
        {**HONEST, 7: replace(HONEST[7], commit=HONEST[8].commit)},
        {"end": "refused", "rule": "commit"},
        witnesses=(),
        trusted=10,
        target=7,
    ),
    "a header below that is not earlier is refused": Scenario(
        STILL, {"end": "refused", "rule": "time"}, witnesses=(), trusted=3, target=2
    ),
    "a header below is not reached from one beyond its period": Scenario(
        HONEST,
        {"end": "refused", "rule": "trusting period"},
        witnesses=(),
        trusted=10,
        target=7,
        after_s=3609,
    ),
    "a trusted header beyond its period trusts nothing": Scenario(
        HONEST, {"end": "refused", "rule": "trusting period"}, witnesses=(), after_s=3600
    ),
    "a trusted header within its last second still counts": Scenario(HONEST, OK, after_s=3599),
    "a header from the future is refused": Scenario(
        HONEST, {"end": "refused", "rule": "future"}, witnesses=(), after_s=11
    ),
    "a header within the clock drift is not from the future": Scenario(HONEST, OK, after_s=11, drift_s=1),
    "a lying primary is replaced by a witness": Scenario(
        lying(12, app_hash=b"\x66" * 32),
        {**OK, "witnesses": [1]},
        witnesses=(HONEST, HONEST),
        trust_from=HONEST,
    ),
    "a lying primary without witnesses ends in its refusal": Scenario(
        lying(12, app_hash=b"\x66" * 32), {"end": "refused", "rule": "commit"}, witnesses=()
    ),
    "a primary without the block is replaced": Scenario(
        upto(HONEST, 6), {**OK, "height": 12}, witnesses=(HONEST, HONEST)
    ),
    "a promoted witness does not confirm itself": Scenario(
        upto(HONEST, 6), {"end": "NotConfirmed", "kept": [1]}, witnesses=(HONEST,)
    ),
    "a silent witness confirms nothing": Scenario(
        HONEST, {"end": "NotConfirmed", "kept": [1], "witnesses": [0]}, witnesses=(None,)
    ),
    "one silent witness beside one that confirms stays": Scenario(
        HONEST, {**OK, "witnesses": [0, 1]}, witnesses=(None, HONEST)
    ),
    "a witness that is behind confirms nothing and stays": Scenario(
        HONEST, {"end": "NotConfirmed", "witnesses": [0]}, witnesses=(upto(HONEST, 6),)
    ),
    "a witness that cannot back its header is dropped": Scenario(
        HONEST, {**OK, "witnesses": [1]}, witnesses=(lying(12, app_hash=b"\x66" * 32), HONEST)
    ),
    "a witness of another history from the start is dropped": Scenario(
        HONEST, {**OK, "witnesses": [1]}, witnesses=(forked(1), HONEST)
    ),
    "a fork that only one of four signed is no attack": Scenario(
        HONEST, {**OK, "witnesses": [1]}, witnesses=(forked(7, signers=lambda height: "A"), HONEST)
    ),
    "another state, signed by three, is a lunatic attack": Scenario(
        forked(7, app=lambda height: "forged", signers=lambda height: "ABC"),
        {"end": "attack", "kinds": ["lunatic", "lunatic"], "common": 1, "guilty": ["ABC", "ABCD"]},
    ),
    "two blocks of one round are an equivocation": Scenario(
        forked(12, signers=lambda height: "BCD"),
        {"end": "attack", "kinds": ["equivocation", "equivocation"], "common": 12, "guilty": ["BCD", "BCD"]},
    ),
    "two blocks of two rounds are an amnesia": Scenario(
        forked(12, round=lambda height: 1),
        {"end": "attack", "kinds": ["amnesia", "amnesia"], "common": 12, "guilty": ["", ""]},
    ),
    "a header above a chain that is already later is a forward lunatic attack": Scenario(
        HONEST,
        {"end": "attack", "kinds": ["lunatic", "lunatic"], "common": 1, "guilty": ["ABCD", "ABCD"]},
        witnesses=(upto(LATE, 9),),
        after_s=120,
    ),
    "an attack is found where the histories part on a long way": Scenario(
        grow(
            Plan(
                lambda height: "ABCDEFGHIJKLMNOP"[height // 3 : height // 3 + 4], app=lambda height: "forged"
            ),
            24,
            upto(ROTATING, 14),
        ),
        {"end": "attack", "kinds": ["lunatic", "lunatic"]},
        witnesses=(ROTATING,),
        target=24,
        after_s=40,
    ),
    "nothing is kept from an attack": Scenario(
        forked(7, app=lambda height: "forged"), {"end": "attack", "kept": [1]}
    ),
    "a primary that serves another height is replaced": Scenario(
        {**HONEST, 12: HONEST[11]}, {**OK, "height": 12, "witnesses": [1]}, witnesses=(HONEST, HONEST)
    ),
    "votes for nil do not carry a header": Scenario(
        grow(replace(SAME, nil=lambda height: "AB"), 12, upto(HONEST, 11)),
        {"end": "refused", "rule": "quorum"},
        witnesses=(),
    ),
    "a badly signed vote for nil condemns the commit": Scenario(
        {**ONE_NIL, 12: unsigned(ONE_NIL[12])}, {"end": "refused", "rule": "signature"}, witnesses=()
    ),
    "one vote for nil beside a quorum does no harm": Scenario(ONE_NIL, OK, witnesses=()),
}
