"""A game from end to end: trained, resumed, scored next to chance and to no memory, shown, filmed, and asked live."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import statewise
from statewise.cli.main import run as command
from statewise.errors import DataError, UsageError
from statewise.learning.events import Updated
from statewise.tasks.game.task import Game

SMALL: dict[str, Any] = {
    "envs": 8,
    "rollout": 32,
    "sequence_length": 8,
    "batch_size": 8,
    "hidden_size": 16,
    "learning_rate": 0.001,
    "threads": 1,
    "sample_seconds": 0,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recall")
    task = Game(source="made_games:Recall", steps_total=4000, checks=2, compare_frames=4, **SMALL)
    statewise.train(task, run=folder / "run")
    return folder / "run"


def test_a_bit_that_is_kept_for_three_steps_is_learned_and_without_memory_it_is_chance(run: Path) -> None:
    report = statewise.evaluate(run)
    assert report.metrics["return"] == 1
    assert report.metrics["return_low"] == report.metrics["return_high"] == 1
    frames = report.baselines["the last 4 frames, the same steps"]
    assert frames["return"] > 0.8, "four frames show the bit"
    others = [scores for name, scores in report.baselines.items() if "frames" not in name]
    assert len(others) == 2
    for scores in others:
        assert 0.3 < scores["return"] < 0.7
    (table,) = report.tables.values()
    assert table["as trained"]["return"] == 1
    assert 0.3 < table["memory erased before each step"]["return"] < 0.7
    assert "the last 4 frames, the same steps): +0 in return" in report.remarks[1]
    assert report.remarks[2].endswith("pair by pair: better.")


def test_training_tells_the_return_of_its_episodes_and_checks_tell_that_of_others(run: Path) -> None:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    told = [event["terms"] for event in events if event["event"] == "updated"]
    assert told[0]["episode_return"] < 0.8 < told[-1]["episode_return"]
    assert set(told[0]) == {"value", "entropy", "kl", "clipped", "episode_return"}
    checks = [event["metrics"]["return"] for event in events if event["event"] == "checked"]
    assert len(checks) == 2


def test_steps_of_all_environments_together_are_the_budget(run: Path) -> None:
    assert statewise.load(run).update == -(-4000 // (8 * 32)) * 10 * 4


def test_an_evaluation_is_repeated_and_plays_as_many_episodes_as_asked(run: Path) -> None:
    one, other = (statewise.evaluate(run, episodes=7, sampled=True) for _ in range(2))
    assert one.metrics == other.metrics
    assert one.remarks[0].startswith("7 episodes")
    with pytest.raises(UsageError, match="episodes 0 is not a whole number"):
        statewise.evaluate(run, episodes=0)


def test_episodes_are_played_shown_and_filmed(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["predict", str(run), "--episodes", "2", "--watch"]) == 0
    told = capsys.readouterr().out.splitlines()
    steps = [f"step {n}" for n in range(5)]
    assert told == [*steps, "episode 1: return 1 in 4 steps", *steps, "episode 2: return 1 in 4 steps"]
    for name in ("match.gif", "match.mp4"):
        assert command(["predict", str(run), "--video", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 100
    from PIL import Image

    with Image.open(tmp_path / "match.gif") as film:
        assert (film.n_frames, film.size) == (5, (200, 160))  # type: ignore[attr-defined]
    assert command(["predict", str(run), "--video", str(tmp_path / "match.txt")]) == 2
    assert command(["predict", str(run), "--video", "m.gif", "--watch"]) == 2
    assert command(["predict", str(run), "--json"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"match.gif", "match.mp4"}


def test_every_step_is_told_with_what_was_seen_done_and_paid(run: Path) -> None:
    trained = statewise.load(run)
    (plain,) = trained.answer(seed=5).as_json()["answer"]
    (episode,) = trained.answer(seed=5, every_step=True).as_json()["answer"]
    steps = episode.pop("told")
    assert episode == plain
    assert [step["text"] for step in steps] == ["step 0", "step 1", "step 2", "step 3", "step 4"]
    assert [step["reward"] for step in steps] == [0, 0, 0, 1, None]
    assert all(np.argmax(step["odds"]) == step["action"] for step in steps[:-1])
    assert steps[-1]["action"] is None
    assert all(isinstance(step["value"], float) for step in steps[:-1])


def test_a_policy_whose_memory_is_erased_does_not_know_the_bit(run: Path) -> None:
    model = statewise.load(run)
    assert [one.total for one in model.predict(episodes=20)] == [1] * 20
    erased = [one.total for one in model.predict(episodes=20, erased=True)]
    assert 0 < sum(erased) < 20
    assert [one.total for one in model.predict(episodes=20, erased=True)] == erased


def test_observations_are_answered_as_they_come_and_a_memory_is_put_away(run: Path) -> None:
    live, other = (statewise.load(run).live() for _ in range(2))
    for bit in (1, -1):
        live.push("restart")
        told = [live.push(seen) for seen in ([bit, 0], "[0, 0]", np.zeros(2), [0, 1])]
        assert told[-1].action == (bit + 1) // 2
        assert told[-1].odds[told[-1].action] > 0.5
    live.push("restart")
    live.push([1, 0])
    again = statewise.load(run).live(live.save())
    other.push([1, 0])
    for seen in ([0, 0], [0, 0], [0, 1]):
        assert live.push(seen) == again.push(seen) == other.push(seen)
    for odd in ("noise", "[1]", [1], [1, float("nan")], [True, False], {"a": 1}, None):
        with pytest.raises(UsageError, match=r"cannot be read|is not JSON"):
            live.push(odd)


def test_a_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    how: dict[str, Any] = {**SMALL, "source": "made_games:Recall", "updates": 100, "compare": False}
    whole = statewise.train(Game(**how), run=tmp_path / "whole")
    events = statewise.training(Game(**how), run=tmp_path / "parts")
    for event in events:
        if isinstance(event, Updated) and event.update == 57:
            events.close()
    statewise.resume(tmp_path / "parts")
    ours, theirs = (statewise.load(path).model.state_dict() for path in (tmp_path / "parts", whole.path))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_another_environment_alike_is_scored_and_one_unlike_is_refused(run: Path) -> None:
    assert statewise.evaluate(run, "made_games:long_recall", episodes=5).metrics["steps"] == 8
    with pytest.raises(DataError, match="alike"):
        statewise.evaluate(run, "made_games:Steering")
