"""Days of an idle ledger in virtual time: silent, but never so long that light clients lose their trust."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.node.devnet import init_devnet
from ledger.node.home import Home
from ledger.node.messages import Message
from ledger.types.block import Block
from ledger.types.genesis import Genesis
from ledger.types.params import TRUSTING_PERIOD_S
from tests.ledger.node.app_state import APP_STATE
from tests.ledger.node.test_host import NAMES, Validator
from tests.ledger.node.virtual_time import NS, VirtualLoop

THIRD_S = TRUSTING_PERIOD_S / 3
MINUTE_S = 60
HOUR_S = 3600


@dataclass
class Talker(Validator):
    """What it says is heard at once by all who listen."""

    others: list["Talker"] = field(default_factory=list)

    def broadcast(self, message: Message) -> None:
        for other in self.others:
            if not other.deaf:
                asyncio.get_running_loop().call_soon(other.hear, message)


@dataclass
class Idle:
    """Four validators in one virtual loop, each clock off by `skews_s`."""

    loop: VirtualLoop
    validators: list[Talker]

    @classmethod
    def make(cls, folder: Path, skews_s: tuple[float, ...] = (0, 0, 0, 0)) -> "Idle":
        homes = [Home(n.home) for n in init_devnet(folder, NAMES, APP_STATE, "salus-test", 1000)]
        loop = VirtualLoop(Genesis.read(homes[0].genesis.read_bytes()).time_ns)
        clocks = [lambda skew=skew: loop.clock_ns() + int(skew * NS) for skew in skews_s]
        validators = [Talker(home, clock_ns=clock) for home, clock in zip(homes, clocks, strict=True)]
        for validator in validators:
            validator.others = [other for other in validators if other is not validator]
        return cls(loop, validators)

    def times_s(self) -> list[float]:
        """Header times of all blocks, in seconds since the genesis; every validator has the same blocks."""
        stores = [validator.store for validator in self.validators if not validator.deaf]
        assert len({store.tip.block for store in stores if store.tip}) == 1
        found = [stores[0].load(height) for height in range(1, stores[0].height + 1)]
        return [(Block.decode(s.block).header.time_ns - self.loop.epoch_ns) / NS for s in found if s]

    def play(self, seconds: float) -> None:
        async def story() -> None:
            for validator in self.validators:
                if not validator.deaf:
                    validator.boot()
            await asyncio.sleep(seconds)
            for validator in self.validators:
                if not validator.deaf:
                    validator.host.stop()

        self.loop.play(story())


def test_no_block_is_made_before_a_third_of_the_trusting_period(tmp_path: Path) -> None:
    idle = Idle.make(tmp_path / "net")
    idle.play(THIRD_S - MINUTE_S)
    assert len(idle.times_s()) == 1


def test_a_header_is_never_older_than_a_third_of_the_period_and_some_minutes(tmp_path: Path) -> None:
    idle = Idle.make(tmp_path / "net")
    idle.play(4 * THIRD_S + HOUR_S)
    times = idle.times_s()
    assert len(times) == 1 + 2 * 4  # a block that carries the old time, then the fresh one, four times
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) < THIRD_S + 5 * MINUTE_S
    assert 4 * THIRD_S + HOUR_S - times[-1] < 2 * HOUR_S


def test_clocks_a_minute_apart_and_one_validator_gone_change_nothing(tmp_path: Path) -> None:
    idle = Idle.make(tmp_path / "net", (60, -60, 15, 0))
    idle.validators[3].deaf = True
    idle.play(2 * THIRD_S + HOUR_S)
    times = idle.times_s()
    assert len(times) <= 6
    assert max(later - earlier for earlier, later in pairwise(times)) < THIRD_S + 10 * MINUTE_S
    assert times[-1] > 2 * THIRD_S - 2 * MINUTE_S


@pytest.mark.parametrize("ahead_s", [2 * THIRD_S])
def test_a_validator_whose_clock_is_days_ahead_makes_at_most_a_block_a_minute(
    tmp_path: Path, ahead_s: float
) -> None:
    idle = Idle.make(tmp_path / "net", (ahead_s, 0, 0, 0))
    idle.play(10 * MINUTE_S)
    assert 2 <= len(idle.times_s()) <= 12
