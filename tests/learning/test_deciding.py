"""Checks decide: the rate falls on a plateau, training ends where nothing gets better, the best weights are kept."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import statewise
from statewise.errors import UsageError
from statewise.learning.average import Average
from statewise.learning.early_stopping import Progress
from statewise.learning.events import Checked, Scoring, Stopped, Updated
from statewise.run.recipe import Recipe

TINY: dict[str, Any] = {
    "source": "book.txt",
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 2,
}
RUN: dict[str, Any] = {**TINY, "threads": 1, "updates": 16, "checks": 7, "sample_seconds": 0, "warmup": 0}
# a rate at which the loss goes up and down
WILD: dict[str, Any] = {
    **RUN,
    "optimizer": "sgd",
    "learning_rate": 30.0,
    "schedule": "plateau",
    "patience": 1,
    "factor": 0.5,
}
# a rate that rises until it undoes what was learned: on any processor, the best check is one in the middle
RISING: dict[str, Any] = {**RUN, "optimizer": "sgd", "learning_rate": 60.0, "schedule": "constant", "warmup": 60}


def after(scores: list[float], **settings: Any) -> Progress:
    progress = Progress()
    for number, nats in enumerate(scores, start=1):
        progress = progress.after(nats, number, Recipe(checks=9, **settings))
    return progress


def weights(run: str) -> dict[str, bytes]:
    newest = max(Path(run, "checkpoints").iterdir())
    return {path.name: path.read_bytes() for path in newest.glob("*.safetensors")}


@pytest.mark.parametrize(
    ("scores", "scale"),
    [
        ([3, 2, 1], 1.0),
        ([3, 3], 1.0),
        ([3, 3, 3], 0.5),
        ([3, 4, 2, 3], 1.0),
        ([1, 2, 2, 2, 2], 0.25),
        ([math.nan] * 2, 0.5),
    ],
)
def test_the_rate_falls_after_checks_without_a_better_score(scores: list[float], scale: float) -> None:
    assert after(scores, schedule="plateau", patience=2, factor=0.5).scale == scale
    assert after(scores, schedule="constant", patience=2, factor=0.5).scale == 1.0


def test_training_is_over_after_checks_without_a_better_score() -> None:
    assert not after([3, 2, 2]).is_over(Recipe())
    assert not after([3, 2, 2]).is_over(Recipe(early_stop=2, checks=9))
    assert after([3, 2, 2, 2]).is_over(Recipe(early_stop=2, checks=9))
    assert after([math.inf, math.nan]).best is None


@pytest.mark.parametrize("asked", [{"schedule": "plateau"}, {"early_stop": 2}, {"keep": "best"}])
def test_what_goes_by_checks_needs_some(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="needs scores during training, and checks is 0: give checks"):
        Recipe(**asked)


@pytest.mark.parametrize("leave_in", [Scoring, Checked])
@pytest.mark.parametrize("settings", [WILD, {**WILD, "keep": "best", "average": 0.6, "average_from": 0.2}])
def test_a_run_left_at_any_check_resumes_to_the_same_end(book: Path, settings: dict[str, Any], leave_in: type) -> None:
    statewise.train(statewise.Text(**settings), run="whole")
    for stop_at in (2, 8, 14):
        run = f"left-at-{stop_at}"
        update, events = 0, statewise.training(statewise.Text(**settings), run=run)
        for event in events:
            update = event.update if isinstance(event, Updated) else update
            if isinstance(event, leave_in) and update >= stop_at:
                break
        events.close()
        statewise.resume(run)
        assert weights(run) == weights("whole")


def test_training_stops_early_says_so_and_stays_stopped(book: Path) -> None:
    task = statewise.Text(**{**RISING, "early_stop": 2, "keep": "best"})
    events = list(statewise.training(task, run="one"))
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.checks == 2
    assert stopped.update < 16
    assert max(event.update for event in events if isinstance(event, Updated)) == stopped.update
    assert not [event for event in statewise.verbs.resuming("one") if isinstance(event, Updated)]


def test_the_best_weights_are_those_that_are_used(book: Path) -> None:
    events = list(statewise.training(statewise.Text(**{**RISING, "keep": "best"}), run="one"))
    scores = [event.metrics["bits_per_character"] for event in events if isinstance(event, Checked)]
    assert len(scores) == 8  # the last weights compete, too
    assert min(scores) < min(scores[0], scores[-1]) - 0.5
    assert statewise.evaluate("one").metrics["bits_per_character"] == min(scores)


def test_a_mean_follows_the_weights_and_what_is_scored_is_the_mean(book: Path) -> None:
    statewise.train(statewise.Text(**RUN, average=1.0, average_from=0.0), run="mean")
    statewise.train(statewise.Text(**RUN), run="plain")
    assert weights("mean")["weights.safetensors"] == weights("plain")["weights.safetensors"]
    mean, plain = (statewise.load(run).model.state_dict() for run in ("mean", "plain"))
    assert not torch.equal(mean["head.bias"], plain["head.bias"])


@pytest.mark.parametrize(("keep", "expected"), [(1.0, 5.0), (0.5, 5.75), (0.0, 8.0)])
def test_a_mean_is_plain_at_first_and_then_forgets(keep: float, expected: float) -> None:
    layer: Any = torch.nn.Linear(1, 1)
    average = Average(layer, keep)
    for value in (2.0, 5.0, 8.0):
        torch.nn.init.constant_(layer.weight, value)
        average.follow(layer)
    mean: Any = average.model
    assert float(mean.weight.detach()) == pytest.approx(expected)
