"""How bad the days before the network calms are. Times are virtual milliseconds."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Profile:
    """`byzantine` validators say what they like; `twins` run honest code twice under one key. Together they,
    `flips` and `wipes` (disks that forget what was synced) are the faulty ones: at most f of 3f+1.

    `split_rounds`: in each of these first rounds the validators are parted anew, by round and not by time.
    `cuts`: power cuts, each during some later write to the log, the guard or the block store; `outages` hit
    all at the same time.
    `hidden`: how many precommits are lost on top of `loss`: it makes locks and decisions that few know of.
    `power`: each validator's voting power. `skew`: clocks are up to this much early or late.
    """

    name: str
    validators: int = 4
    power: int = 10
    heights: int = 1
    calm_at: int = 600
    give_up_at: int = 20_000
    delay: int = 60
    loss: float = 0.1
    hidden: float = 0.0
    partitions: int = 1
    cuts: int = 1
    outages: int = 0
    byzantine: int = 1
    twins: int = 0
    split_rounds: int = 0
    flips: int = 0
    wipes: int = 0
    skew: int = 60_000

    @property
    def faulty(self) -> int:
        return self.byzantine + self.twins + self.flips + self.wipes


LIGHT = Profile("light", calm_at=400)
HEIGHTS = Profile("heights", heights=3, cuts=2)
ROUGH = Profile("rough", delay=250, loss=0.4, partitions=3, cuts=2, calm_at=1500)
POWER = Profile("power", delay=120, loss=0.3, partitions=2, cuts=12, calm_at=1500, byzantine=0, heights=2)
POWER_LIAR = replace(POWER, name="power-liar", byzantine=1, heights=1)
OUTAGE = Profile("outage", byzantine=0, cuts=0, outages=4, heights=2)
LOSSY = Profile("lossy", delay=120, loss=0.5, partitions=4, cuts=0, calm_at=2500)
HIDDEN = Profile("hidden", loss=0.1, hidden=0.8, cuts=0, calm_at=2000)
LIARS = Profile("liars", cuts=0, partitions=0, loss=0.0, heights=2)
TWINS = Profile("twins", byzantine=0, twins=1, split_rounds=6, loss=0.0, partitions=0, cuts=0, calm_at=3000)
TWINS_POWER = replace(TWINS, name="twins-power", cuts=3, heights=2, loss=0.1)
TWINS_SEVEN = replace(TWINS, name="twins-seven", validators=7, twins=2, split_rounds=4)
FLIPPED = Profile("flipped", byzantine=0, flips=1, cuts=2)
WIPED = Profile("wiped", byzantine=0, wipes=1, cuts=2, delay=120, loss=0.3, calm_at=1500)
SMALL_POWER = replace(LIARS, name="power-of-one", power=1, heights=3)
SEVEN = Profile("seven", validators=7, byzantine=2, cuts=2)
SEVEN_MIXED = Profile("seven-mixed", validators=7, byzantine=1, flips=1, cuts=4, heights=2, loss=0.2)
TEN = Profile("ten", validators=10, byzantine=3, cuts=3, partitions=2)
TEN_MIXED = Profile("ten-mixed", validators=10, byzantine=1, twins=1, wipes=1, cuts=4, split_rounds=3)

PROFILES = {
    profile.name: profile
    for profile in (
        LIGHT,
        HEIGHTS,
        ROUGH,
        POWER,
        POWER_LIAR,
        OUTAGE,
        LOSSY,
        HIDDEN,
        LIARS,
        TWINS,
        TWINS_POWER,
        TWINS_SEVEN,
        FLIPPED,
        WIPED,
        SMALL_POWER,
        SEVEN,
        SEVEN_MIXED,
        TEN,
        TEN_MIXED,
    )
}
_RARE = [
    HEIGHTS,
    ROUGH,
    POWER,
    POWER_LIAR,
    OUTAGE,
    LOSSY,
    HIDDEN,
    LIARS,
    TWINS_POWER,
    FLIPPED,
    WIPED,
    SMALL_POWER,
]
_LARGE = [SEVEN, TWINS_SEVEN, SEVEN_MIXED, TEN, TEN_MIXED]


def mixed(seed: int) -> Profile:
    """The profile of this seed in a mixed search: of sixteen seeds eight are light, two twins, one large."""
    turn, rest = divmod(seed, 16)
    if rest < 8:
        return LIGHT
    if rest < 10:
        return TWINS
    if rest == 10:
        return _LARGE[turn % len(_LARGE)]
    return _RARE[(turn * 5 + rest) % len(_RARE)]
