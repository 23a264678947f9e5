"""Energy from counters that wrap, vanish or may not be read, and from estimates; never a sum of both."""

from pathlib import Path

import pytest

from ledger.node.energy import (
    WINDOW_BLOCKS,
    EnergyMeter,
    EnergyReading,
    Rapl,
    RaplUnreadable,
    machine_cpu_s,
    own_cpu_s,
)

RANGE = 262_143_328_850


class Machine:
    """A machine with a sysfs folder of its own; time and work pass only as told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.own = self.busy = 0.0
        self.now = 1_000
        self.zone("intel-rapl:0", "package-0", 1_000)

    def zone(self, folder: str, name: str, microjoules: int) -> None:
        zone = self.root / folder
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text(f"{microjoules}\n")
        (zone / "max_energy_range_uj").write_text(f"{RANGE}\n")

    def meter(self, watts: float = 10) -> EnergyMeter:
        return EnergyMeter(
            watts, lambda: Rapl(self.root), lambda: self.own, lambda: self.busy, lambda: self.now
        )

    def work(self, own: float, others: float = 0.0) -> None:
        """CPU seconds of this process, and of all others."""
        self.own += own
        self.busy += own + others


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "powercap")


def test_counter_goes_on_after_its_wraparound(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0", RANGE - 2_000_000)
    rapl = Rapl(machine.root)
    machine.zone("intel-rapl:0", "package-0", 3_000_000)
    assert rapl.joules_since_last() == 5.0
    assert rapl.joules_since_last() == 0.0


def test_packages_are_added_and_what_lies_inside_or_over_them_is_not(machine: Machine) -> None:
    names = {"intel-rapl:1": "package-1", "intel-rapl:0:0": "core", "intel-rapl:2": "psys", "intel-rapl": ""}
    for folder, name in names.items():
        machine.zone(folder, name, 1_000)
    rapl = Rapl(machine.root)
    for folder, name in ("intel-rapl:0", "package-0"), *names.items():
        machine.zone(folder, name, 7_001_000)
    assert rapl.joules_since_last() == 14.0


@pytest.mark.parametrize("fault", ["no folder", "forbidden", "nonsense", "no range"])
def test_counters_that_cannot_be_read_give_an_estimate_that_says_so(machine: Machine, fault: str) -> None:
    counter = machine.root / "intel-rapl:0" / "energy_uj"
    if fault == "no folder":
        machine.root = machine.root / "absent"
    elif fault == "forbidden":
        counter.unlink()
        counter.mkdir()  # as unreadable for root as a forbidden file is for others
    elif fault == "nonsense":
        counter.write_text("many")
    else:
        (machine.root / "intel-rapl:0" / "max_energy_range_uj").unlink()
    meter = machine.meter(watts=12)
    machine.work(own=3, others=50)
    meter.committed(9)
    reading = meter.reading()
    assert reading.watts_source == "estimate"
    assert (reading.joules, reading.machine_joules, reading.joules_per_transaction) == (36.0, None, 4.0)


def test_measured_joules_are_shared_out_by_cpu_time(machine: Machine) -> None:
    meter = machine.meter()
    machine.work(own=1, others=3)
    machine.zone("intel-rapl:0", "package-0", 1_000 + 80_000_000)
    meter.committed(5)
    reading = meter.reading()
    assert reading.watts_source == "rapl"
    assert reading.attribution == "cpu share of the packages"
    assert (reading.machine_joules, reading.joules, reading.joules_per_transaction) == (80.0, 20.0, 4.0)


def test_process_is_never_charged_with_more_than_there_was(machine: Machine) -> None:
    meter = machine.meter()
    machine.own, machine.busy = 5.0, 4.99
    machine.zone("intel-rapl:0", "package-0", 1_000 + 10_000_000)
    assert meter.reading().joules == 10.0


def test_when_the_counters_vanish_a_new_count_begins_and_nothing_is_added_up(machine: Machine) -> None:
    meter = machine.meter()
    machine.work(own=1)
    machine.zone("intel-rapl:0", "package-0", 1_000 + 50_000_000)
    meter.committed(5)
    assert meter.reading().joules == 50.0
    (machine.root / "intel-rapl:0" / "energy_uj").unlink()
    machine.work(own=1)
    machine.now = 9_000
    fresh = meter.reading()
    assert (fresh.watts_source, fresh.since, fresh.joules, fresh.transactions) == ("estimate", 9_000, 0.0, 0)
    machine.zone("intel-rapl:0", "package-0", 0)
    machine.work(own=2)
    meter.committed(4)
    later = meter.reading()
    assert (later.watts_source, later.joules, later.joules_per_transaction) == ("estimate", 20.0, 5.0)
    assert later.machine_joules is None


def test_nothing_committed_has_no_cost_per_transaction(machine: Machine) -> None:
    machine.work(own=1)
    reading = machine.meter().reading()
    assert reading.joules_per_transaction is None
    assert reading.window_joules_per_transaction is None
    assert reading.window_blocks == 0


def test_window_forgets_what_is_longer_ago_than_its_blocks(machine: Machine) -> None:
    machine.root = machine.root / "absent"
    meter = machine.meter(watts=1)
    machine.work(own=1_000)
    meter.committed(1)
    for _ in range(WINDOW_BLOCKS):
        machine.work(own=2)
        meter.committed(1)
    reading = meter.reading()
    assert reading.window_blocks == WINDOW_BLOCKS
    assert reading.window_joules_per_transaction == 2.0
    assert reading.joules_per_transaction == pytest.approx((1_000 + 2 * WINDOW_BLOCKS) / (WINDOW_BLOCKS + 1))


def test_busy_time_of_the_machine_leaves_out_idle_waiting_and_guests(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 300 9999 8888 4 5 6 70 80\ncpu0 1 2 3\n")
    assert machine_cpu_s(stat) == pytest.approx(4.35)
    stat.write_text("cpu\n")
    with pytest.raises(RaplUnreadable):
        machine_cpu_s(stat)
    with pytest.raises(RaplUnreadable):
        machine_cpu_s(tmp_path / "absent")


def test_on_this_machine_a_meter_answers_with_what_there_is() -> None:
    before = own_cpu_s()
    meter = EnergyMeter(10)
    while own_cpu_s() - before < 0.1:
        sum(range(10_000))
    reading = meter.reading()
    assert isinstance(reading, EnergyReading)
    assert reading.cpu_seconds >= 0.05
    assert reading.watts_source in ("rapl", "estimate")
