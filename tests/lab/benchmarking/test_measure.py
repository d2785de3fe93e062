"""Turns are taken one after another, rotated, and what they cost is counted for one call."""

import gc

import numpy as np
import pytest
import torch

from statewise_lab.benchmarking.measure import Local, Outputs, in_turns, timed


class Counted:
    """A way that says each of its calls takes so many seconds, and writes down when it was asked."""

    def __init__(self, name: str, seconds: float, asked: list[tuple[str, int]]) -> None:
        self.name, self.seconds, self.asked = name, seconds, asked

    def outputs(self) -> Outputs:
        return {}

    def turn(self, calls: int) -> float:
        self.asked.append((self.name, calls))
        return self.seconds * calls


def test_each_round_gives_every_way_one_turn_and_begins_with_another() -> None:
    asked: list[tuple[str, int]] = []
    ways = {name: Counted(name, 1.0, asked) for name in ("a", "b", "c")}
    in_turns(ways, rounds=4, turn_seconds=0.1)
    turns = [name for name, _ in asked[2 * len(ways) :]]
    assert ["".join(turns[i : i + 3]) for i in range(0, 12, 3)] == ["abc", "bca", "cab", "abc"]


def test_a_turn_has_as_many_calls_as_fill_it_and_at_least_one() -> None:
    asked: list[tuple[str, int]] = []
    ways = {"quick": Counted("quick", 0.01, asked), "slow": Counted("slow", 5.0, asked)}
    seconds = in_turns(ways, rounds=2, turn_seconds=0.1)
    assert asked[-2:] == [("slow", 1), ("quick", 10)]
    assert seconds["quick"] == pytest.approx([0.01, 0.01])
    assert seconds["slow"] == [5.0, 5.0]


def test_the_garbage_collector_rests_during_a_turn_and_works_again_after_it() -> None:
    seen: list[bool] = []
    timed(lambda: seen.append(gc.isenabled()), 3)
    assert seen == [False, False, False]
    assert gc.isenabled()


def test_a_local_way_runs_within_its_context_and_returns_copies() -> None:
    kept = torch.ones(2)

    def call() -> dict[str, torch.Tensor]:
        assert torch.is_inference_mode_enabled()
        return {"ys": kept}

    way = Local(call, around=torch.inference_mode)
    found = way.outputs()["ys"]
    way.turn(2)
    kept.zero_()
    assert np.array_equal(found, [1.0, 1.0])
