"""Environments stepped here, as one in each way to begin again, and in processes: all give the same."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import statewise
from statewise.errors import TrainingError, UsageError
from statewise.learning.learner import Learner
from statewise.tasks.game.collecting import Playing
from statewise.tasks.game.policy import as_policy
from statewise.tasks.game.task import Game
from statewise.tasks.game.workers import InWorkers

SMALL: dict[str, Any] = {
    "envs": 5,
    "rollout": 21,
    "sequence_length": 7,
    "batch_size": 5,
    "hidden_size": 4,
    "passes": 2,
    "threads": 1,
    "updates": 99,
    "normalize": "none",
}


def learner_of(source: str, folder: Path, **how: Any) -> Learner:
    task = Game(source=source, **{**SMALL, **how})
    data = task.prepare(folder)
    torch.manual_seed(0)
    return Learner(task.model(data.codec), data.windows("training"), task)


@pytest.mark.parametrize("source", ["vector_cut", "vector_cut_same_step", "vector_cut_disabled"])
def test_in_every_way_to_begin_again_episodes_are_whole_and_ratios_one(source: str, tmp_path: Path) -> None:
    learner = learner_of(f"made_games:{source}", tmp_path, vectorized=True)
    for _ in range(2):
        window = learner.order[learner.window_number]
        assert learner.rollouts is not None
        rollout = learner.rollouts.rollout
        with torch.no_grad():
            params, _ = learner.model.scan(window, None)
        likely = as_policy(learner.model).log_probability(params, window.targets.actions)
        away = (likely - window.targets.log_probabilities).abs()
        assert float(away[window.mask].max() if window.mask is not None else away.max()) < 2e-5
        for _ in range(len(learner.windows)):
            learner.update()
    playing = learner.windows
    assert isinstance(playing, Playing)
    assert playing.recent == [5.0] * len(playing.recent)
    is_next = source == "vector_cut"
    assert bool(rollout["real"].all()) != is_next
    begun = [*np.flatnonzero(rollout["begun"][:, 0] & rollout["real"][:, 0])]
    assert set(np.diff(begun)) == {6 if is_next else 5}
    learned = rollout["inputs"][rollout["begun"] & rollout["real"]]
    assert bool((learned[:, 0].abs() == 1).all()), "the first observation of an episode shows its bit"


def test_what_a_cut_episode_would_have_brought_is_the_same_in_every_way(tmp_path: Path) -> None:
    found = []
    for source in ("vector_cut", "vector_cut_same_step", "vector_cut_disabled"):
        learner = learner_of(f"made_games:{source}", tmp_path, vectorized=True, rollout=7, batch_size=5)
        _ = learner.order[0]
        assert learner.rollouts is not None
        found.append(learner.rollouts.rollout["returns"][:5])
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


def test_the_vector_form_of_an_id_is_trained_in_and_goes_on(tmp_path: Path) -> None:
    how: dict[str, Any] = {**SMALL, "updates": 12, "sample_seconds": 0, "compare": False, "hide": (1, 3)}
    run = statewise.train(Game(source="CartPole-v1", vectorized=True, **how), run=tmp_path / "run")
    assert run.metrics["return"] >= 8
    one, other = (learner_of("CartPole-v1", tmp_path, vectorized=True) for _ in range(2))
    one.update()
    other.restore(one.snapshot())
    for _ in range(2 * len(other.windows)):
        other.update()
    data: Any = run.load().data()
    assert "cannot be brought back" in data.notices[0]


@pytest.mark.parametrize(
    ("source", "how", "words"),
    [
        ("MountainCarContinuous-v0", {}, "has no vector form of its own"),
        ("made_games:Recall", {}, "cannot be made of num_envs"),
        ("CartPole-v1", {"workers": 2}, "give one of them"),
    ],
)
def test_what_has_no_vector_form_is_refused(source: str, how: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        _ = learner_of(source, tmp_path, vectorized=True, **how).order[0]


@pytest.mark.parametrize("source", ["Recall", "Masked", "Steering", "Mixed"])
def test_workers_play_what_this_process_would(source: str, tmp_path: Path) -> None:
    here, apart = (learner_of(f"made_games:{source}", tmp_path, workers=workers) for workers in (0, 2))
    for _ in range(len(here.windows) + 2):
        assert here.update().nats == apart.update().nats
    again = learner_of(f"made_games:{source}", tmp_path, workers=3)
    again.restore(apart.snapshot())
    for _ in range(len(here.windows)):
        assert here.update().nats == again.update().nats
    for learner in (apart, again):
        playing = learner.windows
        assert isinstance(playing, Playing)
        playing.seats.close()


def learn_from_all(learner: Learner) -> None:
    for _ in range(len(learner.windows)):
        learner.update()


def test_a_worker_that_is_killed_is_started_again_and_said(tmp_path: Path) -> None:
    learner = learner_of("made_games:Recall", tmp_path, workers=2)
    learner.update()
    playing = learner.windows
    assert isinstance(playing, Playing)
    seats = playing.seats
    assert isinstance(seats, InWorkers)
    os.kill(seats.processes[1].pid, signal.SIGKILL)
    seats.processes[1].join()
    with pytest.warns(RuntimeWarning, match=r"a worker of made_games:Recall ended \(exit code -9\) and is started"):
        learn_from_all(learner)
    assert learner.rollouts is not None
    real = learner.rollouts.rollout["real"]
    assert not bool(real[0, 3:].any())
    assert bool(real[1:].all())
    seats.close()


def test_what_an_environment_raises_in_a_worker_is_raised_here(tmp_path: Path) -> None:
    learner = learner_of("made_games:raising", tmp_path, workers=2)
    with pytest.raises(TrainingError, match=r"raising failed at step 3 .* the motor is broken"):
        learner.update()
    playing = learner.windows
    assert isinstance(playing, Playing)
    playing.seats.close()
