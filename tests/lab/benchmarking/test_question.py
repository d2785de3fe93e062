"""Ways are held to the same outputs before they are timed; who differs is reported, and not timed."""

from collections.abc import Iterator

import numpy as np
import pytest

from statewise_lab.benchmarking.gauges import Floor, Products, Reading
from statewise_lab.benchmarking.measure import Absent, Outputs
from statewise_lab.benchmarking.peers import Peers
from statewise_lab.benchmarking.question import Question, Settings, compare
from statewise_lab.benchmarking.result_table import table
from statewise_lab.benchmarking.row import Row


class Fixed:
    """A way with outputs and seconds that a test says."""

    def __init__(self, output: float, *seconds: float) -> None:
        self.output, self.seconds = output, list(seconds) or [1.0]

    def outputs(self) -> Outputs:
        return {"ys": np.full(3, self.output)}

    def turn(self, calls: int) -> float:
        return self.seconds[0] * calls


@pytest.fixture
def settings() -> Iterator[Settings]:
    peers = Peers(None, 1)
    yield Settings(peers, rounds=3, quick=True)
    peers.close()


def test_a_way_whose_outputs_differ_is_reported_and_not_timed(settings: Settings) -> None:
    row = compare({}, {"statewise": Fixed(1.0), "torch": Fixed(1.0), "other": Fixed(1.01)}, settings)
    assert list(row.seconds) == ["statewise", "torch"]
    assert row.absent == {"other": "its outputs differ by 0.01"}


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1.002])
def test_our_own_outputs_are_held_to_the_first_peers(wrong: float, settings: Settings) -> None:
    row = compare({}, {"statewise": Fixed(wrong), "torch": Fixed(1.0)}, settings)
    assert list(row.absent) == ["statewise"]


def test_smaller_weights_may_be_off_by_more(settings: Settings) -> None:
    ways = {"torch": Fixed(1.0), "other int8": Fixed(1.05), "third int8": Fixed(1.2)}
    row = compare({}, ways, settings)
    assert list(row.seconds) == ["torch", "other int8"]


def test_a_way_that_is_absent_keeps_its_reason(settings: Settings) -> None:
    row = compare({}, {"torch": Fixed(1.0), "JAX": Absent("does not install: no network")}, settings)
    assert row.absent == {"JAX": "does not install: no network"}
    assert "does not install: no network" in table(Question("q", "How fast?", 1, lambda _: iter(())), [row])


def test_the_best_peer_of_int8_is_another_int8_where_there_is_one() -> None:
    seconds = {"statewise": [2.0], "statewise int8": [1.0], "torch": [4.0], "JAX": [3.0], "other int8": [3.5]}
    row = Row({}, seconds)
    assert (row.best_peer("statewise"), row.best_peer("statewise int8")) == ("JAX", "other int8")
    del seconds["other int8"]
    assert row.best_peer("statewise int8") == "JAX"


def test_the_ratio_is_taken_round_by_round() -> None:
    row = Row({}, {"statewise": [1.0, 10.0, 2.0], "torch": [3.0, 20.0, 8.0]})
    assert row.ratio("statewise", "torch") == 3.0  # of the medians it would be 4


def test_the_floor_is_the_work_at_the_best_speed_that_was_seen(settings: Settings) -> None:
    products = Products((16,))
    row = compare({}, {"torch": Fixed(1.0)}, settings, floor=Floor(1e6, products))
    assert row.floor_seconds == pytest.approx(1e6 / products.best_flops_per_second)


def test_reading_counts_every_byte_as_often_as_it_is_read() -> None:
    reading = Reading(2**16)
    seconds = reading.turn(1)
    assert reading.best_bytes_per_second == pytest.approx(2**28 / seconds)


def test_a_table_shows_the_numbers_with_their_unit() -> None:
    question = Question("q", "How fast?", 1, lambda _: iter(()))
    shown = table(question, [Row({"H": 4}, {"statewise": [0.002], "torch": [0.003]}, floor_seconds=0.001)])
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines()[2::2]] == [
        ["H", "best peer of statewise", "x", "of floor", "statewise", "torch"],
        ["4", "torch", "1.50", "2.00", "2.00", "3.00"],
    ]
    assert shown.startswith("### How fast? (milliseconds)\n")
